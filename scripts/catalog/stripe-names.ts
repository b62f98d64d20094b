/**
 * Names of path parameters in Stripe's own OpenAPI document. The SDK calls most of them `id`; a policy should
 * read like Stripe's reference. A parameter not listed here is the singular of the segment before it, and in
 * v2 it is `id`.
 */

/** Collections whose members are `{id}`. */
const IDS: ReadonlySet<string> = new Set([
  '/v1/accounts/{}/bank_accounts',
  '/v1/accounts/{}/external_accounts',
  '/v1/application_fees/{}/refunds',
  '/v1/apps/installs',
  '/v1/balance/history',
  '/v1/balance_transactions',
  '/v1/billing/alerts',
  '/v1/billing/credit_balance_transactions',
  '/v1/billing/credit_grants',
  '/v1/billing/feedback_options',
  '/v1/billing/meters',
  '/v1/customers/{}/bank_accounts',
  '/v1/customers/{}/cards',
  '/v1/customers/{}/sources',
  '/v1/customers/{}/tax_ids',
  '/v1/entitlements/active_entitlements',
  '/v1/entitlements/features',
  '/v1/events',
  '/v1/forwarding/requests',
  '/v1/payment_attempt_records',
  '/v1/payment_records',
  '/v1/product_catalog/trial_offers',
  '/v1/products/{}/features',
  '/v1/tax/locations',
  '/v1/tax/registrations',
  '/v1/tax_codes',
  '/v1/tax_ids',
  '/v1/test_helpers/treasury/inbound_transfers',
  '/v1/test_helpers/treasury/outbound_payments',
  '/v1/three_d_secure/authentications',
  '/v1/transfers/{}/reversals',
  '/v1/treasury/outbound_payments',
  '/v1/treasury/received_credits',
  '/v1/treasury/received_debits',
  '/v1/treasury/transaction_entries',
  '/v1/treasury/transactions',
])

const IRREGULAR: Readonly<Record<string, string>> = {
  '/v1/accounts/{}/people': 'person',
  '/v1/application_fees': 'id',
  '/v1/country_specs': 'country',
  '/v1/credit_notes': 'id',
  '/v1/customers/{}/balance_transactions': 'transaction',
  '/v1/customers/{}/cash_balance_transactions': 'transaction',
  '/v1/customers/{}/subscriptions': 'subscription_exposed_id',
  '/v1/ephemeral_keys': 'key',
  '/v1/exchange_rates': 'rate_id',
  '/v1/file_links': 'link',
  '/v1/identity/verification_reports': 'report',
  '/v1/identity/verification_sessions': 'session',
  '/v1/invoice_rendering_templates': 'template',
  '/v1/invoices/{}/lines': 'line_item_id',
  '/v1/link_account_sessions': 'session',
  '/v1/linked_accounts': 'account',
  '/v1/payment_intents': 'intent',
  '/v1/payment_method_configurations': 'configuration',
  '/v1/radar/value_list_items': 'item',
  '/v1/setup_intents': 'intent',
  '/v1/shipping_rates': 'shipping_rate_token',
  '/v1/subscription_items': 'item',
  '/v1/subscription_schedules': 'schedule',
  '/v1/subscriptions': 'subscription_exposed_id',
}

/** Where one collection's parameter has several names: what follows it decides. */
const BY_SHAPE: Readonly<Record<string, string>> = {
  '/v1/application_fees/{}/refunds/{}': 'fee',
  '/v1/credit_notes/{}/lines': 'credit_note',
  '/v1/products/{}': 'id',
  '/v1/subscription_items/{}/usage_record_summaries': 'subscription_item',
  '/v1/subscription_items/{}/usage_records': 'subscription_item',
  '/v1/subscriptions/{}/migrate': 'subscription',
  '/v1/subscriptions/{}/pause': 'id',
  '/v1/subscriptions/{}/resume': 'subscription',
  '/v1/transfers/{}/reversals': 'id',
  '/v2/core/accounts/{}/person_tokens': 'account_id',
  '/v2/core/accounts/{}/person_tokens/{}': 'account_id',
  '/v2/core/accounts/{}/persons': 'account_id',
  '/v2/core/accounts/{}/persons/{}': 'account_id',
}

const BY_OPERATION: Readonly<Record<string, string>> = {
  'GET /v1/treasury/inbound_transfers/{}': 'id',
}

/** One parameter of a path: its official name and what it names, in the words of the objects' `object` member. */
export interface PathParameter {
  readonly name: string
  /** `customer`, `checkout.session`, `v2.core.account`. */
  readonly resource: string
}

/** Fills in the names: `/v1/charges/{}/capture` → `/v1/charges/{charge}/capture` and `[{charge, charge}]`. */
export function namePath(
  method: string,
  shape: string,
  singularOf: (plural: string) => string,
): { readonly path: string; readonly parameters: readonly PathParameter[] } {
  const segments = shape.split('/')
  const parameters: PathParameter[] = []
  for (let i = 0; i < segments.length; i++) {
    if (segments[i] !== '{}') continue
    const collection = shape.split('/').slice(0, i).join('/')
    const singular = singularOf(segments[i - 1] as string)
    const first = parameters.length === 0
    const name =
      (first ? (BY_OPERATION[`${method} ${shape}`] ?? BY_SHAPE[shape]) : undefined) ??
      IRREGULAR[collection] ??
      (IDS.has(collection) || shape.startsWith('/v2/') ? 'id' : singular)
    parameters.push({ name, resource: first ? qualified(segments.slice(1, i - 1), singular) : singular })
    segments[i] = `{${name}}`
  }
  return { path: segments.join('/'), parameters }
}

/** The namespace of a first-level object: `/v1/checkout/sessions` holds `checkout.session`s. */
function qualified(before: readonly string[], singular: string): string {
  const namespace = before[0] === 'v1' ? before.slice(1).filter(name => name !== 'test_helpers') : before
  return [...(singular === 'test_clock' ? ['test_helpers'] : namespace), singular].join('.')
}
