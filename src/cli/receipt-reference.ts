import { UsageError } from './io.js'

/** A receipt as an operator names it: by number, or by the anchor that an agent got with its answer. */
export interface ReceiptReference {
  readonly seq: number
  /** Origin with epoch, and leaf hash in hex: what the holder was promised. Null for a bare number. */
  readonly anchor: { readonly origin: string; readonly leaf: string } | null
}

const ANCHOR = /^(?:countersign-receipt:\s*)?origin="([^"]{1,256})", seq=(\d{1,15}), leaf="([0-9a-f]{64})"$/i

/** Reads `4182`, or the value of a `Countersign-Receipt` header. Throws a UsageError. */
export function parseReceiptReference(text: string): ReceiptReference {
  const trimmed = text.trim()
  if (/^\d{1,15}$/.test(trimmed)) return { seq: Number(trimmed), anchor: null }
  const match = ANCHOR.exec(trimmed)
  if (match === null) {
    throw new UsageError(
      'this is no receipt',
      'Give its number, or the whole value of the Countersign-Receipt header in quotes.',
    )
  }
  return { seq: Number(match[2]), anchor: { origin: match[1] as string, leaf: match[3] as string } }
}
