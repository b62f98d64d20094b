import { type DialectForm, facts } from './answer.js'

/** https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api: `message`, and `errors` with codes. */
export const githubForm: DialectForm = refusal => ({
  status: refusal.status,
  headers: [],
  body: { message: refusal.message, errors: [facts(refusal)], status: String(refusal.status) },
})
