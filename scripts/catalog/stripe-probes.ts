import type { CatalogDocument } from '../../src/protocol/index.js'

/* What Stripe may be asked about an object: whether it is live, whose it is and how much it is about. */

/** Types of objects → the operation that reads one, the parameter that names it, and where the facts are. */
const OBJECTS: Readonly<
  Record<string, { readonly read: string; readonly by: string; readonly facts: object }>
> = {
  charge: {
    read: 'GET /v1/charges/{charge}',
    by: 'charge',
    facts: { customer: 'customer', amount: 'amount', currency: 'currency', refunded: 'amount_refunded' },
  },
  payment_intent: {
    read: 'GET /v1/payment_intents/{intent}',
    by: 'intent',
    facts: { customer: 'customer', amount: 'amount', currency: 'currency', status: 'status' },
  },
  invoice: {
    read: 'GET /v1/invoices/{invoice}',
    by: 'invoice',
    facts: { customer: 'customer', amount: 'total', currency: 'currency', status: 'status' },
  },
  subscription: {
    read: 'GET /v1/subscriptions/{subscription_exposed_id}',
    by: 'subscription_exposed_id',
    facts: { customer: 'customer', status: 'status' },
  },
  customer: { read: 'GET /v1/customers/{customer}', by: 'customer', facts: { customer: 'id' } },
}

export const STRIPE_PROBES: NonNullable<CatalogDocument['probes']> = {
  object: {
    facts: {
      livemode: 'bool',
      customer: 'string',
      amount: 'int',
      refunded: 'int',
      currency: 'string',
      status: 'string',
    },
    about: Object.fromEntries(
      Object.entries(OBJECTS).map(([type, { read, by, facts }]) => [
        type,
        {
          steps: [{ operation: read, args: { [by]: { from: 'id' } }, there: ['id', 'livemode'] }],
          facts: {
            livemode: { step: 0, path: 'livemode', as: 'one' },
            ...Object.fromEntries(
              Object.entries(facts).map(([name, path]) => [
                name,
                { step: 0, path, as: 'one', optional: true },
              ]),
            ),
          },
        },
      ]),
    ),
  },
}
