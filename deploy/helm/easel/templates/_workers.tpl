{{/* Workers of one's own: pods that announce themselves, and replicas of Ray Serve. */}}

{{- define "easel.draws" -}}
{{- if or .Values.worker.enabled .Values.rayService.enabled -}}true{{- end -}}
{{- end -}}

{{- define "easel.workerName" -}}
{{- printf "%s-worker" (include "easel.fullname" .) -}}
{{- end -}}

{{/* KubeRay takes 47 characters, and calls the Service of Serve by it and -serve-svc. */}}
{{- define "easel.rayName" -}}
{{- printf "%s-ray" (include "easel.fullname" . | trunc 43 | trimSuffix "-") -}}
{{- end -}}

{{- define "easel.rayUrl" -}}
{{- printf "http://%s-serve-svc.%s.svc:8000" (include "easel.rayName" .) .Release.Namespace -}}
{{- end -}}

{{- define "easel.workerLabels" -}}
{{ include "easel.matchLabels" . }}
app.kubernetes.io/component: worker
{{- end -}}

{{/* KubeRay has its own app.kubernetes.io/name for its pods, so that these are told by this one. */}}
{{- define "easel.rayLabels" -}}
easel/rayservice: {{ include "easel.rayName" . }}
{{- end -}}

{{/* Of an image among the values. */}}
{{- define "easel.imageOf" -}}
{{- if .image.digest -}}
{{- printf "%s@%s" .image.repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" .image.repository (default .version .image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The key that workers want to be shown, and where downloaded weights and compiled kernels lie. */}}
{{- define "easel.workerEnvironment" -}}
- name: EASEL_WORKER_KEY
  valueFrom:
    secretKeyRef:
      name: {{ include "easel.secret" . | quote }}
      key: EASEL_PROVIDERS__LOCAL__API_KEY
- name: HOME
  value: /data
- name: HF_HOME
  value: /data/huggingface
{{- end -}}

{{- define "easel.weightsVolume" -}}
- name: data
  {{- if .existingClaim }}
  persistentVolumeClaim:
    claimName: {{ .existingClaim | quote }}
  {{- else }}
  emptyDir:
    sizeLimit: {{ .size }}
  {{- end }}
- name: tmp
  emptyDir:
    sizeLimit: 2Gi
{{- end -}}

{{- define "easel.weightsMounts" -}}
- name: data
  mountPath: /data
- name: tmp
  mountPath: /tmp
{{- end -}}

{{/* `resources` with a pod's GPUs in them. */}}
{{- define "easel.withGpus" -}}
{{- $gpus := dict .gpuResource .gpus -}}
{{- $limits := merge (deepCopy (get .resources "limits" | default dict)) (ternary $gpus dict (gt (int .gpus) 0)) -}}
{{- merge (dict "limits" $limits) (deepCopy .resources) | toYaml -}}
{{- end -}}

{{/* Where such pods may go. */}}
{{- define "easel.placement" -}}
{{- with .runtimeClassName }}
runtimeClassName: {{ . | quote }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
