import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { encodeEnvelope, type JsonObject, parseStrictJson, type SigningKey } from '../canon/index.js'
import { sealGrantOrder } from '../policy/index.js'
import type { Slot } from '../protocol/index.js'
import { gateAddresses } from './addresses.js'
import { type AdminClient, connectAdmin } from './admin-client.js'
import type { ReachableApi } from './client-environment.js'
import { type LoadedConfig, loadConfig } from './config.js'
import { type Io, UsageError } from './io.js'
import { readSigningKey } from './keyfile.js'
import { reachableApis } from './reachable-apis.js'
import { readSealedPolicy } from './sealed-policy.js'
import { narrowingOf, type SessionOptions } from './session-options.js'

const GRANT_SECONDS = 3_600
/** A grant is renewed when this much of its life is over. */
const RENEW_AT = 0.75

/** One agent's time behind the sidecar: grants ordered under one key, all revoked at the end. */
export interface GrantSession {
  readonly apis: readonly ReachableApi[]
  /** A grant for one slot, within the agent's session; the first one's end is the end of all that follow it. */
  issue(slot: Slot): Promise<IssuedGrant>
  /** Renews the bearer grant until the agent's session is over; returns the way to stop. */
  keepRenewing(renewed: (token: string) => void, failed: (problem: string) => void): () => void
  /** Revokes everything that was issued. */
  end(): Promise<void>
  /** Leaves what was issued in force until it expires. */
  leave(): Promise<void>
}

export interface IssuedGrant {
  readonly token: string
  readonly jti: string
  /** Only for the slot `aws-sigv4`: what its client signs with. */
  readonly secret?: string
  readonly expiresMs: number
}

/** Reads configuration and policy, and connects to the keeper. Throws UsageErrors that say what is missing. */
export async function openGrantSession(options: SessionOptions, io: Io): Promise<GrantSession> {
  const loaded = loadConfig(options.config)
  const key = enrolKey(options, loaded, io)
  const authorizationDetails = narrowingOf(options)
  const policy = readSealedPolicy(loaded)
  const agent = policy.agents.get(options.agent)
  if (agent === undefined) {
    throw new UsageError(
      `the policy has no agent ${options.agent}`,
      `It has: ${[...policy.agents.keys()].join(', ')}.`,
    )
  }
  const admin = connectAdmin(loaded.path(loaded.config.keeper.admin))
  const issued: string[] = []
  const started = Date.now()
  const secondsLeft = () => agent.sessionSeconds - Math.floor((Date.now() - started) / 1000)

  async function issue(slot: Slot): Promise<IssuedGrant> {
    const ttlSeconds = Math.min(GRANT_SECONDS, secondsLeft())
    if (ttlSeconds < 1) throw new UsageError('the agent’s session is over', 'Start it anew.')
    const [first] = issued
    const grant = await orderGrant(admin, key, loaded, {
      ...options,
      environment: agent?.environment ?? '',
      slot,
      ttlSeconds,
      ...(first === undefined ? {} : { renews: first }),
      ...(authorizationDetails === undefined ? {} : { authorizationDetails }),
    })
    issued.push(grant.jti)
    return grant
  }

  return {
    // Read where they are wanted: a grant needs no address.
    get apis() {
      return reachableApis(policy, gateAddresses(loaded))
    },
    issue,
    keepRenewing: (renewed, failed) => {
      let timer: NodeJS.Timeout
      const plan = () => {
        timer = setTimeout(renew, Math.min(GRANT_SECONDS, secondsLeft()) * RENEW_AT * 1000)
        timer.unref()
      }
      const renew = () => {
        if (secondsLeft() < 60) return failed('the agent’s session is over')
        issue('bearer')
          .then(
            ({ token }) => renewed(token),
            error => failed(error instanceof Error ? error.message : String(error)),
          )
          .finally(plan)
      }
      plan()
      return () => clearTimeout(timer)
    },
    end: async () => {
      await Promise.allSettled(issued.map(jti => admin.post(`/v1/grants/${jti}/revoke`)))
      await admin.close()
    },
    leave: () => admin.close(),
  }
}

interface OrderedGrant {
  readonly agent: string
  readonly environment: string
  readonly task: string
  readonly owner: string
  readonly slot: Slot
  readonly ttlSeconds: number
  /** Id of the grant that began the session. */
  readonly renews?: string
  readonly authorizationDetails?: readonly JsonObject[]
}

/** Signs a grant order and has the keeper issue the grant. */
export function orderGrant(
  admin: AdminClient,
  key: SigningKey,
  loaded: LoadedConfig,
  order: OrderedGrant,
): Promise<IssuedGrant> {
  const { agent, environment, task, owner, slot, ttlSeconds, renews, authorizationDetails } = order
  const envelope = sealGrantOrder(
    {
      v: 1,
      origin: loaded.config.origin,
      agent,
      environment,
      task,
      owner,
      slot,
      ttlSeconds,
      t: Date.now(),
      nonce: randomUUID(),
      ...(renews === undefined ? {} : { renews }),
      ...(authorizationDetails === undefined ? {} : { authorizationDetails }),
    },
    key,
  )
  return admin.post<IssuedGrant>('/v1/grants', { order: parseStrictJson(encodeEnvelope(envelope)) })
}

function enrolKey(options: SessionOptions, loaded: LoadedConfig, io: Io): SigningKey {
  const file = options.key ?? io.env.COUNTERSIGN_ENROL_KEY ?? loaded.path('trust/keys/enrol.jwk')
  if (!existsSync(file)) {
    throw new UsageError(
      'no key with the enrol role',
      'Pass --key FILE or set COUNTERSIGN_ENROL_KEY: issuing a grant takes a signature, reaching the keeper is not enough.',
    )
  }
  return readSigningKey(file)
}
