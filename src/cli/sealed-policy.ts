import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { canonicalBytes, type Envelope, encodeEnvelope } from '../canon/index.js'
import type { ActivePolicy } from '../policy/index.js'
import type { CatalogDocument } from '../protocol/index.js'
import type { LoadedConfig } from './config.js'
import { consultPolicy } from './policy-file.js'
import { sealedFileOf } from './policy-location.js'

/**
 * Writes a sealed policy and, beside it, the catalogs that it pins as `catalogs/<64 hex digits>.json`. The policy
 * comes last and by rename, so that a keeper that watches finds it complete.
 */
export function writeSealedPolicy(
  file: string,
  envelope: Envelope,
  catalogs: ReadonlyMap<string, CatalogDocument>,
): void {
  const folder = join(dirname(file), 'catalogs')
  mkdirSync(folder, { recursive: true })
  for (const [digest, document] of catalogs) {
    writeFileSync(join(folder, `${digest.slice('sha256:'.length)}.json`), canonicalBytes(document))
  }
  writeFileSync(`${file}.next`, encodeEnvelope(envelope))
  renameSync(`${file}.next`, file)
}

/** The policy that a configuration names, for questions only; what is enforced is what the keeper opened. */
export function readSealedPolicy(loaded: LoadedConfig): ActivePolicy {
  return consultPolicy(sealedFileOf(loaded)).active
}
