import type { Answer } from './agent.js'

/** Refused with this code, and recorded. */
export const refusedAs = (code: string) => (answer: Answer) =>
  answer.decision?.includes(code) === true && answer.receipt !== null

/** Admitted, and answered by the cloud without an error of its own. */
export const allowed = (answer: Answer) =>
  answer.status === 200 && answer.decision?.includes('allow') === true && !hasErrors(answer)

function hasErrors(answer: Answer): boolean {
  return typeof answer.body === 'object' && answer.body !== null && 'errors' in answer.body
}
