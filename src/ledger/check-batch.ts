import type { Crypto } from '../canon/index.js'
import {
  checkEntry,
  type EntryBatches,
  type KeysById,
  type LogStep,
  type SignatureVerdict,
} from '../receipt/index.js'

/** Entries of one batch, and the bytes of one: enough that handing it over costs little beside checking it. */
const BATCH_ENTRIES = 512
const BATCH_BYTES = 1_048_576

/**
 * Entries on their way to another thread: each as a zero byte and its envelope, one after the other, so that a leaf is
 * hashed where it lies. `ends[i]` is the offset behind entry i.
 */
export interface EntryBatch {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly ends: Uint32Array<ArrayBuffer>
}

/** A batch on its way back, with what was found. */
export interface CheckedBatch {
  readonly batch: EntryBatch
  /** 32 bytes for each entry. */
  readonly leaves: Uint8Array<ArrayBuffer>
  /** Places in VERDICTS. */
  readonly verdicts: Uint8Array<ArrayBuffer>
  /** Payloads of the well-formed entries one after the other: JSON that was found canonical. */
  readonly payloads: Uint8Array<ArrayBuffer>
  readonly payloadEnds: Uint32Array<ArrayBuffer>
  /** The key ids that occur, and which of them an entry has. */
  readonly keyids: readonly string[]
  readonly keyOf: Uint16Array<ArrayBuffer>
  /** What is wrong with those that are malformed, by place. */
  readonly malformed: ReadonlyMap<number, string>
}

const VERDICTS: readonly SignatureVerdict[] = ['valid', 'invalid', 'unknown key', 'unchecked']
const LEAF_BYTES = 32

/** Packs entries into batches, in their order. */
export async function* packed(entries: EntryBatches): AsyncGenerator<EntryBatch> {
  let waiting: Uint8Array[] = []
  let length = 0
  for await (const some of entries)
    for (const bytes of some) {
      waiting.push(bytes)
      length += 1 + bytes.length
      if (waiting.length < BATCH_ENTRIES && length < BATCH_BYTES) continue
      yield pack(waiting, length)
      waiting = []
      length = 0
    }
  if (waiting.length > 0) yield pack(waiting, length)
}

function pack(entries: readonly Uint8Array[], length: number): EntryBatch {
  const batch = { bytes: new Uint8Array(length), ends: new Uint32Array(entries.length) }
  let at = 0
  for (const [place, bytes] of entries.entries()) {
    batch.bytes.set(bytes, at + 1)
    at += 1 + bytes.length
    batch.ends[place] = at
  }
  return batch
}

/** Envelope bytes of every entry of a batch. */
export function* unpacked({ bytes, ends }: EntryBatch): Generator<Uint8Array> {
  let start = 0
  for (const end of ends) {
    yield bytes.subarray(start + 1, end)
    start = end
  }
}

/** Checks every entry of a batch by itself; see `checkEntry`. */
export function checkBatch(crypto: Crypto, keys: KeysById, batch: EntryBatch): CheckedBatch {
  const count = batch.ends.length
  const leaves = new Uint8Array(count * LEAF_BYTES)
  const verdicts = new Uint8Array(count)
  const payloads = new Uint8Array(batch.bytes.length)
  const payloadEnds = new Uint32Array(count)
  const keyOf = new Uint16Array(count)
  const keyids: string[] = []
  const malformed = new Map<number, string>()
  let filled = 0
  let start = 0
  for (let place = 0; place < count; place++) {
    const end = batch.ends[place] as number
    const leaf = crypto.sha256(batch.bytes.subarray(start, end))
    leaves.set(leaf, place * LEAF_BYTES)
    const checked = checkEntry(crypto, keys, batch.bytes.subarray(start + 1, end), leaf)
    if (checked.kind === 'malformed') malformed.set(place, checked.detail)
    else {
      payloads.set(checked.payload, filled)
      filled += checked.payload.length
      verdicts[place] = VERDICTS.indexOf(checked.signature)
      keyOf[place] = placeIn(keyids, checked.keyid)
    }
    payloadEnds[place] = filled
    start = end
  }
  return { batch, leaves, verdicts, payloads, payloadEnds, keyids, keyOf, malformed }
}

function placeIn(list: string[], text: string): number {
  const known = list.indexOf(text)
  return known >= 0 ? known : list.push(text) - 1
}

/** What can be handed over to another thread instead of copied. */
export function transferable(batch: EntryBatch): ArrayBuffer[] {
  return [batch.bytes.buffer, batch.ends.buffer]
}

export function transferableBack(checked: CheckedBatch): ArrayBuffer[] {
  const { batch, leaves, verdicts, payloads, payloadEnds, keyOf } = checked
  const own = [leaves, verdicts, payloads, payloadEnds, keyOf].map(({ buffer }) => buffer)
  return [...transferable(batch), ...own]
}

/** The steps of a batch that came back. Its payloads were checked, so that they are only parsed here. */
export function stepsOf(checked: CheckedBatch): LogStep[] {
  const { batch, leaves, verdicts, payloadEnds, keyids, keyOf, malformed } = checked
  const payloads = Buffer.from(checked.payloads.buffer)
  const steps: LogStep[] = []
  let start = 0
  for (const bytes of unpacked(batch)) {
    const place = steps.length
    const leaf = leaves.subarray(place * LEAF_BYTES, (place + 1) * LEAF_BYTES)
    const end = payloadEnds[place] as number
    const detail = malformed.get(place)
    if (detail !== undefined) steps.push({ bytes, checked: { kind: 'malformed', leaf, detail } })
    else {
      const payload = payloads.subarray(start, end)
      steps.push({
        bytes,
        checked: {
          kind: 'well-formed',
          leaf,
          entry: JSON.parse(payloads.toString('utf8', start, end)),
          payload,
          keyid: keyids[keyOf[place] as number] as string,
          signature: VERDICTS[verdicts[place] as number] as SignatureVerdict,
        },
      })
    }
    start = end
  }
  return steps
}
