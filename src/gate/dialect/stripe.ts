import { type DialectForm, facts, jsonAnswer } from './answer.js'

/** https://docs.stripe.com/api/errors. The SDKs obey `Stripe-Should-Retry` before they look at the status. */
export const stripeForm: DialectForm = refusal =>
  jsonAnswer(
    refusal.status,
    {
      error: {
        type: refusal.effect === 'fault' ? 'api_error' : 'invalid_request_error',
        message: refusal.message,
        ...facts(refusal),
      },
    },
    [['Stripe-Should-Retry', 'false']],
  )
