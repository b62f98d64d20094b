import {
  awsSigner,
  checkMaterial,
  entryFor,
  type Material,
  type ShipKind,
  type Vault,
} from '../credential/index.js'
import type { S3Sign } from '../ledger/index.js'
import type { LoadedConfig } from './config.js'
import { readPrivateText } from './keyfile.js'
import type { ShipCredential } from './ship-schema.js'
import { materialFromText } from './vault-material.js'

/**
 * What a place that receipts are shipped to is shown, as it is now: a replaced secret is used from the next batch on.
 * Throws a fault of the vault, or `key_unusable` for a file; neither holds any of it.
 */
export function shipSecret<K extends ShipKind>(
  credential: ShipCredential,
  kind: K,
  url: string,
  loaded: LoadedConfig,
  vault: Pick<Vault, 'entry'>,
): Material<K> {
  if ('file' in credential) {
    const text = readPrivateText(loaded.path(credential.file))
    return checkMaterial(kind, materialFromText(kind, text))
  }
  const use = { credential: credential.vault, minter: kind, origins: [new URL(url).origin] }
  return entryFor(vault, use, null).material.reveal() as Material<K>
}

/** Signs requests to an object store with what `secret` answers each time. */
export function s3Signer(region: string, secret: () => Material<'ship-s3'>): S3Sign {
  return request => awsSigner(secret())({ ...request, service: 's3', region, nowMs: Date.now() })
}
