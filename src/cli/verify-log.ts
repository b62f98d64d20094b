import { compareWithCopy, readCheckpointFile } from '../ledger/index.js'
import { nativeCrypto } from '../native/index.js'
import type { SignedCheckpoint, Verification } from '../receipt/index.js'
import { type Against, againstLines, isSame } from './against-text.js'
import { AnswerNo, type Io, printJson, printLine } from './io.js'
import { type KeySource, pinnedKeys } from './pinned-keys.js'
import { progress } from './progress.js'
import type { ReceiptSource } from './receipt-source.js'
import { verdictLines } from './verdict-text.js'

export interface VerifyRequest {
  readonly keys: KeySource
  /** Files with checkpoints or high-water marks. */
  readonly checkpoints: readonly string[]
  readonly json: boolean
  /** A shipped copy that the log is held against. */
  readonly against?: { readonly copy: ReceiptSource; readonly mayBeUnshipped: number }
}

/** Verifies a log, prints what was proven, and throws AnswerNo where something was found. Closes the source. */
export async function verifyLog(source: ReceiptSource, request: VerifyRequest, io: Io): Promise<void> {
  try {
    const found = await verified(source, request, io)
    const against = await heldAgainst(source, request, io)
    if (request.json)
      printJson(io, { source: source.where, ...found, ...(against === null ? {} : { against }) })
    else for (const line of [...verdictLines(found), ...againstLines(against)]) printLine(io, line)
    if (!found.sound || (against !== null && !isSame(against))) throw new AnswerNo()
  } finally {
    await source.close()
    await request.against?.copy.close()
  }
}

/** The copy is verified by itself as well: what it holds beyond the log counts only when the log's keys have signed it. */
async function heldAgainst(source: ReceiptSource, request: VerifyRequest, io: Io): Promise<Against | null> {
  if (request.against === undefined) return null
  const { copy, mayBeUnshipped } = request.against
  const { against: _, ...alone } = request
  const verification = await verified(copy, alone, io)
  const shown = progress(io, 'entries compared')
  const comparison = await compareWithCopy(source.entries(), copy.entries(), mayBeUnshipped, shown.count)
  shown.done()
  return { copy: copy.where, verification, comparison }
}

async function verified(source: ReceiptSource, request: VerifyRequest, io: Io): Promise<Verification> {
  const keys = pinnedKeys(request.keys, await firstOf(source))
  const checkpoints: SignedCheckpoint[] = []
  // Asked for before the entries, so that a log that grows meanwhile still contains it.
  for (const own of [await source.checkpoint(), (await request.against?.copy.checkpoint()) ?? null])
    if (own !== null) checkpoints.push(own)
  for (const file of request.checkpoints) checkpoints.push(await readCheckpointFile(file, nativeCrypto))
  const shown = progress(io, 'entries')
  const found = await source.verify({ crypto: nativeCrypto, keys, checkpoints }, shown.count)
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
