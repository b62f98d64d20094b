import { createPrivateKey, type JsonWebKey, randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import {
  base64url,
  canonicalBytes,
  fromBase64url,
  isRemoteKey,
  keyIdOf,
  type RemoteKey,
  utf8,
} from '../canon/index.js'
import { credentialFault } from './error-table.js'
import {
  CLAIM_OF_SLOT,
  GRANT_ALG,
  GRANT_TYP,
  type GrantClaims,
  isDetails,
  isPlainText,
  MAX_GRANT_CHARS,
  MAX_GRANT_TTL_SECONDS,
} from './grant-claims.js'
import type { Grant, GrantIssuer, GrantOrder } from './ports.js'

/**
 * Issues grants of this origin with its grant key (a private Ed25519 JWK, RFC 8037 §2, or a key that is held
 * elsewhere). Whether the order may be fulfilled at all is decided before: it must be signed by a key with the `enrol`
 * role.
 */
export function grantIssuer(key: JsonWebKey | RemoteKey, origin: string): GrantIssuer {
  const sign = signerOf(key)
  return {
    issue: async (order, nowMs) => {
      const claims = claimsOf(order, origin, nowMs)
      const token = await sign(claims)
      if (token.length > MAX_GRANT_CHARS)
        throw credentialFault('grant_order_invalid', `the grant is longer than ${MAX_GRANT_CHARS} characters`)
      return { token, grant: grantOf(claims) }
    },
  }
}

function signerOf(key: JsonWebKey | RemoteKey): (claims: GrantClaims) => Promise<string> {
  if (isRemoteKey(key as RemoteKey)) return remoteSigner(key as RemoteKey)
  const { x } = key as JsonWebKey
  const signer = createPrivateKey({ key: key as JsonWebKey, format: 'jwk' })
  if (signer.asymmetricKeyType !== 'ed25519' || typeof x !== 'string')
    throw credentialFault('grant_order_invalid', 'the grant key is not an Ed25519 key')
  const header = headerOf(keyIdOf(fromBase64url(x)))
  return claims => new SignJWT({ ...claims }).setProtectedHeader(header).sign(signer)
}

/** RFC 7515 §5.1 by hand: only the last step is done elsewhere. */
function remoteSigner(key: RemoteKey): (claims: GrantClaims) => Promise<string> {
  const header = base64url(canonicalBytes(headerOf(key.keyid)))
  return async claims => {
    const input = `${header}.${base64url(utf8(JSON.stringify(claims)))}`
    const [signature] = await key.signAll([utf8(input)]).catch(() => {
      throw credentialFault('grant_signer_unavailable')
    })
    return `${input}.${base64url(signature as Uint8Array)}`
  }
}

function headerOf(kid: string) {
  return { alg: GRANT_ALG, kid, typ: GRANT_TYP }
}

export function grantOf(claims: GrantClaims): Grant {
  return {
    agent: claims.sub,
    environment: claims.environment,
    task: claims.task,
    owner: claims.owner,
    jti: claims.jti,
    expiresMs: claims.exp * 1_000,
    authorizationDetails: claims.authorization_details ?? null,
  }
}

function claimsOf(order: GrantOrder, origin: string, nowMs: number): GrantClaims {
  const { agent, environment, task, owner, ttlSeconds, authorizationDetails } = order
  for (const [member, value] of Object.entries({ agent, environment, task, owner })) {
    if (!isPlainText(value)) throw credentialFault('grant_order_invalid', member)
  }
  if (!Number.isSafeInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > MAX_GRANT_TTL_SECONDS)
    throw credentialFault('grant_order_invalid', 'ttlSeconds')
  if (!isDetails(authorizationDetails)) throw credentialFault('grant_order_invalid', 'authorizationDetails')
  const slot = Object.hasOwn(CLAIM_OF_SLOT, order.slot) ? CLAIM_OF_SLOT[order.slot] : undefined
  if (slot === undefined) throw credentialFault('grant_order_invalid', 'slot')
  const iat = Math.floor(nowMs / 1_000)
  return {
    iss: origin,
    aud: origin,
    sub: agent,
    environment,
    task,
    owner,
    jti: randomUUID(),
    slot,
    iat,
    exp: iat + ttlSeconds,
    ...(authorizationDetails === undefined ? {} : { authorization_details: authorizationDetails }),
  }
}
