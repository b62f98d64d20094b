import type { OperationClass } from '../../src/protocol/index.js'

/**
 * What Stripe's operations do, reviewed by hand. Every DELETE and every POST that is neither the creation nor
 * the plain update of an object must be listed here (the generator refuses a new one), and so must creations
 * and updates that do more than that: move money, hand out access or return a secret.
 *
 * Not listed: a GET is `read`, a creation `create`, an update `update`.
 */
const REVIEWED: readonly { readonly classes: readonly OperationClass[]; readonly operations: string }[] = [
  {
    // Money leaves, or a decision about it is final.
    classes: ['billing', 'irreversible'],
    operations: `
POST /v1/application_fees/{id}/refund
POST /v1/application_fees/{id}/refunds
POST /v1/billing/credit_grants/{id}/expire
POST /v1/billing/credit_grants/{id}/void
POST /v1/charges/{charge}/capture
POST /v1/charges/{charge}/dispute/close
POST /v1/charges/{charge}/refund
POST /v1/charges/{charge}/refunds
POST /v1/climate/orders/{order}/cancel
POST /v1/credit_notes
POST /v1/credit_notes/{id}/void
DELETE /v1/customers/{customer}/subscriptions/{subscription_exposed_id}
POST /v1/disputes/{dispute}/close
POST /v1/invoices/{invoice}/finalize
POST /v1/invoices/{invoice}/mark_uncollectible
POST /v1/invoices/{invoice}/pay
POST /v1/invoices/{invoice}/void
POST /v1/issuing/authorizations/{authorization}/approve
POST /v1/issuing/authorizations/{authorization}/decline
POST /v1/issuing/disputes/{dispute}/submit
POST /v1/payment_intents/{intent}/cancel
POST /v1/payment_intents/{intent}/capture
POST /v1/payouts
POST /v1/payouts/{payout}/cancel
POST /v1/payouts/{payout}/reverse
POST /v1/quotes/{quote}/accept
POST /v1/refunds
POST /v1/refunds/{refund}/cancel
POST /v1/subscription_schedules/{schedule}/cancel
DELETE /v1/subscriptions/{subscription_exposed_id}
POST /v1/terminal/readers/{reader}/refund_payment
POST /v1/topups/{topup}/cancel
POST /v1/transfers
POST /v1/transfers/{id}/reversals
POST /v1/treasury/credit_reversals
POST /v1/treasury/debit_reversals
POST /v1/treasury/financial_accounts/{financial_account}/close
POST /v1/treasury/inbound_transfers/{inbound_transfer}/cancel
POST /v1/treasury/outbound_payments
POST /v1/treasury/outbound_payments/{id}/cancel
POST /v1/treasury/outbound_transfers
POST /v1/treasury/outbound_transfers/{outbound_transfer}/cancel
POST /v2/money_management/outbound_payments
POST /v2/money_management/outbound_payments/{id}/cancel
POST /v2/money_management/payout_intents/{id}/cancel
POST /v2/money_management/payout_intents/{id}/confirm`,
  },
  {
    // Something that money hangs on goes away, and can be made again.
    classes: ['billing', 'destructive'],
    operations: `
DELETE /v1/customers/{customer}/discount
DELETE /v1/customers/{customer}/subscriptions/{subscription_exposed_id}/discount
DELETE /v1/invoiceitems/{invoiceitem}
POST /v1/invoices/{invoice}/remove_lines
DELETE /v1/subscription_items/{item}
POST /v1/subscription_schedules/{schedule}/release
DELETE /v1/subscriptions/{subscription_exposed_id}/discount
POST /v1/subscriptions/{id}/pause
POST /v1/subscriptions/{subscription}/migrate`,
  },
  {
    // Moves money, promises it, or changes who pays what.
    classes: ['billing'],
    operations: `
POST /v1/application_fees/{fee}/refunds/{id}
POST /v1/billing/credit_grants
POST /v1/billing/credit_grants/{id}
POST /v1/billing/meter_event_adjustments
POST /v1/billing/meter_events
POST /v1/charges
POST /v1/charges/{charge}
POST /v1/charges/{charge}/dispute
POST /v1/charges/{charge}/refunds/{refund}
POST /v1/checkout/sessions
POST /v1/climate/orders
POST /v1/climate/orders/{order}
POST /v1/credit_notes/{id}
POST /v1/customers/{customer}/balance_transactions
POST /v1/customers/{customer}/balance_transactions/{transaction}
POST /v1/customers/{customer}/cash_balance
POST /v1/customers/{customer}/subscriptions
POST /v1/customers/{customer}/subscriptions/{subscription_exposed_id}
POST /v1/disputes/{dispute}
POST /v1/invoiceitems
POST /v1/invoiceitems/{invoiceitem}
POST /v1/invoices/{invoice}/add_lines
POST /v1/invoices/{invoice}/attach_payment
POST /v1/invoices/{invoice}/lines/{line_item_id}
POST /v1/invoices/{invoice}/send
POST /v1/invoices/{invoice}/update_lines
POST /v1/issuing/authorizations/{authorization}
POST /v1/payment_intents
POST /v1/payment_intents/{intent}
POST /v1/payment_intents/{intent}/apply_customer_balance
POST /v1/payment_intents/{intent}/confirm
POST /v1/payment_intents/{intent}/increment_authorization
POST /v1/payment_intents/{intent}/verify_microdeposits
POST /v1/payment_links
POST /v1/payment_links/{payment_link}
POST /v1/payment_records/report_payment
POST /v1/payment_records/{id}/report_payment_attempt
POST /v1/payment_records/{id}/report_payment_attempt_canceled
POST /v1/payment_records/{id}/report_payment_attempt_failed
POST /v1/payment_records/{id}/report_payment_attempt_guaranteed
POST /v1/payment_records/{id}/report_payment_attempt_informational
POST /v1/payment_records/{id}/report_refund
POST /v1/payouts/{payout}
POST /v1/refunds/{refund}
POST /v1/setup_intents
POST /v1/setup_intents/{intent}
POST /v1/setup_intents/{intent}/confirm
POST /v1/setup_intents/{intent}/verify_microdeposits
POST /v1/subscription_items
POST /v1/subscription_items/{item}
POST /v1/subscription_items/{subscription_item}/usage_records
POST /v1/subscription_schedules
POST /v1/subscription_schedules/{schedule}
POST /v1/subscriptions
POST /v1/subscriptions/{subscription_exposed_id}
POST /v1/subscriptions/{subscription}/resume
POST /v1/terminal/readers/{reader}/collect_payment_method
POST /v1/terminal/readers/{reader}/confirm_payment_intent
POST /v1/terminal/readers/{reader}/process_payment_intent
POST /v1/terminal/readers/{reader}/process_setup_intent
POST /v1/topups
POST /v1/topups/{topup}
POST /v1/transfers/{transfer}
POST /v1/transfers/{transfer}/reversals/{id}
POST /v1/treasury/inbound_transfers
POST /v2/billing/meter_event_adjustments
POST /v2/billing/meter_event_stream
POST /v2/billing/meter_events
POST /v2/money_management/inbound_transfers
POST /v2/money_management/outbound_setup_intents
POST /v2/money_management/outbound_setup_intents/{id}
POST /v2/money_management/payout_intents
POST /v2/money_management/payout_intents/{id}
POST /v2/money_management/payout_intents/{id}/refresh_fx_quote
POST /v2/money_management/payout_intents/{id}/refresh_recipient_verification`,
  },
  {
    classes: ['billing', 'privilege'],
    operations: `
POST /v1/issuing/cards
POST /v1/issuing/cards/{card}`,
  },
  {
    // Cannot be brought back.
    classes: ['irreversible'],
    operations: `
POST /v1/checkout/sessions/{session}/expire
DELETE /v1/customers/{customer}
DELETE /v1/customers/{customer}/bank_accounts/{id}
DELETE /v1/customers/{customer}/cards/{id}
DELETE /v1/customers/{customer}/sources/{id}
POST /v1/identity/verification_sessions/{session}/cancel
POST /v1/identity/verification_sessions/{session}/redact
DELETE /v1/invoices/{invoice}
POST /v1/payment_methods/{payment_method}/detach
DELETE /v1/plans/{plan}
DELETE /v1/products/{id}
POST /v1/quotes/{quote}/cancel
POST /v1/quotes/{quote}/finalize
DELETE /v1/radar/value_lists/{value_list}
POST /v1/setup_intents/{intent}/cancel
POST /v1/tax/transactions/create_from_calculation
POST /v1/tax/transactions/create_reversal
DELETE /v1/test_helpers/test_clocks/{test_clock}
POST /v1/three_d_secure/authentications/{id}/cancel
POST /v2/money_management/outbound_setup_intents/{id}/cancel`,
  },
  {
    // Can be undone with effort.
    classes: ['destructive'],
    operations: `
DELETE /v1/apple_pay/domains/{domain}
POST /v1/billing/alerts/{id}/archive
POST /v1/billing/alerts/{id}/deactivate
POST /v1/billing/feedback_options/{id}/deactivate
POST /v1/billing/meters/{id}/deactivate
DELETE /v1/coupons/{coupon}
DELETE /v1/customers/{customer}/tax_ids/{id}
POST /v1/financial_connections/accounts/{account}/disconnect
POST /v1/financial_connections/accounts/{account}/unsubscribe
POST /v1/invoice_rendering_templates/{template}/archive
POST /v1/linked_accounts/{account}/disconnect
DELETE /v1/products/{product}/features/{id}
DELETE /v1/radar/value_list_items/{item}
DELETE /v1/tax_ids/{id}
DELETE /v1/terminal/configurations/{configuration}
DELETE /v1/terminal/locations/{location}
DELETE /v1/terminal/readers/{reader}
POST /v1/terminal/readers/{reader}/cancel_action
POST /v2/money_management/payout_methods/{id}/archive`,
  },
  {
    // Takes access, an account or its owners away for good.
    classes: ['irreversible', 'privilege'],
    operations: `
DELETE /v1/accounts/{account}
DELETE /v1/accounts/{account}/people/{person}
DELETE /v1/accounts/{account}/persons/{person}
POST /v1/accounts/{account}/reject
DELETE /v1/ephemeral_keys/{key}
DELETE /v1/webhook_endpoints/{webhook_endpoint}
POST /oauth/deauthorize
DELETE /v2/core/accounts/{account_id}/persons/{id}
POST /v2/core/accounts/{id}/close
DELETE /v2/core/event_destinations/{id}`,
  },
  {
    classes: ['destructive', 'privilege'],
    operations: `
DELETE /v1/accounts/{account}/bank_accounts/{id}
DELETE /v1/accounts/{account}/external_accounts/{id}
POST /v1/apps/installs/{id}/uninstall
POST /v1/apps/secrets/delete
POST /v2/core/event_destinations/{id}/disable
POST /v2/core/vault/gb_bank_accounts/{id}/archive
POST /v2/core/vault/us_bank_accounts/{id}/archive`,
  },
  {
    // Answers with a secret that opens something.
    classes: ['privilege', 'sensitive_read'],
    operations: `
POST /oauth/token
POST /v1/account_links
POST /v1/account_sessions
POST /v1/accounts/{account}/login_links
POST /v1/billing_portal/sessions
POST /v1/customer_sessions
POST /v1/ephemeral_keys
POST /v1/financial_connections/sessions
POST /v1/link_account_sessions
POST /v1/terminal/connection_tokens
POST /v1/terminal/onboarding_links
POST /v1/webhook_endpoints
POST /v2/billing/meter_event_session
POST /v2/core/account_links
POST /v2/core/event_destinations`,
  },
  {
    // Who may do what, where money is paid out to, what is told to whom.
    classes: ['privilege'],
    operations: `
POST /v1/accounts
POST /v1/accounts/{account}
POST /v1/accounts/{account}/bank_accounts
POST /v1/accounts/{account}/bank_accounts/{id}
POST /v1/accounts/{account}/capabilities/{capability}
POST /v1/accounts/{account}/external_accounts
POST /v1/accounts/{account}/external_accounts/{id}
POST /v1/accounts/{account}/people
POST /v1/accounts/{account}/people/{person}
POST /v1/accounts/{account}/persons
POST /v1/accounts/{account}/persons/{person}
POST /v1/accounts/{account}/unreject
POST /v1/apps/installs
POST /v1/apps/installs/{id}
POST /v1/apps/secrets
POST /v1/balance_settings
POST /v1/customers/{customer}/bank_accounts
POST /v1/customers/{customer}/bank_accounts/{id}
POST /v1/entitlements/features
POST /v1/file_links
POST /v1/file_links/{link}
POST /v1/financial_connections/accounts/{account}/refresh
POST /v1/financial_connections/accounts/{account}/subscribe
POST /v1/issuing/personalization_designs
POST /v1/issuing/personalization_designs/{personalization_design}
POST /v1/issuing/tokens/{token}
POST /v1/linked_accounts/{account}/refresh
POST /v1/products/{product}/features
POST /v1/tokens
POST /v1/treasury/financial_accounts
POST /v1/treasury/financial_accounts/{financial_account}
POST /v1/treasury/financial_accounts/{financial_account}/features
POST /v1/webhook_endpoints/{webhook_endpoint}
POST /v2/core/account_tokens
POST /v2/core/accounts
POST /v2/core/accounts/{account_id}/person_tokens
POST /v2/core/accounts/{account_id}/persons
POST /v2/core/accounts/{account_id}/persons/{id}
POST /v2/core/accounts/{id}
POST /v2/core/event_destinations/{id}
POST /v2/core/event_destinations/{id}/enable
POST /v2/core/vault/gb_bank_accounts
POST /v2/core/vault/gb_bank_accounts/{id}/unarchive
POST /v2/core/vault/us_bank_accounts
POST /v2/core/vault/us_bank_accounts/{id}
POST /v2/core/vault/us_bank_accounts/{id}/confirm_microdeposits
POST /v2/core/vault/us_bank_accounts/{id}/send_microdeposits
POST /v2/core/vault/us_bank_accounts/{id}/unarchive
POST /v2/money_management/payout_methods/{id}/unarchive`,
  },
  {
    // The effect is inside the payload: a request to another API, a report's columns and destination.
    classes: ['opaque'],
    operations: `
POST /v1/forwarding/requests
POST /v1/reporting/report_runs`,
  },
  {
    classes: ['sensitive_read'],
    operations: `
GET /v1/account
GET /v1/apps/secrets
GET /v1/apps/secrets/find
GET /v1/file_links
GET /v1/file_links/{link}
GET /v1/financial_connections/accounts/{account}/owners
GET /v1/forwarding/requests
GET /v1/forwarding/requests/{id}
GET /v1/identity/verification_reports
GET /v1/identity/verification_reports/{report}
GET /v1/linked_accounts/{account}/owners
GET /v2/core/event_destinations
GET /v2/core/event_destinations/{id}`,
  },
  {
    // Computes an answer and changes nothing.
    classes: ['read'],
    operations: `
POST /v1/invoices/create_preview
POST /v1/radar/payment_evaluations
POST /v1/tax/calculations
POST /v2/core/event_destinations/{id}/ping`,
  },
  {
    // Actions that change an object's state and can be set back.
    classes: ['update'],
    operations: `
POST /v1/billing/alerts/{id}/activate
POST /v1/billing/meters/{id}/reactivate
POST /v1/customers/{customer}/bank_accounts/{id}/verify
POST /v1/customers/{customer}/cards
POST /v1/customers/{customer}/cards/{id}
POST /v1/customers/{customer}/funding_instructions
POST /v1/customers/{customer}/sources
POST /v1/customers/{customer}/sources/{id}/verify
POST /v1/invoice_rendering_templates/{template}/unarchive
POST /v1/issuing/settlements/{settlement}
POST /v1/payment_method_domains/{payment_method_domain}/validate
POST /v1/payment_methods/{payment_method}/attach
POST /v1/reviews/{review}/approve
POST /v1/sources/{source}/verify
POST /v1/terminal/readers/{reader}/collect_inputs
POST /v1/terminal/readers/{reader}/set_reader_display
POST /v1/three_d_secure/authentications/{id}/submit
POST /v2/money_management/recipient_verifications/{id}/acknowledge
POST /v2/money_management/transactions/{id}/refresh_regulatory_receipt`,
  },
]

/** Rows for whole families whose members all do the same. */
const FAMILIES: readonly { readonly prefix: string; readonly classes: readonly OperationClass[] }[] = [
  // Test helpers work on test data only, whatever they are called.
  { prefix: 'POST /v1/test_helpers/', classes: ['update'] },
  { prefix: 'POST /v2/money_management/test_helpers/', classes: ['update'] },
  { prefix: 'POST /v2/test_helpers/', classes: ['update'] },
]

const BY_NAME: ReadonlyMap<string, readonly OperationClass[]> = new Map(
  REVIEWED.flatMap(({ classes, operations }) =>
    operations
      .trim()
      .split('\n')
      .map((name): [string, readonly OperationClass[]] => [name, classes]),
  ),
)

/** The classes of an operation, or null where nobody has reviewed it and its method doesn't settle it. */
export function stripeClasses(name: string, verb: string): readonly OperationClass[] | null {
  const reviewed = BY_NAME.get(name) ?? FAMILIES.find(({ prefix }) => name.startsWith(prefix))?.classes
  if (reviewed !== undefined) return reviewed
  if (name.startsWith('GET ')) return ['read']
  if (!name.startsWith('POST ')) return null
  if (/^create(?:[A-Z]|$)/.test(verb)) return ['create']
  return /^update(?:[A-Z]|$)/.test(verb) ? ['update'] : null
}

/** Names in the review that no operation has: a typing error, or an operation that is gone. */
export function unusedReviews(names: ReadonlySet<string>): readonly string[] {
  return [...BY_NAME.keys()].filter(name => !names.has(name))
}
