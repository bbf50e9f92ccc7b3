{{/* TOML of values. Helm reads every number as a float: whole ones are written as integers, which some keys must be. */}}

{{- define "easel.tomlKey" -}}
{{- if regexMatch "^[A-Za-z0-9_-]+$" . -}}{{- . -}}{{- else -}}{{- toJson . -}}{{- end -}}
{{- end -}}

{{- define "easel.tomlValue" -}}
{{- if kindIs "string" . -}}
{{- toJson . -}}
{{- else if kindIs "float64" . -}}
{{- if eq . (floor .) -}}{{- printf "%d" (int64 .) -}}{{- else -}}{{- printf "%v" . -}}{{- end -}}
{{- else if kindIs "slice" . -}}
[{{- range $index, $each := . -}}{{- if $index -}}, {{ end -}}{{- include "easel.tomlValue" $each -}}{{- end -}}]
{{- else if kindIs "map" . -}}
{{- $pairs := list -}}
{{- range $key, $each := . -}}{{- $pairs = append $pairs (printf "%s = %s" (include "easel.tomlKey" $key) (include "easel.tomlValue" $each)) -}}{{- end -}}
{{- printf "{ %s }" (join ", " $pairs) -}}
{{- else -}}
{{- . -}}
{{- end -}}
{{- end -}}

{{- define "easel.tomlTable" -}}
[{{ .heading }}]
{{ range $key, $each := .table -}}
{{- if not (kindIs "invalid" $each) -}}
{{ include "easel.tomlKey" $key }} = {{ include "easel.tomlValue" $each }}
{{ end -}}
{{- end -}}
{{- end -}}

{{/* Each provider and model has a table of its own. */}}
{{- define "easel.toml" -}}
{{- $tables := list -}}
{{- range $name, $table := . -}}
{{- if has $name (list "providers" "models") -}}
{{- range $key, $each := $table -}}
{{- $heading := printf "%s.%s" $name (include "easel.tomlKey" $key) -}}
{{- $tables = append $tables (include "easel.tomlTable" (dict "heading" $heading "table" $each)) -}}
{{- end -}}
{{- else if $table -}}
{{- $tables = append $tables (include "easel.tomlTable" (dict "heading" $name "table" $table)) -}}
{{- end -}}
{{- end -}}
{{- join "\n" $tables -}}
{{- end -}}
