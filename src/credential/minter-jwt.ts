import { createHash, createPrivateKey, type KeyObject, randomUUID } from 'node:crypto'
import { calculateJwkThumbprint, type JWK, SignJWT } from 'jose'
import { canonicalize, type JsonObject } from '../canon/index.js'
import { credentialFault } from './error-table.js'
import type { Material } from './material.js'
import { minted } from './minted.js'
import type { Minter, MintScope, SpecOf } from './ports.js'
import type { Vault } from './vault.js'

const MAX_TTL_SECONDS = 60
/** Leaves room in the 8 KiB that servers commonly take for one header. */
const MAX_TOKEN_CHARS = 7_168

type SigningJwk = Material<'jwt'>['jwk']

/**
 * A self-signed access token (RFC 9068) for APIs that check one against our JWKS, with the exact operations as
 * `authorization_details` (RFC 9396 §2), at most 60 s. `iss` and `client_id` are the sidecar's origin.
 */
export function jwtMinter(origin: string): Minter<'jwt'> {
  return {
    dependsOn: ({ scope }) =>
      createHash('sha256')
        .update(canonicalize(detailsOf(scope)))
        .digest('base64url'),
    mint: async ({ scope, spec, material }) => {
      const iat = Math.floor(scope.nowMs / 1_000)
      const exp = iat + Math.min(spec.ttlSeconds, MAX_TTL_SECONDS)
      const token = await new SignJWT({
        iss: origin,
        sub: scope.agent.id,
        aud: spec.audience,
        client_id: origin,
        jti: randomUUID(),
        iat,
        exp,
        environment: scope.agent.environment,
        task: scope.agent.task,
        owner: scope.agent.owner,
        authorization_details: detailsOf(scope),
      })
        .setProtectedHeader({ alg: spec.alg, kid: await keyIdOf(material.jwk), typ: 'at+jwt' })
        .sign(signingKey(material.jwk, spec.alg))
      if (token.length > MAX_TOKEN_CHARS)
        throw credentialFault('credential_insufficient', 'too many operations for one token')
      return minted({
        minter: 'jwt',
        scope: `${scope.operations.map(({ name }) => name).join(', ')} at ${spec.audience}`,
        expiresMs: exp * 1_000,
        headers: [['authorization', `Bearer ${token}`]],
      })
    },
  }
}

/** The public halves of all `jwt` keys of the vault (RFC 7517 §5), the ones before a rotation included while they overlap. */
export async function publicJwks(vault: Pick<Vault, 'entries'>, nowMs: number): Promise<{ keys: JWK[] }> {
  const keys: JWK[] = []
  for (const entry of vault.entries()) {
    if (entry.kind !== 'jwt') continue
    const overlapping = entry.previous !== null && entry.previous.untilMs > nowMs ? [entry.previous] : []
    for (const { material } of [entry, ...overlapping]) {
      const { jwk } = material.reveal() as Material<'jwt'>
      const { d: _, ...point } = jwk
      keys.push({ ...point, kid: await keyIdOf(jwk), alg: algOf(jwk), use: 'sig' })
    }
  }
  return { keys }
}

function detailsOf(scope: MintScope): JsonObject[] {
  return scope.operations.map(({ name, classes, resources, scope: where, account }) => ({
    type: 'countersign_operation',
    locations: [scope.origin],
    actions: [name],
    classes: [...classes],
    resources: resources.map(({ type, id }) => ({ type, id })),
    scope: { ...where },
    ...(account === undefined ? {} : { account }),
  }))
}

function signingKey(jwk: SigningJwk, alg: SpecOf<'jwt'>['alg']): KeyObject {
  if (algOf(jwk) !== alg) throw credentialFault('vault_entry_invalid', `the key is not for ${alg}`)
  try {
    return createPrivateKey({ key: jwk, format: 'jwk' })
  } catch {
    throw credentialFault('vault_entry_invalid', 'the key is not a point of its curve')
  }
}

function algOf(jwk: SigningJwk): SpecOf<'jwt'>['alg'] {
  return jwk.kty === 'EC' ? 'ES256' : 'Ed25519'
}

function keyIdOf(jwk: SigningJwk): Promise<string> {
  return calculateJwkThumbprint(jwk)
}
