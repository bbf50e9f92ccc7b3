{{/* What cannot work, all of it in one go. */}}
{{- define "easel.checks" -}}
{{- $problems := concat
      (include "easel.storeProblems" . | fromJsonArray)
      (include "easel.secretProblems" . | fromJsonArray)
      (include "easel.configProblems" . | fromJsonArray)
      (include "easel.otherProblems" . | fromJsonArray) -}}
{{- if $problems -}}
{{- fail (printf "\n%s\n" (join "\n" $problems)) -}}
{{- end -}}
{{- end -}}

{{- define "easel.storeProblems" -}}
{{- $problems := list -}}
{{- if include "easel.severalReplicas" . -}}
{{- if eq .Values.stores.database "embedded" -}}
{{- $problems = append $problems "stores.database: embedded is SQLite in the volume of one pod. With more than one replica set it to external, and EASEL_DATABASE__URL of the Secret to postgresql://…" -}}
{{- end -}}
{{- if eq .Values.stores.redis "embedded" -}}
{{- $problems = append $problems "stores.redis: embedded is a Valkey in one pod. With more than one replica set it to external, and EASEL_REDIS__URL of the Secret to redis://… or rediss://…" -}}
{{- end -}}
{{- if eq (include "easel.storageUrl" .) "file" -}}
{{- $problems = append $problems "config.storage.url: \"file\", its default, keeps pictures in the volume of one pod. With more than one replica set it to s3://bucket/prefix, gs://… or az://…" -}}
{{- end -}}
{{- end -}}
{{- $problems | toJson -}}
{{- end -}}

{{- define "easel.secretProblems" -}}
{{- $problems := list -}}
{{- $shared := or (include "easel.severalReplicas" .) (eq .Values.stores.database "external") (eq .Values.stores.redis "external") -}}
{{- if and $shared (not (include "easel.secret" .)) -}}
{{- $problems = append $problems (printf "secret.name: is empty; name a Secret that holds %s, or let secret.external make one" (include "easel.secretVariables" . | fromJsonArray | join ", ")) -}}
{{- end -}}
{{- if and .Values.secret.variables (not (include "easel.secret" .)) -}}
{{- $problems = append $problems "secret.variables: there is no Secret that they could come from; set secret.name" -}}
{{- end -}}
{{- with .Values.secret.external -}}
{{- if and .enabled $.Values.secret.name -}}
{{- $problems = append $problems "secret: has a name and an external one; the name is that of a Secret which is there already" -}}
{{- end -}}
{{- if and .enabled (not (and .store .key)) -}}
{{- $problems = append $problems "secret.external: needs store and key" -}}
{{- end -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- if and (hasKey . "value") (regexMatch "^EASEL_.*(_KEY|_KEYS|(DATABASE|REDIS)__URL)$|_API_KEY$|_TOKEN$|^FAL_KEY$|SECRET" .name) -}}
{{- $problems = append $problems (printf "extraEnv: %s is a secret; put it into the Secret and its name into secret.variables" .name) -}}
{{- end -}}
{{- end -}}
{{- $problems | toJson -}}
{{- end -}}

{{- define "easel.configProblems" -}}
{{- $problems := list -}}
{{- $config := .Values.config -}}
{{- range $path, $variable := dict "auth.admin_key" "EASEL_AUTH__ADMIN_KEY" "database.url" "EASEL_DATABASE__URL" "redis.url" "EASEL_REDIS__URL" "storage.signing_keys" "EASEL_STORAGE__SIGNING_KEYS" "secrets.key" "EASEL_SECRETS__KEY" -}}
{{- $steps := splitList "." $path -}}
{{- if hasKey (get $config (first $steps) | default dict) (last $steps) -}}
{{- $problems = append $problems (printf "config.%s: a secret has no place in values; it is %s in the Secret" $path $variable) -}}
{{- end -}}
{{- end -}}
{{- range dig "providers" "local" "workers" list $config -}}
{{- if and (kindIs "map" .) (hasKey . "api_key") -}}
{{- $problems = append $problems "config.providers.local.workers: a secret has no place in values; put all of EASEL_PROVIDERS__LOCAL__WORKERS into the Secret and its name into secret.variables" -}}
{{- end -}}
{{- end -}}
{{- range $name, $provider := get $config "providers" | default dict -}}
{{- if hasKey $provider "api_key" -}}
{{- $problems = append $problems (printf "config.providers.%s.api_key: a secret has no place in values; put its variable into the Secret and into secret.variables" $name) -}}
{{- end -}}
{{- end -}}
{{- if hasKey (get $config "server" | default dict) "data_dir" -}}
{{- $problems = append $problems "config.server.data_dir: is the chart's to set; it is a volume at /data" -}}
{{- end -}}
{{- if not (dig "auth" "required" true $config) -}}
{{- $problems = append $problems "config.auth.required: false would let in whoever reaches the Service, and the gateway does not start so" -}}
{{- end -}}
{{- $problems | toJson -}}
{{- end -}}

{{- define "easel.otherProblems" -}}
{{- $problems := list -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) -}}
{{- $problems = append $problems "ingress.host: is empty; name the host under which callers reach the gateway" -}}
{{- end -}}
{{- if and .Values.worker.enabled (ne .Values.stores.redis "external") -}}
{{- $problems = append $problems "worker: is found through Redis; set stores.redis to external, and EASEL_REDIS__URL of the Secret" -}}
{{- end -}}
{{- if and (include "easel.draws" .) (not (include "easel.secret" .)) -}}
{{- $problems = append $problems "secret.name: is empty; workers want to be shown a key, which is EASEL_PROVIDERS__LOCAL__API_KEY of a Secret" -}}
{{- end -}}
{{- if gt (int .Values.rayService.replicas.min) (int .Values.rayService.replicas.max) -}}
{{- $problems = append $problems "rayService.replicas: min is more than max" -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.min) (int .Values.autoscaling.max)) -}}
{{- $problems = append $problems "autoscaling: min is more than max" -}}
{{- end -}}
{{- $problems | toJson -}}
{{- end -}}
