import type { FastifyInstance } from 'fastify'
import type { JSONWebKeySet } from 'jose'
import { type BillingStandIn, billingStandIn } from './billing.js'
import { type RailwayStandIn, railwayStandIn } from './railway.js'
import { type RestrictedKey, type StripeStandIn, stripeStandIn } from './stripe.js'

export interface SandboxOptions {
  /** `host:port` per stand-in, loopback only; port 0 picks a free one. */
  readonly listen: { readonly railway: string; readonly stripe: string; readonly billing: string }
  /** The account token that Railway's stand-in accepts; every other one is refused. */
  readonly railwayToken: string
  readonly stripeKeys: readonly RestrictedKey[]
  readonly billing: { readonly audience: string; readonly jwks: JSONWebKeySet }
  readonly now?: () => Date
}

export interface Sandbox {
  readonly railway: RailwayStandIn & { readonly url: string }
  readonly stripe: StripeStandIn & { readonly url: string }
  readonly billing: BillingStandIn & { readonly url: string }
  close(): Promise<void>
}

/** Starts the stand-in clouds on loopback. Throws when an address isn't loopback or is taken. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const now = options.now ?? (() => new Date())
  const railway = railwayStandIn(options.railwayToken, now)
  const stripe = stripeStandIn(options.stripeKeys, now)
  const billing = billingStandIn(options.billing.audience, options.billing.jwks)
  const servers = [railway.server, stripe.server, billing.server]
  try {
    return {
      railway: { ...railway, url: await listen(railway.server, options.listen.railway) },
      stripe: { ...stripe, url: await listen(stripe.server, options.listen.stripe) },
      billing: { ...billing, url: await listen(billing.server, options.listen.billing) },
      close: async () => {
        await Promise.all(servers.map(server => server.close()))
      },
    }
  } catch (error) {
    await Promise.allSettled(servers.map(server => server.close()))
    throw error
  }
}

async function listen(server: FastifyInstance, address: string): Promise<string> {
  const match = /^(127\.0\.0\.1|localhost):(\d{1,5})$/.exec(address)
  if (match === null) throw new Error(`a stand-in listens on loopback only, not on ${address}`)
  return server.listen({ host: '127.0.0.1', port: Number(match[2]) })
}
