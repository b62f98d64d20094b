import { type Command, InvalidArgumentError } from 'commander'
import type { JWK } from 'jose'
import { type Io, UsageError } from '../io.js'
import { readPrivateText } from '../keyfile.js'
import { progress } from '../progress.js'
import { openReceipts } from '../receipt-source.js'
import { addConfigOption } from '../session-options.js'
import { type Recorded, recordedAttempts } from './recorded-attempts.js'

/** Options of the commands that read recorded attempts. */
export interface LogOptions {
  readonly config: string
  readonly ledger?: string
  readonly in?: string
  readonly auditorKey?: string
  readonly agent?: string
  readonly since?: number
  readonly json?: boolean
}

export function addLogOptions(command: Command): Command {
  return addConfigOption(command)
    .option('--ledger <dir>', 'a ledger folder (stopped, or a copy), instead of the running keeper')
    .option('--in <file>', 'a dump of `countersign receipts export`; it has no decision inputs')
    .option('--auditor-key <file>', 'the auditor’s private key, which opens the decision inputs')
    .option('--agent <id>', 'only attempts of this agent')
    .option('--since <time>', 'only attempts from then on, such as 2027-01-13T12:00:00Z', utcTime)
    .option('--json', 'one JSON document')
}

/** Reads the log that the options name, from its first entry, and closes it. */
export async function readLog<T>(
  options: LogOptions,
  io: Io,
  read: (log: AsyncIterable<Recorded>) => Promise<T>,
): Promise<T> {
  if (options.ledger !== undefined && options.in !== undefined)
    throw new UsageError('--ledger and --in name two logs', 'Pass one of them.')
  const key = options.auditorKey === undefined ? null : readAuditorKey(options.auditorKey)
  const source = await openReceipts(options.ledger ?? options.in, options.config)
  const shown = progress(io, 'entries')
  try {
    return await read(recordedAttempts(source, key, shown.count))
  } finally {
    shown.done()
    await source.close()
  }
}

/** A key that opens nothing is the wrong one, and an answer from the receipts alone would hide that. */
export function refuseWrongKey(options: LogOptions, attempts: number, opened: number): void {
  if (options.auditorKey === undefined || options.in !== undefined || attempts === 0 || opened > 0) return
  throw new UsageError(
    `${options.auditorKey} opens the decision inputs of none of ${attempts} attempts`,
    'Pass the private half of `ledger.auditorKey`, and a log whose keeper kept the inputs; or leave --auditor-key out.',
  )
}

/** Throws `key_unusable` where the file isn't there or others can read it. */
export function readAuditorKey(file: string): JWK {
  const text = readPrivateText(file)
  try {
    const key = JSON.parse(text) as JWK
    if (typeof key === 'object' && key !== null && typeof key.d === 'string') return key
  } catch {
    // Said below; what was in the file is not.
  }
  throw new UsageError(`${file} is not a private key`, 'Pass the auditor’s private key, a JWK in a file.')
}

/** A time as an option of the command line takes it, in Unix milliseconds. */
export function utcTime(text: string): number {
  const ms = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{3})?Z$/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(ms)) throw new InvalidArgumentError('expected a time in UTC such as 2027-01-13T12:00:00Z')
  return ms
}
