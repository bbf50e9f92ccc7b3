{{/* What every pod of the chart has in common, and may not do. */}}

{{- define "easel.podSecurity" -}}
runAsNonRoot: true
{{- with .Values.user }}
runAsUser: {{ int . }}
runAsGroup: {{ int . }}
fsGroup: {{ int . }}
fsGroupChangePolicy: OnRootMismatch
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "easel.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "easel.pullSecrets" -}}
{{- with .Values.image.pullSecrets -}}
imagePullSecrets:
{{- range . }}
  - name: {{ . | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* One variable of the Secret; a pod does not start without it. */}}
{{- define "easel.fromSecret" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret | quote }}
      key: {{ .name }}
{{- end -}}

{{/* The environment of the gateway. Lists in a variable are JSON. */}}
{{- define "easel.environment" -}}
- name: EASEL_SERVER__DATA_DIR
  value: /data
{{- with dig "server" "allowed_hosts" list .Values.config }}
{{- if not (has "*" .) }}
# Probes and Prometheus call the pod by its address.
- name: POD_IP
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
- name: EASEL_SERVER__ALLOWED_HOSTS
  value: {{ concat . (list "$(POD_IP)" "[$(POD_IP)]") | toJson | squote }}
{{- end }}
{{- end }}
{{- $secret := include "easel.secret" . }}
{{- if $secret }}
{{- range include "easel.secretVariables" . | fromJsonArray }}
{{ include "easel.fromSecret" (dict "name" . "secret" $secret) }}
{{- end }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}
