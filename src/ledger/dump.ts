import { createReadStream, createWriteStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { MAX_ENTRY_BYTES } from '../receipt/index.js'
import { ledgerFault } from './error-table.js'

const NEWLINE = 0x0a
const READ_BYTES = 1_048_576

/**
 * A dump: the envelopes of a log in order, each followed by one newline. An envelope is one line of JSON, so `jq` and
 * `split` read it; its bytes are exactly those that were signed and hashed. Throws `dump_malformed` behind the last line
 * that is whole.
 */
export async function* readDump(file: string): AsyncGenerator<Uint8Array> {
  for await (const lines of readDumpLines(file)) yield* lines
}

/** The same, as many entries at a time as were read at once. */
export function readDumpLines(file: string): AsyncGenerator<readonly Uint8Array[]> {
  return dumpLines(createReadStream(file, { highWaterMark: READ_BYTES }))
}

/** The envelopes in the bytes of a dump. Throws `dump_malformed`. */
export async function* dumpEntries(
  chunks: AsyncIterable<Buffer> | Iterable<Buffer>,
): AsyncGenerator<Uint8Array> {
  for await (const lines of dumpLines(chunks)) yield* lines
}

async function* dumpLines(
  chunks: AsyncIterable<Buffer> | Iterable<Buffer>,
): AsyncGenerator<readonly Uint8Array[]> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of chunks) {
    const lines: Uint8Array[] = []
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = chunk.subarray(start, end)
      lines.push(rest.length === 0 ? line : Buffer.concat([rest, line]))
      rest = Buffer.alloc(0)
      start = end + 1
    }
    yield lines
    const behind = chunk.subarray(start)
    rest = rest.length === 0 ? Buffer.from(behind) : Buffer.concat([rest, behind])
    if (rest.length > MAX_ENTRY_BYTES) throw ledgerFault('dump_malformed', 'a line is longer than any entry')
  }
  if (rest.length > 0) throw ledgerFault('dump_malformed', 'the last line is cut')
}

/** Writes a dump and, beside it, `FILE.checkpoint` and, where witnesses have cosigned one, `FILE.witnessed`. None of the files may exist. Returns the number of entries. */
export async function writeDump(
  file: string,
  entries: AsyncIterable<Uint8Array>,
  checkpoint: string | null,
  onEntry: (count: number) => void = () => {},
  witnessed: string | null = null,
): Promise<number> {
  let count = 0
  async function* lines(): AsyncGenerator<Uint8Array> {
    for await (const bytes of entries) {
      yield Buffer.concat([bytes, Buffer.of(NEWLINE)])
      onEntry(++count)
    }
  }
  await pipeline(lines, createWriteStream(file, { flags: 'wx', mode: 0o600, flush: true }))
  if (checkpoint !== null) await writeFile(checkpointBeside(file), checkpoint, { flag: 'wx', mode: 0o600 })
  if (witnessed !== null) await writeFile(cosignedBeside(file), witnessed, { flag: 'wx', mode: 0o600 })
  return count
}

/** Where a dump's newest cosigned checkpoint stands. */
export function cosignedBeside(dump: string): string {
  return `${dump}.witnessed`
}

/** Where a dump's checkpoint stands. */
export function checkpointBeside(dump: string): string {
  return `${dump}.checkpoint`
}
