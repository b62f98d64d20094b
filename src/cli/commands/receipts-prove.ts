import type { Command } from 'commander'
import { utf8 } from '../../canon/index.js'
import { exportTiles, readCheckpointFile } from '../../ledger/index.js'
import { nativeCrypto } from '../../native/index.js'
import {
  consistencyProof,
  formatAddCheckpoint,
  formatNote,
  formatTlogProof,
  gatherNodes,
  inclusionProof,
  parseCheckpoint,
  parseTlogProof,
  provesEntry,
} from '../../receipt/index.js'
import { AnswerNo, type Io, printJson, printLine, UsageError } from '../io.js'
import { writeNewFile } from '../new-file.js'
import { group } from '../program-group.js'
import { progress } from '../progress.js'
import { openReceipts, type ReceiptSource } from '../receipt-source.js'
import { addConfigOption } from '../session-options.js'
import { addSourceOptions, type SourceFlags } from '../source-options.js'
import { wholeNumber } from '../whole-number.js'

interface ProveOptions extends SourceFlags {
  readonly from?: number
  readonly checkpoint?: string
  readonly out?: string
  readonly entry?: string
  readonly json?: true
}

interface TilesOptions extends SourceFlags {
  readonly checkpoint?: string
  readonly json?: true
}

export function registerReceiptsProve(program: Command, io: Io): void {
  const receipts = group(program, 'receipts', 'read, export and verify the evidence')
  withLog(receipts.command('prove'))
    .summary('prove that an entry is in the log, or that the log has only grown')
    .argument('[seq]', 'number of the entry', wholeNumber)
    .option(
      '--from <size>',
      'prove instead that the log goes on from the one that had so many entries',
      wholeNumber,
    )
    .option('--out <file>', 'write the proof there; on standard output unless told')
    .option('--entry <file>', 'write the entry there: what the proof is held against')
    .addHelpText(
      'after',
      `
The proof of an entry is a tlog-proof (c2sp.org/tlog-proof): it carries the checkpoint that it leads to, the newest one that
witnesses have cosigned if that covers the entry. With --from it is what one asks a witness (c2sp.org/tlog-witness).

Examples:
  countersign receipts prove 4182 --out 4182.tlog-proof --entry 4182.json
  countersign receipts prove --from 4000
`,
    )
    .action((seq: number | undefined, options: ProveOptions) => prove(seq, options, io))
}

/** `receipts export --tiles DIR`: goes on from what is there. */
export async function exportTilesInto(folder: string, options: TilesOptions, io: Io): Promise<void> {
  await reading(options, async source => {
    const note = await noteFor(source, options.checkpoint, 'head')
    const shown = progress(io, 'entries', parseCheckpoint(utf8(note)).size)
    const { size, before } = await exportTiles({
      folder,
      note,
      crypto: nativeCrypto,
      entries: from => source.entries(from),
      onEntry: shown.count,
    })
    shown.done()
    if (options.json === true) printJson(io, { folder, entries: size, before })
    else printLine(io, `${size} entries in ${folder}, ${size - before} of them new, with their checkpoint`)
  })
}

async function prove(seq: number | undefined, options: ProveOptions, io: Io): Promise<void> {
  const { from } = options
  if ((seq === undefined) === (from === undefined))
    throw new UsageError(
      'a proof is of one entry or from one size',
      'Pass the number of an entry, or --from SIZE.',
    )
  if (options.entry !== undefined && seq === undefined)
    throw new UsageError('--entry belongs to the proof of an entry', 'Leave it out.')
  await reading(options, source =>
    seq === undefined
      ? proveGrowth(source, from as number, options, io)
      : proveEntry(source, seq, options, io),
  )
}

async function proveEntry(source: ReceiptSource, seq: number, options: ProveOptions, io: Io): Promise<void> {
  const note = await noteFor(source, options.checkpoint, seq)
  const { size, root, signatures } = parseCheckpoint(utf8(note))
  if (seq >= size) return no(io, `The checkpoint covers ${size} entries: entry ${seq} is not among them.`)
  const entry = await entryAt(source, seq)
  if (entry === undefined) return no(io, `There is no entry ${seq}.`)
  const hashes = await hashesOf(source, size, root, { kind: 'inclusion', seq }, io)
  const proof = formatTlogProof({ index: seq, hashes, note })
  if (!provesEntry(nativeCrypto, parseTlogProof(utf8(proof)), entry)) return differs(io, size)
  if (options.entry !== undefined) await writeNewFile(options.entry, entry)
  await give(proof, { seq, size, signatures: signatures.length }, options, io)
}

async function proveGrowth(
  source: ReceiptSource,
  from: number,
  options: ProveOptions,
  io: Io,
): Promise<void> {
  const note = await noteFor(source, options.checkpoint, 'head')
  const { size, root } = parseCheckpoint(utf8(note))
  if (from === 0 || from > size)
    return no(io, `A log of ${size} entries goes on from 1 to ${size}, not from ${from}.`)
  const hashes = await hashesOf(source, size, root, { kind: 'consistency', from }, io)
  await give(formatAddCheckpoint({ oldSize: from, hashes, note }), { from, size }, options, io)
}

type Wanted =
  | { readonly kind: 'inclusion'; readonly seq: number }
  | { readonly kind: 'consistency'; readonly from: number }

/** From the keeper's stored tree, or by reading the whole log. Answers no where the entries are not those of the checkpoint. */
async function hashesOf(
  source: ReceiptSource,
  size: number,
  root: string,
  wanted: Wanted,
  io: Io,
): Promise<readonly Uint8Array[]> {
  if (source.prove !== null) return source.prove({ ...wanted, size })
  const shown = progress(io, 'entries', size)
  const gathered = await gatherNodes(
    nativeCrypto,
    source.entries(),
    size,
    read =>
      wanted.kind === 'inclusion'
        ? inclusionProof(nativeCrypto, wanted.seq, size, read)
        : consistencyProof(nativeCrypto, wanted.from, size, read),
    shown.count,
  )
  shown.done()
  if (gathered.proven === null || gathered.root !== root) return differs(io, size)
  return gathered.proven
}

/** The checkpoint that a proof leads to: named, or the newest cosigned one that covers the entry, or the one over the head. */
async function noteFor(
  source: ReceiptSource,
  file: string | undefined,
  seq: number | 'head',
): Promise<string> {
  if (file !== undefined) return formatNote(await readCheckpointFile(file, nativeCrypto))
  const witnessed = seq === 'head' ? null : await source.witnessedNote()
  if (witnessed !== null && parseCheckpoint(utf8(witnessed)).size > (seq as number)) return witnessed
  const note = await source.checkpointNote()
  if (note !== null) return note
  throw new UsageError(
    'this log has no checkpoint that a proof could lead to',
    'Pass --checkpoint FILE: a checkpoint, or the high-water file.',
  )
}

async function entryAt(source: ReceiptSource, seq: number): Promise<Uint8Array | undefined> {
  for await (const bytes of source.entries(seq)) return Uint8Array.from(bytes)
  return undefined
}

async function give(proof: string, facts: object, options: ProveOptions, io: Io): Promise<void> {
  if (options.out !== undefined) await writeNewFile(options.out, utf8(proof))
  if (options.json === true)
    printJson(io, { ...facts, ...(options.out === undefined ? { proof } : { file: options.out }) })
  else if (options.out === undefined) io.stdout.write(proof)
  else printLine(io, `The proof is in ${options.out}.`)
}

function differs(io: Io, size: number): never {
  return no(io, `The log is not the one that its checkpoint over ${size} entries signed. Verify it first.`)
}

function no(io: Io, line: string): never {
  printLine(io, line)
  throw new AnswerNo()
}

async function reading(options: SourceFlags, use: (source: ReceiptSource) => Promise<void>): Promise<void> {
  const source = await openReceipts(options.in, options.config, options)
  try {
    await use(source)
  } finally {
    await source.close()
  }
}

function withLog(command: Command): Command {
  return addSourceOptions(addConfigOption(command))
    .option('--checkpoint <file>', 'checkpoint or high-water file to lead to; a folder has none of its own')
    .option('--json', 'one JSON document')
}
