import type { ArgumentType } from '../../src/protocol/index.js'

/**
 * Paths that the SDK no longer lists and the server still honours, reviewed by hand. `like` names the
 * operation whose parameters it takes; without one its parameters are untyped.
 */
export interface LegacyOperation {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly shape: string
  readonly like?: string
}

const lines = `
POST   /v1/accounts/{}/bank_accounts                 = POST /v1/accounts/{account}/external_accounts
GET    /v1/accounts/{}/bank_accounts/{}
POST   /v1/accounts/{}/bank_accounts/{}              = POST /v1/accounts/{account}/external_accounts/{id}
DELETE /v1/accounts/{}/bank_accounts/{}
GET    /v1/accounts/{}/people                        = GET /v1/accounts/{account}/persons
POST   /v1/accounts/{}/people                        = POST /v1/accounts/{account}/persons
GET    /v1/accounts/{}/people/{}
POST   /v1/accounts/{}/people/{}                     = POST /v1/accounts/{account}/persons/{person}
DELETE /v1/accounts/{}/people/{}
POST   /v1/application_fees/{}/refund                = POST /v1/application_fees/{id}/refunds
GET    /v1/balance/history                           = GET /v1/balance_transactions
GET    /v1/balance/history/{}
GET    /v1/charges/{}/dispute
POST   /v1/charges/{}/dispute                        = POST /v1/disputes/{dispute}
POST   /v1/charges/{}/dispute/close
POST   /v1/charges/{}/refund                         = POST /v1/refunds
GET    /v1/charges/{}/refunds                        = GET /v1/refunds
POST   /v1/charges/{}/refunds                        = POST /v1/refunds
GET    /v1/charges/{}/refunds/{}
POST   /v1/charges/{}/refunds/{}                     = POST /v1/refunds/{refund}
GET    /v1/customers/{}/bank_accounts
POST   /v1/customers/{}/bank_accounts                = POST /v1/customers/{customer}/sources
GET    /v1/customers/{}/bank_accounts/{}
POST   /v1/customers/{}/bank_accounts/{}             = POST /v1/customers/{customer}/sources/{id}
DELETE /v1/customers/{}/bank_accounts/{}
POST   /v1/customers/{}/bank_accounts/{}/verify      = POST /v1/customers/{customer}/sources/{id}/verify
GET    /v1/customers/{}/cards
POST   /v1/customers/{}/cards                        = POST /v1/customers/{customer}/sources
GET    /v1/customers/{}/cards/{}
POST   /v1/customers/{}/cards/{}                     = POST /v1/customers/{customer}/sources/{id}
DELETE /v1/customers/{}/cards/{}
GET    /v1/customers/{}/discount
GET    /v1/customers/{}/subscriptions                = GET /v1/subscriptions
POST   /v1/customers/{}/subscriptions                = POST /v1/subscriptions
GET    /v1/customers/{}/subscriptions/{}
POST   /v1/customers/{}/subscriptions/{}             = POST /v1/subscriptions/{subscription_exposed_id}
DELETE /v1/customers/{}/subscriptions/{}             = DELETE /v1/subscriptions/{subscription_exposed_id}
GET    /v1/customers/{}/subscriptions/{}/discount
DELETE /v1/customers/{}/subscriptions/{}/discount
GET    /v1/invoices/upcoming
GET    /v1/invoices/upcoming/lines
GET    /v1/issuing/settlements
GET    /v1/issuing/settlements/{}
POST   /v1/issuing/settlements/{}
POST   /v1/link_account_sessions                     = POST /v1/financial_connections/sessions
GET    /v1/link_account_sessions/{}
GET    /v1/linked_accounts                           = GET /v1/financial_connections/accounts
GET    /v1/linked_accounts/{}
POST   /v1/linked_accounts/{}/disconnect
GET    /v1/linked_accounts/{}/owners
POST   /v1/linked_accounts/{}/refresh                = POST /v1/financial_connections/accounts/{account}/refresh
GET    /v1/sources/{}/mandate_notifications/{}
GET    /v1/sources/{}/source_transactions/{}
GET    /v1/subscription_items/{}/usage_record_summaries
POST   /v1/subscription_items/{}/usage_records
`

export const LEGACY: readonly LegacyOperation[] = lines
  .trim()
  .split('\n')
  .map(line => {
    const [operation, like] = line.split('=').map(part => part.trim())
    const [method, shape] = (operation as string).split(/ +/)
    return {
      method: method as LegacyOperation['method'],
      shape: shape as string,
      ...(like === undefined ? {} : { like }),
    }
  })

/** Operations whose types no longer list `payment_method_types`, which the server still takes. */
const WITH_PAYMENT_METHOD_TYPES: ReadonlySet<string> = new Set([
  'POST /v1/checkout/sessions',
  'POST /v1/payment_intents',
  'POST /v1/payment_intents/{intent}',
  'POST /v1/payment_intents/{intent}/confirm',
  'POST /v1/setup_intents',
  'POST /v1/setup_intents/{intent}',
])

/** Parameters of an operation that the SDK no longer lists and the server still honours. */
export function legacyParameters(operation: string): Readonly<Record<string, ArgumentType>> {
  return WITH_PAYMENT_METHOD_TYPES.has(operation) ? { payment_method_types: { list: 'string' } } : {}
}
