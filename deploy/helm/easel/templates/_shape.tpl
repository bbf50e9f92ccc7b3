{{/* What follows from the values, each once. "true" or nothing. */}}

{{- define "easel.severalReplicas" -}}
{{- if or (gt (int .Values.replicas) 1) (and .Values.autoscaling.enabled (gt (int .Values.autoscaling.max) 1)) -}}true{{- end -}}
{{- end -}}

{{- define "easel.storageUrl" -}}
{{- dig "storage" "url" "file" .Values.config -}}
{{- end -}}

{{/* Whether anything is in the pod's own volume, which two pods at once would see differently, or not at all. */}}
{{- define "easel.keepsInPod" -}}
{{- if or (eq .Values.stores.database "embedded") (eq .Values.stores.redis "embedded") (eq (include "easel.storageUrl" .) "file") -}}true{{- end -}}
{{- end -}}

{{- define "easel.persists" -}}
{{- if and .Values.persistence.enabled (include "easel.keepsInPod" .) (not (include "easel.severalReplicas" .)) -}}true{{- end -}}
{{- end -}}

{{- define "easel.migrates" -}}
{{- if and .Values.migration.enabled (eq .Values.stores.database "external") -}}true{{- end -}}
{{- end -}}

{{- define "easel.publicUrl" -}}
{{- if .Values.ingress.enabled -}}
{{- printf "%s://%s" (ternary "https" "http" .Values.ingress.tls) .Values.ingress.host -}}
{{- else -}}
{{- $port := int .Values.service.port -}}
{{- printf "http://%s.%s.svc%s" (include "easel.fullname" .) .Release.Namespace (ternary "" (printf ":%d" $port) (eq $port 80)) -}}
{{- end -}}
{{- end -}}

{{/* Seconds that accepted requests have. 600 is the gateway's own default. */}}
{{- define "easel.deadline" -}}
{{- dig "server" "deadline" 600 .Values.config | int -}}
{{- end -}}

{{/* The pause, then the requests, then 30 seconds for jobs to be handed over and stores to be closed. */}}
{{- define "easel.gracePeriod" -}}
{{- add (int .Values.shutdown.pauseSeconds) (include "easel.deadline" . | int) 30 -}}
{{- end -}}

{{/* Names of variables that the Secret must hold. */}}
{{- define "easel.secretVariables" -}}
{{- $names := list "EASEL_AUTH__ADMIN_KEY" "EASEL_SECRETS__KEY" "EASEL_STORAGE__SIGNING_KEYS" -}}
{{- if eq .Values.stores.database "external" -}}{{- $names = append $names "EASEL_DATABASE__URL" -}}{{- end -}}
{{- if eq .Values.stores.redis "external" -}}{{- $names = append $names "EASEL_REDIS__URL" -}}{{- end -}}
{{- if include "easel.draws" . -}}{{- $names = append $names "EASEL_PROVIDERS__LOCAL__API_KEY" -}}{{- end -}}
{{- concat $names .Values.secret.variables | uniq | toJson -}}
{{- end -}}
