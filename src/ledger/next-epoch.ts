import { copyFile, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { hex } from '../canon/index.js'
import { makeFolder } from '../native/index.js'
import { type ControlBody, emptyRoot, GrowingTree } from '../receipt/index.js'
import { ledgerFault } from './error-table.js'
import type { Companion } from './ledger.js'
import { holdLock } from './lock.js'
import { readMark, writeMark } from './mark.js'
import { bootOf, genesisOf, type OpenLedgerOptions } from './open.js'
import { syncFolder } from './replace-file.js'
import { EMPTY_LEAF } from './sound.js'
import { Store } from './store.js'
import { OpenTile } from './tile.js'
import { LedgerWriter } from './writer.js'

export interface NextEpochOptions
  extends Pick<
    OpenLedgerOptions,
    | 'dir'
    | 'highWater'
    | 'origin'
    | 'signer'
    | 'checkpointKey'
    | 'crypto'
    | 'clock'
    | 'boot'
    | 'software'
    | 'enrolment'
  > {
  /** The epoch that begins, 2 or more. */
  readonly epoch: number
  /** The recovery, as the entry that says what this epoch goes on from. */
  readonly recover: ControlBody
  /** What the use cases must not forget. */
  readonly state: NonNullable<Companion['state']>
  /** Time in Unix milliseconds that no entry of the new epoch may be before. */
  readonly sinceMs: number
}

/*
 * In the ledger's folder, and never on another volume, so that a folder that is a mount point can be recovered too:
 *
 *     .epoch-2/         the next epoch while it is written
 *     .epoch-2.mark     its mark
 *     .epoch-2.ready/   the same, when everything of the old one is aside
 *     epoch-1/          the files of the old one, with its mark as high-water.json
 */
const building = (epoch: number) => `.epoch-${epoch}`
const ready = (epoch: number) => `.epoch-${epoch}.ready`
const builtMark = (epoch: number) => `.epoch-${epoch}.mark`
const OLD_MARK = 'high-water.json'

/** Where the files of an epoch lie when it has ended. */
export function endedEpoch(dir: string, epoch: number): string {
  return join(dir, `epoch-${epoch}`)
}

/** The epoch that was begun by a recovery which did not get to its end; null where there is none. */
export async function unfinishedEpoch({
  dir,
  highWater,
  crypto,
}: Pick<NextEpochOptions, 'dir' | 'highWater' | 'crypto'>): Promise<number | null> {
  const mark = await readMark(highWater, crypto, null).catch(() => null)
  const names = await readdir(dir).catch((): string[] => [])
  const epoch = Number(mark?.origin.split('/').at(-1))
  return names.includes(building(epoch)) || names.includes(ready(epoch)) ? epoch : null
}

/**
 * Ends an epoch and begins the next one: writes it beside the old one, puts the old one aside, and puts the new one in
 * its place. Nothing is deleted. A crash at any moment leaves a folder on which no keeper starts, and calling it again
 * goes on from there. Answers where the old epoch lies now. Throws `ledger_locked` where a keeper runs.
 *
 * INVARIANT: the new mark is in place before the first file is moved. Without it, a folder that was emptied half-way
 * under a mark that is missing would look like a first start.
 */
export async function beginEpoch(options: NextEpochOptions): Promise<string> {
  const { dir, epoch, crypto } = options
  const release = await holdLock(dir, crypto)
  try {
    if ((await unfinishedEpoch(options)) !== epoch) {
      await write(options)
      await replaceMark(options)
    }
    if (!(await exists(join(dir, ready(epoch))))) {
      await moveAside(dir, epoch)
      await rename(join(dir, building(epoch)), join(dir, ready(epoch)))
      await syncFolder(dir)
    }
    await moveIn(dir, epoch)
    return endedEpoch(dir, epoch - 1)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error
    throw ledgerFault('ledger_unreadable', (error as Error).message)
  } finally {
    await release()
  }
}

/** Genesis, boot, recovery and close, with the state that is carried over in the recovery's own batch. */
async function write(options: NextEpochOptions): Promise<void> {
  const { dir, epoch, crypto, origin } = options
  const place = join(dir, building(epoch))
  await rm(place, { recursive: true, force: true })
  await rm(join(dir, builtMark(epoch)), { force: true })
  const store = await Store.open(place, crypto)
  const head = {
    chain: `${origin}/${epoch}`,
    size: 0,
    leaf: EMPTY_LEAF,
    root: hex(emptyRoot(crypto)),
    t: options.sinceMs,
    open: [],
  }
  const start = { head, tree: new GrowingTree(crypto), tile: new OpenTile([]), open: new Map() }
  const ledger = new LedgerWriter(store, start, 0, {
    ...options,
    beside: null,
    highWater: join(dir, builtMark(epoch)),
  })
  try {
    await ledger.append(genesisOf(options))
    await ledger.append(bootOf(ledger.head(), { software: options.software, side: null }))
    await ledger.append(options.recover, { state: options.state })
  } finally {
    await ledger.close()
  }
}

async function replaceMark({ dir, highWater, epoch }: NextEpochOptions): Promise<void> {
  const aside = endedEpoch(dir, epoch - 1)
  await makeFolder(aside, 0o700)
  await copyFile(highWater, join(aside, OLD_MARK)).catch(error => {
    if (error.code !== 'ENOENT') throw error
  })
  await syncFolder(aside)
  await writeMark(highWater, await readFile(join(dir, builtMark(epoch))))
}

/** CURRENT goes first: from then on LevelDB sees no database here. */
async function moveAside(dir: string, epoch: number): Promise<void> {
  const own = /^(LOCK|\.lock|\.epoch-.*|epoch-[0-9]+)$/
  const names = (await readdir(dir)).filter(name => !own.test(name))
  const aside = endedEpoch(dir, epoch - 1)
  for (const name of currentFirst(names)) await rename(join(dir, name), join(aside, name))
  await syncFolder(aside)
}

/** CURRENT comes last: until then LevelDB sees no database here. */
async function moveIn(dir: string, epoch: number): Promise<void> {
  const from = join(dir, ready(epoch))
  const names = (await readdir(from)).filter(name => name !== 'LOCK')
  for (const name of currentFirst(names).toReversed()) await rename(join(from, name), join(dir, name))
  await syncFolder(dir)
  await rm(from, { recursive: true })
  await rm(join(dir, builtMark(epoch)), { force: true })
  await syncFolder(dir)
}

function currentFirst(names: readonly string[]): string[] {
  return [...names].sort((a, b) => Number(b === 'CURRENT') - Number(a === 'CURRENT'))
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
