import { mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { canonicalBytes, type Envelope, encodeEnvelope, equalBytes } from '../canon/index.js'
import type { ActivePolicy } from '../policy/index.js'
import type { CatalogDocument } from '../protocol/index.js'
import type { LoadedConfig } from './config.js'
import { consultPolicy } from './policy-file.js'
import { sealedFileOf } from './policy-location.js'
import { replaceExclusively } from './trust-files.js'

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
    const catalog = join(folder, `${digest.slice('sha256:'.length)}.json`)
    const bytes = canonicalBytes(document)
    // Its name is its digest, so nothing else is ever right there.
    if (!holds(catalog, bytes)) replaceExclusively(catalog, () => bytes)
  }
  replaceExclusively(file, () => encodeEnvelope(envelope))
}

function holds(file: string, bytes: Uint8Array): boolean {
  try {
    return equalBytes(readFileSync(file), bytes)
  } catch {
    return false
  }
}

/** The policy that a configuration names, for questions only; what is enforced is what the keeper opened. */
export function readSealedPolicy(loaded: LoadedConfig): ActivePolicy {
  return consultPolicy(sealedFileOf(loaded)).active
}
