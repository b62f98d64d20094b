import { createPrivateKey, type JsonWebKey, randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import { fromBase64url, keyIdOf } from '../canon/index.js'
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
 * Issues grants of this origin with its grant key (a private Ed25519 JWK, RFC 8037 §2). Whether the order may be
 * fulfilled at all is decided before: it must be signed by a key with the `enrol` role.
 */
export function grantIssuer(key: JsonWebKey, origin: string): GrantIssuer {
  const signer = createPrivateKey({ key, format: 'jwk' })
  if (signer.asymmetricKeyType !== 'ed25519' || typeof key.x !== 'string')
    throw credentialFault('grant_order_invalid', 'the grant key is not an Ed25519 key')
  const header = { alg: GRANT_ALG, kid: keyIdOf(fromBase64url(key.x)), typ: GRANT_TYP }
  return {
    issue: async (order, nowMs) => {
      const claims = claimsOf(order, origin, nowMs)
      const token = await new SignJWT({ ...claims }).setProtectedHeader(header).sign(signer)
      if (token.length > MAX_GRANT_CHARS)
        throw credentialFault('grant_order_invalid', `the grant is longer than ${MAX_GRANT_CHARS} characters`)
      return { token, grant: grantOf(claims) }
    },
  }
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
