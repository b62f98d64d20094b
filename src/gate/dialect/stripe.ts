import { type DialectForm, facts } from './answer.js'

/** https://docs.stripe.com/api/errors. The SDKs obey `Stripe-Should-Retry` before they look at the status. */
export const stripeForm: DialectForm = refusal => ({
  status: refusal.status,
  headers: [['Stripe-Should-Retry', 'false']],
  body: {
    error: {
      type: refusal.effect === 'fault' ? 'api_error' : 'invalid_request_error',
      message: refusal.message,
      ...facts(refusal),
    },
  },
})
