{{/* Rules of who may be called. */}}

{{- define "easel.egressDns" -}}
- to:
    {{- toYaml .Values.networkPolicy.dns | nindent 4 }}
  ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
{{- end -}}

{{/* One store: `port`, and `to`, which is left out where it is empty; without it anything at that port may be called. */}}
{{- define "easel.egressStore" -}}
- ports:
    - port: {{ int .port }}
      protocol: TCP
  {{- with .to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* Everybody but what is private, local or reserved: there are databases, other tenants, and a cloud's metadata. */}}
{{- define "easel.egressWorld" -}}
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except:
          - 0.0.0.0/8
          - 10.0.0.0/8
          - 100.64.0.0/10
          - 127.0.0.0/8
          - 169.254.0.0/16
          - 172.16.0.0/12
          - 192.0.0.0/24
          - 192.168.0.0/16
          - 198.18.0.0/15
          - 224.0.0.0/3
    - ipBlock:
        cidr: 2000::/3 # what is public of IPv6
  ports:
    {{- range .Values.networkPolicy.worldPorts }}
    - port: {{ int . }}
      protocol: TCP
    {{- end }}
{{- end -}}
