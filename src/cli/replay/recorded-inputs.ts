import type { JWK } from 'jose'
import { CountersignError, equalBytes, utf8 } from '../../canon/index.js'
import { openSide, type SideReader } from '../../ledger/index.js'
import { nativeCrypto } from '../../native/index.js'
import {
  type AttemptBody,
  commitment,
  type DecisionInputs,
  type Entry,
  encodeInputs,
} from '../../receipt/index.js'
import type { ReceiptSource } from '../receipt-source.js'

/** What a decision used; or why only the receipt speaks, and whether its start of the keeper kept the inputs that are not here. */
export type Known =
  | { readonly kind: 'inputs'; readonly inputs: DecisionInputs; readonly secret: Uint8Array }
  | { readonly kind: 'receipt'; readonly why: string; readonly isMissing?: true }
  /** The side record opens, and to something else than the receipt commits to. */
  | { readonly kind: 'forged'; readonly why: string }

/** Opens the decision inputs of a log's attempts, in the log's order. */
export interface RecordedInputs {
  /** Takes the key of the side records from then on. */
  boot(entry: Entry): void
  open(entry: Entry & AttemptBody): Promise<Known>
}

/** Without the auditor's private key nothing opens. */
export function recordedInputs(source: Pick<ReceiptSource, 'side'>, auditorKey: JWK | null): RecordedInputs {
  const side = auditorKey === null ? null : openSide(auditorKey)
  let current = { boot: '', wrappedKey: undefined as string | undefined }
  return {
    boot: entry => {
      if (entry.type !== 'boot') return
      const { side_key: wrapped } = entry.data
      current = { boot: entry.boot, wrappedKey: typeof wrapped === 'string' ? wrapped : undefined }
    },
    open: entry => open(entry, source, side, entry.boot === current.boot ? current.wrappedKey : undefined),
  }
}

async function open(
  entry: Entry & AttemptBody,
  source: Pick<ReceiptSource, 'side'>,
  side: SideReader | null,
  wrappedKey: string | undefined,
): Promise<Known> {
  if (side === null)
    return {
      kind: 'receipt',
      why: 'the arguments are in the decision inputs, which only the auditor’s key opens',
    }
  const why = 'the decision inputs are not in this log'
  if (wrappedKey === undefined) return { kind: 'receipt', why }
  const record = await source.side(entry.id)
  if (record === undefined) return { kind: 'receipt', why, isMissing: true }
  try {
    const { inputs, secret } = await side.open(wrappedKey, entry.id, record)
    const opened = utf8(commitment(nativeCrypto, secret, 'inputs', encodeInputs(inputs)))
    // ATTACK: a side record that was exchanged would tell another story than the one that was signed.
    if (equalBytes(opened, utf8(entry.inputs_c))) return { kind: 'inputs', inputs, secret }
    return { kind: 'forged', why: 'they open to something else' }
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error
    // ATTACK: the record of another attempt in its place, or a broken one, so that nobody looks at the arguments.
    return (await side.fits(wrappedKey))
      ? { kind: 'forged', why: 'the key opens those of this start, and not these' }
      : { kind: 'receipt', why: 'the key does not open the decision inputs' }
  }
}
