import { readFileSync, writeFileSync } from 'node:fs'
import {
  canonicalize,
  type Envelope,
  encodeEnvelope,
  fromUtf8,
  parseStrictJson,
  utf8,
} from '../canon/index.js'
import { nativeCrypto } from '../native/index.js'
import { openTrustRoot, type TrustRoot } from '../policy/index.js'
import type { LoadedConfig } from './config.js'
import { UsageError } from './io.js'

/** Reads the file of a trust root: a JSON array of DSSE envelopes, oldest first. Throws a UsageError unless it is one. */
export function readTrustChain(file: string): readonly Uint8Array[] {
  let text: Buffer
  try {
    text = readFileSync(file)
  } catch {
    throw new UsageError(
      `cannot read the trust root ${file}`,
      'Pass the file that `countersign trust init` made.',
    )
  }
  const chain = parseStrictJson(text, { maxDepth: 8, integersOnly: true })
  if (!Array.isArray(chain))
    throw new UsageError(`${file} is not a trust root`, 'It holds a JSON array of envelopes.')
  return chain.map(envelope => utf8(canonicalize(envelope)))
}

export function writeTrustChain(file: string, chain: readonly Envelope[]): void {
  writeFileSync(file, `[\n${chain.map(envelope => fromUtf8(encodeEnvelope(envelope))).join(',\n')}\n]\n`)
}

/** The trust root that a configuration pins. Throws a policy fault where the file doesn't hold it. */
export function readTrustRoot({ config, path }: LoadedConfig): TrustRoot {
  return openTrustRoot(readTrustChain(path(config.trust.root)), config.trust.pin, nativeCrypto)
}
