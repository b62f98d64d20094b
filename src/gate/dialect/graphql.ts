import { type DialectForm, facts, jsonAnswer } from './answer.js'

/**
 * https://spec.graphql.org/October2021/#sec-Response-Format. Status 200 for a decision, because clients hide
 * `errors` under a 403; a fault keeps its status, because monitors and retries look at that.
 */
export const graphqlForm: DialectForm = refusal =>
  jsonAnswer(refusal.effect === 'fault' ? refusal.status : 200, {
    data: null,
    errors: [{ message: refusal.message, extensions: facts(refusal) }],
  })
