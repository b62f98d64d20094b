import { type Command, Option } from 'commander'
import { addCopyOptions, type CopyFlags } from '../copy-access.js'
import { timeWords, visible } from '../entry-text.js'
import {
  compareLogs,
  type FoundLog,
  type InventoryFinding,
  logsAt,
  readInventory,
  takeInventory,
} from '../inventory.js'
import { AnswerNo, type Io, printJson, printLine, UsageError } from '../io.js'
import type { KeySource } from '../pinned-keys.js'
import { progress } from '../progress.js'

interface InventoryOptions extends CopyFlags {
  readonly trust?: string
  readonly pin?: string
  readonly since?: string
  readonly json?: true
}

export function registerInventory(receipts: Command, io: Io): void {
  addCopyOptions(receipts.command('inventory'))
    .summary('say whether every sidecar that there should be has a log, and is still heard of')
    .argument('<file>', 'the sidecars that there should be, YAML or JSON')
    .argument(
      '<place...>',
      'shipped copies, folders or s3://bucket/prefix; ledger folders and dumps count too',
    )
    .option('--trust <file>', 'your own copy of the trust root: pins the keys that it leads to')
    .option('--pin <id>', 'content id of a version in that file, sha256:…, where the copy is not your own')
    .option(
      '--since <time>',
      'silences that began at this time or later are findings, too: 2026-11-01T00:00:00Z',
    )
    .addOption(new Option('--json', 'one JSON document'))
    .addHelpText('after', HELP)
    .action((file: string, places: string[], options: InventoryOptions) =>
      inventory(file, places, options, io),
    )
}

const HELP = `
Exit code 0: nothing was found; 1: something was; 2: it could not be tried. The file:
  apiVersion: countersign.dev/v1
  kind: Inventory
  sidecars:
    - { origin: acme.example/countersign/edge }
    - { origin: acme.example/countersign/batch, maxSilence: 2h }
Without maxSilence a log may be silent for three of the heartbeats that it promises.

Example:
  countersign receipts inventory sidecars.yaml s3://acme-evidence/countersign --region eu-west-1 --trust root.json
`

async function inventory(
  file: string,
  places: readonly string[],
  options: InventoryOptions,
  io: Io,
): Promise<void> {
  const expected = readInventory(file)
  const sinceMs = options.since === undefined ? null : timeOf(options.since)
  const shown = progress(io, 'entries')
  const parts = { inventory: expected, keys: keysOf(options), flags: options, io, onEntry: shown.count }
  const found: FoundLog[] = []
  for (const place of places) for await (const log of logsAt(place, parts)) found.push(log)
  const findings = [
    ...takeInventory(expected, found, Date.now(), sinceMs),
    ...(await compareLogs(found, parts)),
  ]
  shown.done()
  if (options.json === true)
    printJson(io, { complete: findings.length === 0, findings, logs: found.map(factsOf) })
  else print(findings, found, io)
  if (findings.length > 0) throw new AnswerNo()
}

function keysOf({ trust, pin }: InventoryOptions): KeySource {
  if (trust === undefined && pin !== undefined)
    throw new UsageError('--pin names a version of a trust root', 'Pass the root itself with --trust FILE.')
  return trust === undefined
    ? { kind: 'none' }
    : { kind: 'trust-root', root: trust, pin: pin ?? null, enrolments: [] }
}

function timeOf(text: string): number {
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) throw new UsageError(`${text} is no time`, 'Pass one such as 2026-11-01T00:00:00Z.')
  return ms
}

function factsOf({ where, chain, verification, silences }: FoundLog) {
  const { sound, mode, size } = verification
  return {
    where,
    chain,
    sound,
    mode,
    size,
    newest: silences.newest,
    toleratedMs: silences.toleratedMs,
    silences: silences.count,
  }
}

function print(findings: readonly InventoryFinding[], found: readonly FoundLog[], io: Io): void {
  printLine(
    io,
    findings.length === 0
      ? 'COMPLETE: every sidecar on the list has its log, and no other is here.'
      : `NOT COMPLETE: ${findings.length} finding${findings.length === 1 ? '' : 's'}.`,
  )
  for (const { message } of findings) printLine(io, `  ! ${visible(message)}`)
  for (const { chain, verification, silences } of found) {
    const { size, mode, sound } = verification
    const newest = silences.newest === null ? 'never' : timeWords(silences.newest.t)
    const quiet = silences.count === 0 ? '' : `, ${silences.count} silence(s) before`
    printLine(
      io,
      `  ${visible(chain)}: ${size} entries, ${sound ? 'sound' : 'NOT sound'}, ${mode}, newest ${newest}${quiet}`,
    )
  }
  if (found.some(({ verification }) => verification.mode === 'integrity only'))
    printLine(io, '  not proven  whose logs these are: no key came from outside of them (pass --trust)')
}
