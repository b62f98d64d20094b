import { readFileSync, writeFileSync } from 'node:fs'
import {
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  type JsonObject,
  PAYLOAD_TYPES,
  parseCanonical,
} from '../../canon/index.js'
import { type Recovery, readRecovery } from '../../policy/index.js'
import { UsageError } from '../io.js'
import { replaceExclusively } from '../trust-files.js'

/** A recovery in the file that goes from holder to holder, with the signatures that it has so far. */
export interface StatementFile {
  readonly envelope: Envelope
  /** What it says; nobody has vouched for it here. */
  readonly recovery: Recovery
}

/** Throws a UsageError where the file can't be read, and `recovery_malformed` or an envelope's fault where it is something else. */
export function readStatement(file: string): StatementFile {
  const envelope = decodeEnvelope(readBytes(file))
  if (envelope.payloadType !== PAYLOAD_TYPES.recovery)
    throw new UsageError(
      `${file} is no recovery statement`,
      'Pass what `countersign ledger recover --prepare` wrote.',
    )
  return { envelope, recovery: readRecovery(parseCanonical(envelope.payload) as JsonObject) }
}

/** A new file; throws a UsageError where there is one already. */
export function createStatement(file: string, envelope: Envelope): void {
  try {
    writeFileSync(file, encodeEnvelope(envelope), { flag: 'wx' })
  } catch (error) {
    throw new UsageError(
      `cannot make ${file} (${(error as NodeJS.ErrnoException).code})`,
      'Name a file that is not there yet, in a folder that you may write.',
    )
  }
}

export function replaceStatement(file: string, envelope: Envelope): void {
  replaceExclusively(file, () => encodeEnvelope(envelope))
}

function readBytes(file: string): Uint8Array {
  try {
    return readFileSync(file)
  } catch {
    throw new UsageError(
      `cannot read ${file}`,
      'Pass the file that `countersign ledger recover --prepare` wrote.',
    )
  }
}
