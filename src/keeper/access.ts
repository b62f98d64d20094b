import { CountersignError } from '../canon/index.js'
import type { CredentialBroker, MintScope, RecordedCredential } from '../credential/index.js'
import { linkFault } from '../link/index.js'
import type { CredentialSpec } from '../policy/index.js'
import type { Header } from '../protocol/index.js'
import type { Case } from './attempt-entry.js'
import type { Clock, Log } from './ports.js'
import type { Route } from './ruling.js'
import { outboundPayload } from './signature.js'

export interface Access {
  /** Null where the API needs none. */
  readonly credential: RecordedCredential | null
  readonly headers: readonly Header[]
}

export interface UpstreamAccessParts {
  readonly broker: CredentialBroker
  readonly clock: Clock
  readonly log: Log
}

/** What gets an allowed request in at the upstream: nothing, the credential's own headers, or a signature of this one request. */
export class UpstreamAccess {
  private readonly parts: UpstreamAccessParts

  constructor(parts: UpstreamAccessParts) {
    this.parts = parts
  }

  /** `failed` where nothing could be minted, or nothing signed; the log says why. */
  async obtain(c: Case, route: Route): Promise<Access | 'failed'> {
    const { api } = route
    if (api.credential === null) return { credential: null, headers: [] }
    const spec = c.policy.credentials.get(api.credential)
    if (spec === undefined) return 'failed'
    try {
      const credential = await this.parts.broker.obtain(mintScope(c, route, api.credential, spec))
      return { credential, headers: this.headersOf(credential, c, route) }
    } catch (error) {
      const code = error instanceof CountersignError ? error.code : 'unexpected'
      this.parts.log.error(
        { code, credential: api.credential, api: api.name },
        'no credential could be minted',
      )
      return 'failed'
    }
  }

  /** What was minted while somebody halted the agent; what it had before, the halt itself has ended. */
  end({ grant: { agent, task } }: Route): void {
    this.parts.broker
      .revoke({ agent, task })
      .catch(error =>
        this.parts.log.error(
          { agent, reason: String((error as { code?: unknown }).code) },
          'minted credentials outlive a halt',
        ),
      )
  }

  private headersOf(
    credential: RecordedCredential,
    { request, operations }: Case,
    { origin, signature }: Route,
  ): readonly Header[] {
    if (credential.sign === undefined) return credential.headers
    // Nothing says what would be signed, nor for which service.
    if (signature === null) throw linkFault('signature_missing')
    const { method, target, body } = request
    const { outbound, service } = signature.signed
    const region = operations[0]?.scope.region ?? signature.signed.region
    return credential.sign({
      method,
      origin,
      target,
      headers: outbound,
      payload: outboundPayload(signature.signed, body),
      service,
      region,
      nowMs: this.parts.clock.nowMs(),
    })
  }
}

function mintScope(
  c: Case,
  { grant, api, origin }: Route,
  credential: string,
  spec: CredentialSpec,
): MintScope {
  return {
    agent: { id: grant.agent, environment: grant.environment, task: grant.task, owner: grant.owner },
    api: api.name,
    account: c.operations.find(({ account }) => account !== undefined)?.account ?? null,
    credential,
    spec,
    operations: c.operations,
    origin,
    privateUpstream: api.privateUpstream,
    policyCid: c.policy.cid,
    nowMs: c.nowMs,
  }
}
