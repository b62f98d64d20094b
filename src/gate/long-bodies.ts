import type { ReadBody } from './body.js'

/** A body that weighs no more takes well below a millisecond to take apart. */
const LIGHT = 65_536
/** About what each value takes beside its text, while its request is examined and with the keeper: bytes. */
const VALUE_WEIGHT = 256
/** Of all bodies together that are being taken apart or are with the keeper, which reads no more from a gate that has 32 MiB with it. */
const MAX_WEIGHT = 16 * 1024 * 1024
/** The same of one grant, so that others find room; a body that weighs more counts as much. */
const MAX_WEIGHT_EACH = MAX_WEIGHT / 2
/** Values that one body may have. */
const MAX_VALUES = 100_000

interface InLine {
  readonly weight: number
  readonly grant: string
  readonly go: () => void
}

/**
 * Bodies that take long to take apart, one in each turn of the event loop, and no more than there is memory for.
 *
 * ATTACK: a hundred bodies of a megabyte that arrive together, and would be taken apart in one turn: a second in which
 * nothing else of anybody's goes on, and the link to the keeper takes a fifth of a megabyte.
 *
 * ATTACK: bodies of nothing but `{}`, a third of a million of them in each, that take a hundred megabytes as values, here
 * and in the keeper: eight of them end both.
 */
export class LongBodies {
  private readonly line: InLine[] = []
  private scheduled = false
  private weight = 0
  private readonly weightOf = new Map<string, number>()

  /** For one request, however often it is examined. */
  open(): Turn {
    let held: InLine | null = null
    return {
      take: async (body, grant) => {
        const weight = held === null ? weightIn(body) : 0
        if (weight <= LIGHT) return
        held = await this.turn(weight, grant)
      },
      giveBack: () => {
        if (held === null) return
        this.count(held, -1)
        held = null
        this.schedule()
      },
    }
  }

  private turn(weight: number, grant: string): Promise<InLine> {
    return new Promise(resolve => {
      const entry: InLine = { weight, grant, go: () => resolve(entry) }
      this.line.push(entry)
      this.schedule()
    })
  }

  /** What is scheduled from here belongs to the next turn. */
  private readonly next = (): void => {
    this.scheduled = false
    const at = this.line.findIndex(
      ({ weight, grant }) => (this.weightOf.get(grant) ?? 0) + weight <= MAX_WEIGHT_EACH,
    )
    const first = this.line[at]
    if (first === undefined || this.weight + first.weight > MAX_WEIGHT) return
    this.line.splice(at, 1)
    this.count(first, 1)
    first.go()
    this.schedule()
  }

  private count({ weight, grant }: InLine, sign: 1 | -1): void {
    this.weight += sign * weight
    const own = (this.weightOf.get(grant) ?? 0) + sign * weight
    if (own === 0) this.weightOf.delete(grant)
    else this.weightOf.set(grant, own)
  }

  private schedule(): void {
    if (this.scheduled || this.line.length === 0) return
    this.scheduled = true
    setImmediate(this.next)
  }
}

/** One request's place among the long bodies. */
export interface Turn {
  /** Resolves when it is this body's turn; at once for a light one. */
  take(body: ReadBody, grant: string): Promise<void>
  /** The keeper has answered: others have room. */
  giveBack(): void
}

/** True where a body has more values than are taken apart: JSON outside of its strings, a form, or XML. */
export function isTooComplex(body: ReadBody): boolean {
  if (body.kind !== 'whole' || body.bytes.length <= MAX_VALUES) return false
  const first = body.bytes.find(byte => byte > SPACE) ?? 0
  const count = OPENS.includes(first) ? countOutside(body.bytes) : countOf(body.bytes, IN_OTHERS)
  return count > MAX_VALUES
}

const [SPACE, QUOTE, BACKSLASH] = [0x20, 0x22, 0x5c]
/** `[` and `{`, with which JSON of more than one value begins. */
const OPENS: readonly number[] = [0x5b, 0x7b]
/** What stands before a value. The commas of a table that is uploaded stand before none that is taken apart. */
const [IN_JSON, IN_OTHERS, IN_ANY] = [bytesOf(',:[{'), bytesOf('&<'), bytesOf(',:[{&<')]

function bytesOf(text: string): Uint8Array {
  const set = new Uint8Array(256)
  for (const byte of Buffer.from(text)) set[byte] = 1
  return set
}

function weightIn(body: ReadBody): number {
  if (body.kind !== 'whole') return 0
  return Math.min(body.bytes.length + VALUE_WEIGHT * countOf(body.bytes, IN_ANY), MAX_WEIGHT_EACH)
}

function countOf(bytes: Buffer, separators: Uint8Array): number {
  let count = 0
  for (const byte of bytes) count += separators[byte] as number
  return count
}

/** Of JSON, outside of its strings. */
function countOutside(bytes: Buffer): number {
  let count = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number
    if (byte === QUOTE) at = endOfString(bytes, at + 1)
    else count += IN_JSON[byte] as number
  }
  return count
}

/** Place of the quote that ends a string of JSON. */
function endOfString(bytes: Buffer, from: number): number {
  let at = from
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1
  return at
}
