import { dirname } from 'node:path'
import { type CountersignError, type Crypto, equalBytes } from '../canon/index.js'
import { makeFolder } from '../native/index.js'
import { readIfThere, removeHalfWritten, replaceFile } from './durable-file.js'
import { witnessFault } from './error-table.js'
import {
  checkAgainstMark,
  decodeMark,
  decodeMemory,
  encodeMark,
  encodeMemory,
  type Memory,
  markOf,
  NOTHING_SEEN,
  type Remembered,
} from './memory.js'

export interface MemoryPlace {
  readonly file: string
  /** On another volume than the file, so that both are not rolled back together. */
  readonly mark: string
}

interface MemoryOptions extends MemoryPlace {
  /** Verifier key of the witness that owns the memory. */
  readonly witness: string
  readonly crypto: Pick<Crypto, 'sha256'>
}

interface Waiter {
  readonly resolve: () => void
  readonly reject: (fault: Error) => void
}

/** Makes the memory of a witness that has seen nothing. Throws `witness_state_damaged` where there is one. */
export async function makeMemory({ file, mark, witness, crypto }: MemoryOptions): Promise<void> {
  for (const each of [file, mark]) {
    await makeFolder(dirname(each), 0o700)
    if ((await readIfThere(each)) !== null)
      throw witnessFault('witness_state_damaged', `${each} is there already`)
  }
  await replaceFile(mark, encodeMark(markOf(crypto, NOTHING_SEEN), witness))
  await replaceFile(file, encodeMemory(crypto, NOTHING_SEEN, witness))
}

/** The verifier key of the witness whose memory this is. Throws `witness_state_missing` or `witness_state_damaged`. */
export async function memoryOwner(file: string): Promise<string> {
  const bytes = await readIfThere(file)
  if (bytes === null) throw witnessFault('witness_state_missing', file)
  try {
    const { witness } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { witness?: unknown }
    if (typeof witness === 'string') return witness
  } catch {
    // named below
  }
  throw witnessFault('witness_state_damaged', file)
}

/**
 * The memory on disk. Many logs may move on at once: what waits is written together. INVARIANT: after one write that
 * failed nothing is remembered any more, because nobody knows what is on disk.
 */
export class MemoryFile {
  private readonly options: MemoryOptions
  private durable: Memory
  /** What was read or written last: another process that writes here is noticed. */
  private bytes: Uint8Array
  private next = new Map<string, Remembered>()
  private waiting: Waiter[] = []
  private writing: Promise<void> | null = null
  private failure: CountersignError | null = null

  private constructor(options: MemoryOptions, durable: Memory, bytes: Uint8Array) {
    this.options = options
    this.durable = durable
    this.bytes = bytes
  }

  /** Throws `witness_state_missing`, `witness_state_damaged`, `witness_state_behind`, `witness_mark_missing` or `witness_key_differs`: it never begins anew. */
  static async open(options: MemoryOptions): Promise<MemoryFile> {
    const { file, mark, witness, crypto } = options
    const bytes = await readIfThere(file)
    if (bytes === null) throw witnessFault('witness_state_missing', file)
    const memory = decodeMemory(crypto, bytes, witness)
    const marked = await readIfThere(mark)
    if (marked === null) throw witnessFault('witness_mark_missing', mark)
    checkAgainstMark(crypto, memory, decodeMark(marked, witness))
    for (const each of [file, mark]) await removeHalfWritten(each)
    return new MemoryFile(options, memory, bytes)
  }

  get halted(): boolean {
    return this.failure !== null
  }

  /** The checkpoint of this log that is on disk. */
  get(origin: string): Remembered | undefined {
    return this.durable.logs.get(origin)
  }

  all(): Iterable<Remembered> {
    return this.durable.logs.values()
  }

  /** Resolves when the checkpoint is on disk and marked as the newest; throws `witness_halted`. One call a log at a time. */
  remember(remembered: Remembered): Promise<void> {
    if (this.failure !== null) return Promise.reject(this.failure)
    this.next.set(remembered.checkpoint.origin, remembered)
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject })
      this.writing ??= this.writeAll()
    })
  }

  /** The same checkpoint with the cosignature that was given. It is written with whatever is remembered next; lost in a crash, it is given again. */
  noteCosigned(remembered: Remembered): void {
    const logs = new Map(this.durable.logs).set(remembered.checkpoint.origin, remembered)
    this.durable = { ...this.durable, logs }
  }

  /** Resolves when nothing is being written, and the cosignatures are. */
  async close(): Promise<void> {
    await this.writing
    if (this.failure !== null) return
    await this.write(this.durable).catch(() => undefined)
  }

  private async writeAll(): Promise<void> {
    while (this.next.size > 0 && this.failure === null) {
      const [changed, waiting] = [this.next, this.waiting]
      this.next = new Map()
      this.waiting = []
      const logs = new Map([...this.durable.logs, ...changed])
      try {
        const memory = { advances: this.durable.advances + changed.size, logs }
        await this.write(memory)
        // What was cosigned meanwhile stays.
        this.durable = { ...memory, logs: new Map([...logs, ...this.cosignedSince(logs, changed)]) }
        for (const { resolve } of waiting) resolve()
      } catch (error) {
        this.failure = asHalt(error)
        for (const { reject } of [...waiting, ...this.waiting.splice(0)]) reject(this.failure)
      }
    }
    this.writing = null
  }

  private *cosignedSince(
    written: ReadonlyMap<string, Remembered>,
    changed: ReadonlyMap<string, Remembered>,
  ): Iterable<[string, Remembered]> {
    for (const [origin, now] of this.durable.logs)
      if (!changed.has(origin) && written.get(origin) !== now) yield [origin, now]
  }

  /** The memory first, then its mark: a crash in between leaves a memory that is newer than its mark. */
  private async write(memory: Memory): Promise<void> {
    const { file, mark, witness, crypto } = this.options
    const bytes = encodeMemory(crypto, memory, witness)
    await replaceFile(file, bytes, async () => {
      const found = await readIfThere(file)
      // ATTACK: two witnesses with one key and one state, each of which cosigns what the other has not seen.
      if (found === null || !equalBytes(found, this.bytes))
        throw witnessFault('witness_halted', 'something else has changed the state')
    })
    this.bytes = bytes
    await replaceFile(mark, encodeMark(markOf(crypto, memory), witness))
  }
}

function asHalt(error: unknown): CountersignError {
  const { code, message } = error as NodeJS.ErrnoException
  return code === 'witness_halted'
    ? (error as CountersignError)
    : witnessFault('witness_halted', typeof code === 'string' ? code : message)
}
