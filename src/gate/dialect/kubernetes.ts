import { type DialectForm, facts, jsonAnswer } from './answer.js'

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/: what kubectl prints. */
export const kubernetesForm: DialectForm = refusal =>
  jsonAnswer(refusal.status, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: refusal.message,
    reason: REASONS[refusal.status] ?? (refusal.status >= 500 ? 'InternalError' : 'Forbidden'),
    details: {
      causes: [{ reason: refusal.code, message: refusal.rule ?? '', field: '' }],
      ...facts(refusal),
    },
    code: refusal.status,
  })

/** `metav1.StatusReason` by HTTP status. */
const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  429: 'TooManyRequests',
  503: 'ServiceUnavailable',
  504: 'Timeout',
}
