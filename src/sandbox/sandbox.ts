import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { JSONWebKeySet } from 'jose'
import { type AwsStandIn, awsStandIn } from './aws.js'
import type { AwsAccess } from './aws-seed.js'
import { type BillingStandIn, billingStandIn } from './billing.js'
import { type RailwayStandIn, railwayStandIn } from './railway.js'
import { type RestrictedKey, type StripeStandIn, stripeStandIn } from './stripe.js'

export interface SandboxOptions {
  /** `host:port` per stand-in, loopback only; port 0 picks a free one. */
  readonly listen: { readonly railway: string; readonly stripe: string; readonly billing: string }
  /** The account token that Railway's stand-in accepts; every other one is refused. */
  readonly railwayToken: string
  /** A second one that may only read. */
  readonly railwayViewer?: string
  readonly stripeKeys: readonly RestrictedKey[]
  readonly billing: { readonly audience: string; readonly jwks: JSONWebKeySet }
  readonly aws: AwsOptions
  readonly now?: () => Date
}

export interface AwsOptions extends AwsAccess {
  /** `host:port`, loopback only; port 0 picks a free one. */
  readonly listen: string
}

export interface RunningAws extends AwsStandIn {
  readonly url: string
  close(): Promise<void>
}

export interface Sandbox {
  readonly railway: RailwayStandIn & { readonly url: string }
  readonly stripe: StripeStandIn & { readonly url: string }
  readonly billing: BillingStandIn & { readonly url: string }
  readonly aws: RunningAws
  close(): Promise<void>
}

/** Starts the stand-in clouds on loopback. Throws when an address isn't loopback or is taken. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const now = options.now ?? (() => new Date())
  const railway = railwayStandIn(
    {
      account: options.railwayToken,
      ...(options.railwayViewer === undefined ? {} : { viewer: options.railwayViewer }),
    },
    now,
  )
  const stripe = stripeStandIn(options.stripeKeys, now)
  const billing = billingStandIn(options.billing.audience, options.billing.jwks)
  const servers = [railway.server, stripe.server, billing.server]
  let aws: RunningAws | null = null
  try {
    aws = await startAwsSandbox(options.aws, now)
    return {
      aws,
      railway: { ...railway, url: await listen(railway.server, options.listen.railway) },
      stripe: { ...stripe, url: await listen(stripe.server, options.listen.stripe) },
      billing: { ...billing, url: await listen(billing.server, options.listen.billing) },
      close: async () => {
        await Promise.all([...servers.map(server => server.close()), aws?.close()])
      },
    }
  } catch (error) {
    await Promise.allSettled([...servers.map(server => server.close()), aws?.close()])
    throw error
  }
}

/** Starts the AWS account alone. Throws when its address isn't loopback or is taken. */
export async function startAwsSandbox(
  options: AwsOptions,
  now: () => Date = () => new Date(),
): Promise<RunningAws> {
  const aws = awsStandIn(options, now)
  const port = portOf(options.listen)
  await new Promise<void>((resolve, reject) => {
    // `on`: behind the listening it is a connection that can't be taken, which is no reason to end.
    aws.server.on('error', reject)
    aws.server.listen(port, '127.0.0.1', resolve)
  })
  const url = `http://127.0.0.1:${(aws.server.address() as AddressInfo).port}`
  return { ...aws, url, close: () => closed(aws.server) }
}

function closed(server: Server): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

async function listen(server: FastifyInstance, address: string): Promise<string> {
  const url = await server.listen({ host: '127.0.0.1', port: portOf(address) })
  server.server.on('error', () => undefined)
  return url
}

function portOf(address: string): number {
  const match = /^(?:127\.0\.0\.1|localhost):(\d{1,5})$/.exec(address)
  if (match === null) throw new Error(`a stand-in listens on loopback only, not on ${address}`)
  return Number(match[1])
}
