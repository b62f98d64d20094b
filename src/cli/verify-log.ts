import { readCheckpointFile } from '../ledger/index.js'
import { nativeCrypto } from '../native/index.js'
import type { SignedCheckpoint, Verification } from '../receipt/index.js'
import { AnswerNo, type Io, printJson, printLine } from './io.js'
import { type KeySource, pinnedKeys } from './pinned-keys.js'
import { pinnedRecovery } from './pinned-recovery.js'
import { progress } from './progress.js'
import type { ReceiptSource } from './receipt-source.js'
import { verdictLines } from './verdict-text.js'

export interface VerifyRequest {
  readonly keys: KeySource
  /** Files with checkpoints or high-water marks. */
  readonly checkpoints: readonly string[]
  readonly json: boolean
}

/** Verifies a log, prints what was proven, and throws AnswerNo where something was found. Closes the source. */
export async function verifyLog(source: ReceiptSource, request: VerifyRequest, io: Io): Promise<void> {
  try {
    const found = await verified(source, request, io)
    if (request.json) printJson(io, { source: source.where, ...found })
    else for (const line of verdictLines(found)) printLine(io, line)
    if (!found.sound) throw new AnswerNo()
  } finally {
    await source.close()
  }
}

async function verified(source: ReceiptSource, request: VerifyRequest, io: Io): Promise<Verification> {
  const keys = pinnedKeys(request.keys, await firstOf(source))
  const checkpoints: SignedCheckpoint[] = []
  // Asked for before the entries, so that a log that grows meanwhile still contains it.
  const own = await source.checkpoint()
  if (own !== null) checkpoints.push(own)
  for (const file of request.checkpoints) checkpoints.push(await readCheckpointFile(file, nativeCrypto))
  const shown = progress(io, 'entries')
  const recovery = pinnedRecovery(request.keys)
  const options = { crypto: nativeCrypto, keys, checkpoints, ...(recovery === undefined ? {} : { recovery }) }
  const found = await source.verify(options, shown.count)
  shown.done()
  return found
}

async function firstOf(source: ReceiptSource): Promise<Uint8Array | undefined> {
  try {
    for await (const bytes of source.entries()) return bytes
  } catch {
    // The verification meets the same fault and names it.
  }
  return undefined
}
