import type { ArgumentRule, ArgumentType } from '../../src/protocol/index.js'

/** Operations with the same effect under different names: a rule on one covers all. */
export const EFFECTS: Readonly<Record<string, readonly string[]>> = {
  refund: [
    'POST /v1/application_fees/{id}/refund',
    'POST /v1/application_fees/{id}/refunds',
    'POST /v1/charges/{charge}/refund',
    'POST /v1/charges/{charge}/refunds',
    'POST /v1/credit_notes',
    'POST /v1/refunds',
    'POST /v1/terminal/readers/{reader}/refund_payment',
  ],
  charge: [
    'POST /v1/charges',
    'POST /v1/charges/{charge}/capture',
    'POST /v1/invoices/{invoice}/pay',
    'POST /v1/payment_intents',
    'POST /v1/payment_intents/{intent}/capture',
    'POST /v1/payment_intents/{intent}/confirm',
    'POST /v1/payment_intents/{intent}/increment_authorization',
    'POST /v1/terminal/readers/{reader}/confirm_payment_intent',
    'POST /v1/terminal/readers/{reader}/process_payment_intent',
    'POST /v1/topups',
  ],
  payout: [
    'POST /v1/payouts',
    'POST /v1/transfers',
    'POST /v1/treasury/outbound_payments',
    'POST /v1/treasury/outbound_transfers',
    'POST /v2/money_management/outbound_payments',
    'POST /v2/money_management/payout_intents',
    'POST /v2/money_management/payout_intents/{id}/confirm',
  ],
  reversal: [
    'POST /v1/payouts/{payout}/reverse',
    'POST /v1/transfers/{id}/reversals',
    'POST /v1/treasury/credit_reversals',
    'POST /v1/treasury/debit_reversals',
  ],
  cancel_subscription: [
    'DELETE /v1/customers/{customer}/subscriptions/{subscription_exposed_id}',
    'DELETE /v1/subscriptions/{subscription_exposed_id}',
    'POST /v1/subscription_schedules/{schedule}/cancel',
  ],
}

/** Parameters that name an object, by their name → type of the object. Used where the parameter is a text. */
export const ID_ARGUMENTS: Readonly<Record<string, string>> = {
  account: 'account',
  charge: 'charge',
  coupon: 'coupon',
  credit_note: 'credit_note',
  customer: 'customer',
  customer_account: 'v2.core.account',
  destination: 'account',
  destination_payment_method: 'payment_method',
  financial_account: 'treasury.financial_account',
  from_invoice: 'invoice',
  invoice: 'invoice',
  on_behalf_of: 'account',
  payment_intent: 'payment_intent',
  payment_method: 'payment_method',
  plan: 'plan',
  price: 'price',
  product: 'product',
  promotion_code: 'promotion_code',
  quote: 'quote',
  refund: 'refund',
  setup_intent: 'setup_intent',
  source_transaction: 'charge',
  subscription: 'subscription',
  subscription_item: 'subscription_item',
  subscription_schedule: 'subscription_schedule',
  transfer: 'transfer',
  webhook_endpoint: 'webhook_endpoint',
}

/** Of those, what is none where it isn't given. */
export const OPTIONAL_ARGUMENTS: ReadonlySet<string> = new Set(['coupon', 'on_behalf_of', 'promotion_code'])

/** Arguments that make one operation worse than its name says. */
const BY_OPERATION: Readonly<Record<string, readonly ArgumentRule[]>> = {
  'POST /v1/customers/{customer}': [
    { path: 'balance', is: 'present', adds: ['billing'] },
    { path: 'cash_balance', is: 'present', adds: ['billing'] },
  ],
  'POST /v1/customers': [{ path: 'balance', is: 'present', adds: ['billing'] }],
  // Evidence goes to the bank unless `submit` says false, and only once.
  'POST /v1/disputes/{dispute}': [
    { path: 'submit', is: 'differs', value: false, adds: ['irreversible'] },
    { path: 'submit', is: 'absent', adds: ['irreversible'] },
  ],
  'POST /v1/charges/{charge}/dispute': [
    { path: 'submit', is: 'differs', value: false, adds: ['irreversible'] },
    { path: 'submit', is: 'absent', adds: ['irreversible'] },
  ],
  'POST /v1/issuing/cards/{card}': [
    { path: 'status', is: 'equals', value: 'canceled', adds: ['irreversible'] },
  ],
  'POST /v1/issuing/cardholders/{cardholder}': [
    { path: 'status', is: 'equals', value: 'inactive', adds: ['destructive'] },
  ],
  'POST /v1/issuing/tokens/{token}': [
    { path: 'status', is: 'equals', value: 'deleted', adds: ['irreversible'] },
    { path: 'status', is: 'equals', value: 'suspended', adds: ['destructive'] },
  ],
  'POST /v1/plans/{plan}': [{ path: 'active', is: 'equals', value: false, adds: ['destructive'] }],
  'POST /v1/prices/{price}': [{ path: 'active', is: 'equals', value: false, adds: ['destructive'] }],
  'POST /v1/products/{id}': [{ path: 'active', is: 'equals', value: false, adds: ['destructive'] }],
  'POST /v1/subscriptions/{subscription_exposed_id}': cancelling(),
  'POST /v1/customers/{customer}/subscriptions/{subscription_exposed_id}': cancelling(),
  'POST /v1/invoices': [{ path: 'auto_advance', is: 'differs', value: false, adds: ['billing'] }],
  'POST /v1/invoices/{invoice}': [{ path: 'auto_advance', is: 'differs', value: false, adds: ['billing'] }],
  'POST /v1/webhook_endpoints/{webhook_endpoint}': [
    { path: 'disabled', is: 'differs', value: false, adds: ['destructive'] },
  ],
  'POST /v1/payment_links/{payment_link}': [
    { path: 'active', is: 'equals', value: false, adds: ['destructive'] },
  ],
  'POST /v1/accounts/{account}/capabilities/{capability}': [
    { path: 'requested', is: 'differs', value: true, adds: ['destructive'] },
  ],
}

function cancelling(): readonly ArgumentRule[] {
  return [
    { path: 'cancel_at', is: 'present', adds: ['destructive'] },
    { path: 'cancel_at_period_end', is: 'differs', value: false, adds: ['destructive'] },
    { path: 'pause_collection', is: 'present', adds: ['destructive'] },
    { path: 'items', is: 'contains-key', key: 'deleted', adds: ['destructive'] },
  ]
}

/** Objects whose secrets (card number and CVC, account numbers, payloads, keys) come only when expanded. */
const EXPANDABLE = /\/v1\/(?:issuing|treasury|identity|apps\/secrets|financial_connections)(?:\/|$)/

export function rulesOf(name: string, args: Readonly<Record<string, ArgumentType>>): readonly ArgumentRule[] {
  const rules = BY_OPERATION[name] ?? []
  return EXPANDABLE.test(name) && args.expand !== undefined
    ? [...rules, { path: 'expand', is: 'present', adds: ['sensitive_read'] }]
    : rules
}
