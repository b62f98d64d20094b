import { hkdfSync, type JsonWebKey } from 'node:crypto'
import { base64url, equalBytes, fromBase64url, type RemoteKey, utf8 } from '../canon/index.js'
import { nativeCrypto } from '../native/index.js'
import { type CredentialScope, signingKey } from '../protocol/index.js'
import { credentialFault } from './error-table.js'
import type { AwsGrantKeys } from './ports.js'
import { Recent } from './recent.js'

/** RFC 5869 §3.2: ties the derived key to this one use. */
const INFO = 'countersign/v1/aws-grant-secret'
const LABEL = utf8('aws')
const MAX_REMEMBERED = 4_096

/**
 * Secrets of AWS grants, `base64url(HMAC-SHA-256(keeper key, "aws" ‖ jti))`: derived and never stored, so that no file
 * holds them and a restart forgets none.
 *
 * The keeper key is HKDF-SHA-256 of the grant key's private seed under a fixed `info`, not a key in a file of its own:
 * the two have the same holder and must be replaced together, and whoever has the seed can issue any grant already.
 * Ed25519 expands its seed by SHA-512, so that nothing derived here says anything about a signature. Grants outlive the
 * key that issued them by up to an hour, so the keys `before` it still count for what was signed.
 */
export function awsGrantKeys(
  grantKey: JsonWebKey | Uint8Array,
  ...before: readonly (JsonWebKey | Uint8Array)[]
): AwsGrantKeys {
  const inForce = derived(grantKey)
  const all = [inForce, ...before.map(derived)]
  return {
    secretOf: jti => inForce.secretOf(jti),
    signingKeys: (jti, scope) => all.map(each => each.signingKey(jti, scope)),
  }
}

/**
 * What the secrets are derived from where the grant key's seed is out of reach: its signature of a fixed text that no
 * grant begins with. Ed25519 is deterministic (RFC 8032 §5.1.6), so it is the same after a restart. Throws
 * `grant_signer_unfit` for a signer that draws lots, and `grant_signer_unavailable`.
 */
export async function awsGrantMaterial(key: RemoteKey): Promise<Uint8Array> {
  const text = utf8(`${INFO}\n${key.keyid}\n`)
  const signatures = await key.signAll([text, text]).catch(() => {
    throw credentialFault('grant_signer_unavailable')
  })
  const [one, two] = signatures as [Uint8Array, Uint8Array]
  if (!equalBytes(one, two)) throw credentialFault('grant_signer_unfit')
  return one
}

function derived(grantKey: JsonWebKey | Uint8Array) {
  const material = grantKey instanceof Uint8Array ? grantKey : fromBase64url(grantKey.d as string)
  const keeperKey = new Uint8Array(hkdfSync('sha256', material, new Uint8Array(0), utf8(INFO), 32))
  const secretOf = (jti: string) => base64url(nativeCrypto.hmacSha256(keeperKey, LABEL, utf8(jti)))
  const remembered = new Recent<string, Uint8Array>(MAX_REMEMBERED)
  return {
    secretOf,
    signingKey: (jti: string, scope: CredentialScope): Uint8Array => {
      const name = JSON.stringify([jti, scope.date.slice(0, 8), scope.region, scope.service])
      const known = remembered.get(name)
      if (known !== undefined) return known
      const key = signingKey(secretOf(jti), scope, nativeCrypto)
      remembered.set(name, key)
      return key
    },
  }
}
