import { type DialectForm, facts, jsonAnswer } from './answer.js'

/** https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api: `message`, and `errors` with codes. */
export const githubForm: DialectForm = refusal =>
  jsonAnswer(refusal.status, {
    message: refusal.message,
    errors: [facts(refusal)],
    status: String(refusal.status),
  })
