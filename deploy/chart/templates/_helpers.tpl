{{- define "countersign.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end -}}

{{- define "countersign.labels" -}}
app.kubernetes.io/name: countersign
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "countersign.injector.selector" -}}
app.kubernetes.io/name: countersign
app.kubernetes.io/component: injector
{{- end -}}

{{- define "countersign.gateway.selector" -}}
app.kubernetes.io/name: countersign
app.kubernetes.io/component: gateway
app.kubernetes.io/instance: {{ .Values.gateway.name }}
{{- end -}}

{{- /* As Pod Security *restricted* wants it, and a root file system that nobody writes. Give it the user. */ -}}
{{- define "countersign.confined" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: 65530
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "countersign.placement" -}}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "countersign.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "countersign.webhook.metadata" }}
metadata:
  name: countersign
  labels: {{- include "countersign.labels" . | nindent 4 }}
  {{- with .Values.injector.tls.certManager }}
  annotations:
    cert-manager.io/inject-ca-from: {{ . }}
  {{- end }}
{{- end -}}
