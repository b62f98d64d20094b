import { resolve } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { fromBase64 } from '../../canon/index.js'
import type { ArchivesStatus } from '../../keeper/index.js'
import { decodeEntry } from '../../receipt/index.js'
import { type AdminClient, connectAdmin } from '../admin-client.js'
import { loadConfig } from '../config.js'
import { AnswerNo, type Io, printJson, printLine, UsageError } from '../io.js'
import { addOrderOptions, type OrderFlags, signedOrder } from '../operate-order.js'
import { group } from '../program-group.js'
import { progress } from '../progress.js'
import { utcTime } from '../replay/log-options.js'
import { addConfigOption } from '../session-options.js'

interface ArchiveFlags extends OrderFlags {
  readonly before?: number
  readonly keepDays?: number
  readonly all?: true
  readonly dryRun?: true
  readonly wait: boolean
  readonly json?: true
}

/** Entries in a tile: only whole ones are archived. */
const TILE = 256
const LOOK_MS = 250
const DAY_MS = 86_400_000

export function registerLedgerArchive(program: Command, io: Io): void {
  const ledger = group(program, 'ledger', 'look after the ledger on disk')
  const command = addConfigOption(ledger.command('archive'))
    .summary('move the oldest entries into a folder, where they can be checked as before')
    .argument('<dir>', 'folder on the keeper’s host: a new one, or that of the last time')
    .option('--before <time>', 'entries before then, such as 2027-01-01T00:00:00Z', utcTime)
    .option('--keep-days <n>', 'entries that are older than so many days', days)
    .option('--all', 'as many as can be')
    .option('--dry-run', 'say what would be archived, and end')
    .option('--no-wait', 'end as soon as the keeper has begun; `countersign status` shows how it goes on')
  addOrderOptions(command, 'retention')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      `
The keeper writes the whole log into the folder as static files (C2SP tlog-tiles), reads it back, says so in the log, and only
then deletes the entries before the given time from its database. It goes on working meanwhile. What it keeps is the hash of
every entry, so every proof can still be made, and nobody can exchange the archive. Whatever reads the log reads the archive as well, where
the folder is in its place or named with --archive. Move or copy the folder as you like; never change it.
What sinks, witnesses or an open attempt still need stays, and so do the newest 1,280 entries, and all decision inputs.

Examples:
  countersign ledger archive /var/archive/countersign --keep-days 90
  countersign ledger archive /var/archive/countersign --before 2027-01-01T00:00:00Z --dry-run
  countersign receipts verify /var/archive/countersign --trust root.json
  countersign receipts verify ledger-copy --archive /mnt/archive/countersign --trust root.json
`,
    )
    .action((dir: string, flags: ArchiveFlags) => archive(resolve(dir), flags, io))
}

async function archive(folder: string, flags: ArchiveFlags, io: Io): Promise<void> {
  const wanted = wantedBefore(flags)
  const loaded = loadConfig(flags.config)
  const admin = connectAdmin(loaded.path(loaded.config.keeper.admin))
  try {
    const now = await admin.get<ArchivesStatus>('/v1/archives')
    const size = await sizeBefore(admin, now, wanted)
    const held = size === now.possible.size && now.possible.by !== 'tail' ? now.possible.by : null
    if (size <= (now.archived?.size ?? 0)) return nothing(now, flags, io)
    if (flags.dryRun === true) {
      if (flags.json === true) return printJson(io, { size, folder, held, ...now })
      return printLine(io, `${size} entries would be archived in ${folder}${heldWords(held)}.`)
    }
    const order = await signedOrder({ action: 'archive', size, folder }, 'archiving', flags, io)
    const begun = await admin.post<ArchivesStatus>('/v1/archives', order)
    const ended = flags.wait ? await waited(admin, io) : begun
    if (flags.json === true) printJson(io, ended)
    else
      printLine(
        io,
        flags.wait
          ? `${size} entries are in ${folder}, read back and compared, and not in the ledger any more${heldWords(held)}.`
          : `The keeper archives ${size} entries in ${folder}${heldWords(held)}.`,
      )
  } finally {
    await admin.close()
  }
}

function nothing(now: ArchivesStatus, flags: ArchiveFlags, io: Io): void {
  if (flags.json === true) printJson(io, now)
  else
    printLine(
      io,
      `There is nothing to archive: ${now.archived?.size ?? 0} entries are, and ${now.possible.size} could be now (${now.possible.by}).`,
    )
}

function heldWords(by: string | null): string {
  return by === null ? '' : `, no more because of the ${by}`
}

/** Unix milliseconds; null for as many as can be. */
function wantedBefore({ before, keepDays, all }: ArchiveFlags): number | null {
  const given = [before, keepDays, all].filter(each => each !== undefined)
  if (given.length !== 1)
    throw new UsageError('say what is to be archived', 'Pass one of --keep-days N, --before TIME and --all.')
  return all === true ? null : (before ?? Date.now() - (keepDays as number) * DAY_MS)
}

/** How many entries are before that time and can be archived: a search by halves, because time never runs back in a log. */
async function sizeBefore(
  admin: AdminClient,
  { archived, possible }: ArchivesStatus,
  before: number | null,
): Promise<number> {
  if (before === null) return possible.size
  let [low, high] = [archived?.size ?? 0, possible.size]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if ((await timeOf(admin, middle)) < before) low = middle + 1
    else high = middle
  }
  return low - (low % TILE)
}

async function timeOf(admin: AdminClient, seq: number): Promise<number> {
  const { entry } = await admin.get<{ entry: string }>(`/v1/receipts/${seq}`)
  return decodeEntry(fromBase64(entry)).t
}

async function waited(admin: AdminClient, io: Io): Promise<ArchivesStatus> {
  let phase = ''
  let bar: ReturnType<typeof progress> | undefined
  try {
    for (;;) {
      const status = await admin.get<ArchivesStatus>('/v1/archives')
      const { state, size, entries, problem } = status.archiving ?? {}
      if (state === 'done' || state === undefined) return status
      if (state === 'failed') {
        printLine({ ...io, stdout: io.stderr }, `Nothing was archived: ${problem}`)
        throw new AnswerNo()
      }
      if (phase !== state) {
        bar?.done()
        bar = progress(io, `entries, ${state}`, size ?? null)
        phase = state
      }
      // A bar looks at whole tiles only.
      bar?.count((entries ?? 0) - ((entries ?? 0) % TILE))
      await new Promise(resolve => setTimeout(resolve, LOOK_MS))
    }
  } finally {
    bar?.done()
  }
}

function days(text: string): number {
  if (!/^[0-9]{1,5}$/.test(text)) throw new InvalidArgumentError('expected a whole number of days')
  return Number(text)
}
