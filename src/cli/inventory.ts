import { readFileSync } from 'node:fs'
import type { Static } from 'typebox'
import { CountersignError } from '../canon/index.js'
import { type Evidence, openCopies, openEvidence } from '../ledger/index.js'
import { nativeCrypto } from '../native/index.js'
import { parseDurationSeconds, parseSource, Type } from '../policy/index.js'
import { decodeEntry, gatherNodes, type PinnedKeys, Silences, type Verification } from '../receipt/index.js'
import { type CopyFlags, copyFiles, isBucket } from './copy-access.js'
import { timeWords } from './entry-text.js'
import { cliFault } from './error-table.js'
import { type Io, UsageError } from './io.js'
import { type KeySource, pinnedKeys } from './pinned-keys.js'
import { pinnedRecovery } from './pinned-recovery.js'
import { trustVersions } from './trust-versions.js'

const strict = { additionalProperties: false }

/** The sidecars that there are supposed to be. */
const InventorySchema = Type.Object(
  {
    apiVersion: Type.Literal('countersign.dev/v1'),
    kind: Type.Literal('Inventory'),
    sidecars: Type.Array(
      Type.Object(
        {
          origin: Type.String({ pattern: '^[a-z0-9.-]+/countersign/[a-z0-9-]+$' }),
          maxSilence: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,6}[smhd]$' })),
        },
        strict,
      ),
      { minItems: 1, maxItems: 10_000 },
    ),
  },
  strict,
)
type Inventory = Static<typeof InventorySchema>

/** Reads an inventory, YAML or JSON; throws `inventory_malformed` with everything that is wrong with it, and a UsageError where there is none. */
export function readInventory(file: string): Inventory {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`cannot read ${file} (${(error as NodeJS.ErrnoException).code})`, 'Check the path.')
  }
  const source = parseSource(InventorySchema, text)
  if (source.kind === 'findings') {
    const lines = source.findings.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`)
    throw cliFault('inventory_malformed', lines.join('\n'))
  }
  const endless = source.document.sidecars.find(
    ({ maxSilence }) => maxSilence !== undefined && parseDurationSeconds(maxSilence) === null,
  )
  if (endless !== undefined)
    throw cliFault('inventory_malformed', `${file}: maxSilence of ${endless.origin} is longer than 366 days`)
  const origins = source.document.sidecars.map(({ origin }) => origin)
  const twice = origins.find((origin, i) => origins.indexOf(origin) !== i)
  if (twice !== undefined) throw cliFault('inventory_malformed', `${file}: ${twice} is listed twice`)
  return source.document
}

/** How long the log of a chain may be silent, milliseconds; null where the inventory leaves it to its heartbeats. */
export function agreedSilenceMs({ sidecars }: Inventory, chain: string): number | null {
  const seconds = parseDurationSeconds(
    sidecars.find(({ origin }) => origin === originOf(chain))?.maxSilence ?? '',
  )
  return seconds === null ? null : seconds * 1_000
}

/** One log that was found. */
export interface FoundLog {
  readonly where: string
  /** Name that it was shipped under, where the place holds shipped objects. */
  readonly named: string | null
  /** Origin with epoch. */
  readonly chain: string
  readonly verification: Verification
  readonly silences: Silences
}

export interface LookParts {
  readonly inventory: Inventory
  readonly keys: KeySource
  readonly flags: CopyFlags
  readonly io: Pick<Io, 'env'>
  /** Told how many entries of the log at hand were read. */
  readonly onEntry: (count: number) => void
}

/** Every log at a place, verified whole. */
export async function* logsAt(place: string, parts: LookParts): AsyncGenerator<FoundLog> {
  const copies = await openCopies(copyFiles(place, parts.flags, parts.io)).catch(error => {
    if (isBucket(place)) throw error
    return null
  })
  if (copies === null || (copies.chains.length === 0 && !isBucket(place))) {
    const evidence = await openEvidence(place, nativeCrypto)
    try {
      yield await look(place, null, evidence, parts)
    } finally {
      await evidence.close()
    }
    return
  }
  try {
    for (const chain of copies.chains)
      yield await look(place, chain, await copies.open(chain, nativeCrypto), parts)
  } finally {
    await copies.close()
  }
}

type Readable = Pick<Evidence, 'entries' | 'verify' | 'checkpoint'>

/** Root over the first entries of a log that was found, hex; read once more where that isn't all of it. */
async function rootAt(log: FoundLog, size: number, parts: LookParts): Promise<string> {
  if (size === log.verification.size) return log.verification.root
  const evidence = await (log.named === null
    ? openEvidence(log.where, nativeCrypto)
    : (await openCopies(copyFiles(log.where, parts.flags, parts.io))).open(log.named, nativeCrypto))
  try {
    const nothing = async () => null
    return (await gatherNodes(nativeCrypto, evidence.entries(), size, nothing, parts.onEntry)).root
  } finally {
    await evidence.close()
  }
}

async function look(
  where: string,
  named: string | null,
  evidence: Readable,
  { inventory, keys: source, onEntry }: LookParts,
): Promise<FoundLog> {
  let silences = new Silences()
  let first: Uint8Array | undefined
  try {
    for await (const bytes of evidence.entries()) {
      const entry = decodeEntry(bytes)
      if (first === undefined) silences = new Silences(agreedSilenceMs(inventory, entry.chain))
      first ??= bytes
      silences.add(entry)
    }
  } catch {
    // The verification meets the same fault and names it.
  }
  const keys = keysFor(source, first)
  const checkpoints = evidence.checkpoint === null ? [] : [evidence.checkpoint]
  const recovery = pinnedRecovery(source)
  const verification = await evidence.verify(
    { crypto: nativeCrypto, keys, checkpoints, ...(recovery === undefined ? {} : { recovery }) },
    onEntry,
  )
  return { where, named, chain: named ?? verification.chain ?? where, verification, silences }
}

const NOBODY: PinnedKeys = { origin: null, receipt: [], checkpoint: [] }

/**
 * ATTACK: one log that nothing leads to from the trust root, put beside the others, of which nobody is told anything then. Nobody's
 * keys are good for it, and its verification says so.
 */
function keysFor(source: KeySource, first: Uint8Array | undefined): PinnedKeys | null {
  // A trust root that can't be opened is no log's fault.
  trustVersions(source)
  try {
    return pinnedKeys(source, first)
  } catch (error) {
    if (error instanceof CountersignError || error instanceof UsageError) return NOBODY
    throw error
  }
}

export interface InventoryFinding {
  readonly code:
    | 'missing'
    | 'unlisted'
    | 'unsound'
    | 'silent'
    | 'was_silent'
    | 'epoch_missing'
    | 'ahead'
    | 'forked'
    | 'recovered_from_less'
  /** Origin, or origin with epoch. */
  readonly log: string
  readonly message: string
}

/**
 * Holds the logs that were found against one another. ATTACK: each of two places is shown a history of its own, and each
 * of them is sound; or an epoch is ended by a recovery that knows of less than was shipped.
 */
export async function compareLogs(
  found: readonly FoundLog[],
  parts: LookParts,
): Promise<readonly InventoryFinding[]> {
  const findings: InventoryFinding[] = []
  const add = (code: InventoryFinding['code'], log: string, message: string) => {
    findings.push({ code, log, message: `${log}: ${message}` })
  }
  for (const log of found) {
    const { sound, size, root, recovered } = log.verification
    const longest = longestOf(found, log.chain)
    if (sound && longest?.verification.sound === true && (await rootAt(longest, size, parts)) !== root)
      add('forked', log.chain, `${log.where} and ${longest.where} hold different histories of it`)
    if (recovered === null) continue
    const before = longestOf(found, recovered.chain)
    if (before === undefined) continue
    const there = before.verification.validPrefix
    const known = recovered.size + recovered.lost
    if (there > known)
      add(
        'recovered_from_less',
        log.chain,
        `the recovery that began it says that ${recovered.chain} had ${known} entries, and ${there} are in ${before.where}`,
      )
    if (recovered.size <= there && (await rootAt(before, recovered.size, parts)) !== recovered.root)
      add(
        'forked',
        log.chain,
        `it goes on from another history of ${recovered.chain} than ${before.where} holds`,
      )
  }
  return findings
}

/** The one of which the most is proven. */
function longestOf(found: readonly FoundLog[], chain: string): FoundLog | undefined {
  const proven = ({ verification }: FoundLog) => verification.validPrefix
  return found.filter(log => log.chain === chain).sort((a, b) => proven(b) - proven(a))[0]
}

/** A newest entry this far ahead of the clock of whoever looks is no difference of clocks. */
const CLOCKS_MS = 300_000

/**
 * Holds what was found against what there is supposed to be. Silences that began at `sinceMs` or later are findings;
 * older ones are not, null: none is but that of now.
 */
export function takeInventory(
  inventory: Inventory,
  found: readonly FoundLog[],
  nowMs: number,
  sinceMs: number | null,
): readonly InventoryFinding[] {
  const findings: InventoryFinding[] = []
  const add = (code: InventoryFinding['code'], log: string, message: string) => {
    findings.push({ code, log, message: `${log}: ${message}` })
  }
  for (const { origin } of inventory.sidecars) {
    const logs = found.filter(({ chain }) => originOf(chain) === origin)
    const newest = Math.max(0, ...logs.map(({ chain }) => epochOf(chain)))
    if (newest === 0) add('missing', origin, 'is on the list, and no log of it is here')
    for (let epoch = 1; epoch < newest; epoch++)
      if (!logs.some(({ chain }) => epochOf(chain) === epoch))
        add('epoch_missing', `${origin}/${epoch}`, `is not here, and epoch ${newest} is`)
    for (const log of logs) {
      if (!log.verification.sound)
        add('unsound', log.chain, log.verification.findings[0]?.message ?? 'does not verify')
      for (const { from, to, closed } of log.silences.list)
        if (sinceMs !== null && from >= sinceMs)
          add(
            'was_silent',
            log.chain,
            `${closed ? 'was closed' : 'was silent'} from ${timeWords(from)} to ${timeWords(to)}`,
          )
      const { newest: last, toleratedMs } = log.silences
      if (epochOf(log.chain) !== newest || last === null) continue
      if (last.t > nowMs + CLOCKS_MS)
        add('ahead', log.chain, `its newest entry is of ${timeWords(last.t)}, which is to come`)
      if (nowMs - last.t > toleratedMs)
        add(
          'silent',
          log.chain,
          `${last.closed ? 'was closed' : 'is silent'} since ${timeWords(last.t)}; ${Math.round(toleratedMs / 1_000)} s are tolerated`,
        )
    }
  }
  for (const { chain } of found)
    if (!inventory.sidecars.some(({ origin }) => origin === originOf(chain)))
      add('unlisted', chain, 'is here, and not on the list')
  return findings
}

function originOf(chain: string): string {
  return chain.slice(0, chain.lastIndexOf('/'))
}

function epochOf(chain: string): number {
  return Number(chain.slice(chain.lastIndexOf('/') + 1))
}
