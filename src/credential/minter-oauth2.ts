import { base64, type JsonObject, utf8 } from '../canon/index.js'
import { credentialFault } from './error-table.js'
import { minted } from './minted.js'
import { grantedObject, headerSecret, namesPrivateHost, type Outbound } from './outbound.js'
import type { Minter, MintOrder, MintScope, SpecOf } from './ports.js'

/** Where the server doesn't say how long a token lives (RFC 6749 §5.1 lets it). */
const UNSAID_TTL_SECONDS = 60
const MAX_TTL_SECONDS = 3_600

/** Client credentials (RFC 6749 §4.4) with the client's password in HTTP Basic (§2.3.1). */
export function oauth2Minter(network: Pick<Outbound, 'send'>): Minter<'oauth2'> {
  return {
    dependsOn: ({ spec, origins }) => {
      const { origin } = new URL(spec.tokenUrl)
      if (!origins.includes(origin))
        throw credentialFault('vault_entry_origin', `the token endpoint ${origin}`)
      return ''
    },
    mint: async ({ scope, spec, material }) => {
      const answer = await network.send({
        method: 'POST',
        url: spec.tokenUrl,
        headers: {
          authorization: basic(spec.clientId, material.clientSecret),
          'content-type': 'application/x-www-form-urlencoded',
        },
        body: formOf(spec),
        privateUpstream: isNamedPrivate(spec, scope),
      })
      const granted = grantedObject(answer)
      requireBearer(granted)
      requireNoMoreThan(spec.scopes, granted)
      return minted({
        minter: 'oauth2',
        scope: spec.scopes.length === 0 ? 'default scope' : `scope ${spec.scopes.join(' ')}`,
        expiresMs: scope.nowMs + ttlSeconds(granted) * 1_000,
        headers: [['authorization', `Bearer ${headerSecret(granted.access_token)}`]],
      })
    },
  }
}

function formOf({ scopes, audience }: MintOrder<'oauth2'>['spec']): string {
  return new URLSearchParams({
    grant_type: 'client_credentials',
    ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
    ...(audience === undefined ? {} : { audience }),
  }).toString()
}

/** Both halves are form-encoded before they are joined (RFC 6749 §2.3.1). */
function basic(clientId: string, clientSecret: string): string {
  const encoded = [clientId, clientSecret].map(half => new URLSearchParams({ x: half }).toString().slice(2))
  return `Basic ${base64(utf8(encoded.join(':')))}`
}

function isNamedPrivate({ tokenUrl }: SpecOf<'oauth2'>, scope: MintScope): boolean {
  return (scope.privateUpstream && new URL(tokenUrl).origin === scope.origin) || namesPrivateHost(tokenUrl)
}

function requireBearer({ token_type: type }: JsonObject): void {
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer')
    throw credentialFault('mint_answer', 'not a bearer token')
}

/** RFC 6749 §3.3: a server may grant another scope than was asked for; a wider one is not used. */
function requireNoMoreThan(asked: readonly string[], { scope }: JsonObject): void {
  if (scope === undefined || asked.length === 0) return
  if (typeof scope !== 'string') throw credentialFault('mint_answer', 'scope')
  const excess = scope.split(' ').some(each => each !== '' && !asked.includes(each))
  if (excess) throw credentialFault('credential_unbounded', 'the token has scopes that were not asked for')
}

function ttlSeconds({ expires_in: seconds }: JsonObject): number {
  if (seconds === undefined) return UNSAID_TTL_SECONDS
  if (typeof seconds !== 'number' || seconds <= 0) throw credentialFault('mint_answer', 'expires_in')
  return Math.min(Math.floor(seconds), MAX_TTL_SECONDS)
}
