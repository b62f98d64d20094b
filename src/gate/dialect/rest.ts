import { STATUS_CODES } from 'node:http'
import { type DialectForm, facts, jsonAnswer } from './answer.js'

/** Members of RFC 9457 §3.1 in plain JSON, with `message`, which is where most SDKs look. */
export const restForm: DialectForm = refusal =>
  jsonAnswer(refusal.status, {
    type: `https://countersign.dev/errors#${refusal.code}`,
    title: STATUS_CODES[refusal.status] ?? 'Refused',
    status: refusal.status,
    detail: refusal.message,
    message: refusal.message,
    ...facts(refusal),
  })
