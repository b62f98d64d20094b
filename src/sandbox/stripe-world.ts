import { randomBytes } from 'node:crypto'

/** State behind the Stripe stand-in: customers, their subscriptions, charges and what was refunded of them. */
export interface StripeWorld {
  readonly customers: Map<string, Customer>
  readonly subscriptions: Map<string, Subscription>
  readonly charges: Map<string, Charge>
  readonly refunds: Map<string, Refund>
  /** Answers by Idempotency-Key, as Stripe replays them. */
  readonly replays: Map<string, { readonly request: string; readonly status: number; readonly body: unknown }>
}

export interface Customer {
  readonly id: string
  readonly object: 'customer'
  readonly created: number
  readonly livemode: false
  email: string | null
  name: string | null
}

export interface Subscription {
  readonly id: string
  readonly object: 'subscription'
  readonly customer: string
  readonly livemode: false
  status: 'active' | 'canceled'
}

export interface Charge {
  readonly id: string
  readonly object: 'charge'
  readonly amount: number
  readonly currency: string
  readonly customer: string
  readonly livemode: false
  amount_refunded: number
  refunded: boolean
}

export interface Refund {
  readonly id: string
  readonly object: 'refund'
  readonly amount: number
  readonly charge: string
  readonly currency: string
  readonly status: 'succeeded'
}

/** Fixed ids of what is there at the start. */
export const STRIPE_IDS = {
  customer: 'cus_QpocketOS01',
  subscription: 'sub_1QpocketOS',
  charge: 'ch_3QpocketOS',
} as const

export function createStripeWorld(now: () => Date): StripeWorld {
  const created = Math.floor(now().getTime() / 1000)
  return {
    customers: new Map([
      [
        STRIPE_IDS.customer,
        {
          id: STRIPE_IDS.customer,
          object: 'customer',
          created,
          livemode: false,
          email: 'desk@example.com',
          name: 'Harbour Rentals',
        },
      ],
    ]),
    subscriptions: new Map([
      [
        STRIPE_IDS.subscription,
        {
          id: STRIPE_IDS.subscription,
          object: 'subscription',
          customer: STRIPE_IDS.customer,
          livemode: false,
          status: 'active',
        },
      ],
    ]),
    charges: new Map([
      [
        STRIPE_IDS.charge,
        {
          id: STRIPE_IDS.charge,
          object: 'charge',
          amount: 25_000,
          currency: 'eur',
          customer: STRIPE_IDS.customer,
          livemode: false,
          amount_refunded: 0,
          refunded: false,
        },
      ],
    ]),
    refunds: new Map(),
    replays: new Map(),
  }
}

export function newStripeId(prefix: string): string {
  return `${prefix}_${randomBytes(9).toString('base64url').replaceAll(/[-_]/g, 'x')}`
}
