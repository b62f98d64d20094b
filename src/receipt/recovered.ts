import { utf8 } from '../canon/index.js'
import type { Recovery, SignedRecovery } from '../policy/index.js'
import type { ControlBody, Entry, EntryPosition } from './entry.js'
import type { FindingCode } from './findings.js'

/** Opens the statement of a recovery under a pinned trust root; throws where enough of the role `recover` have not signed it. */
export type OpenRecovery = (statement: Uint8Array) => SignedRecovery

/** Where a later epoch says what it goes on from: after its genesis and its first boot. */
export const PLACE_OF_RECOVERY = 2

/** What a later epoch goes on from, as its third entry says. */
export interface Recovered {
  /** The epoch of this log. */
  readonly epoch: number
  /** Origin and epoch of the log that it goes on from. */
  readonly chain: string
  /** Entries of that log which are proven, from the first on, and their root. */
  readonly size: number
  readonly root: string
  /** Entries of it that are known to be lost. */
  readonly lost: number
  readonly because: string
  /** Entries that a mark or a checkpoint covered; null where the signers had none, `unsaid` where no statement was opened. */
  readonly known: number | null | 'unsaid'
  /** Names of the keys that signed it; null where no trust root vouches for them. */
  readonly signers: readonly string[] | null
}

export interface RecoveryFinding {
  readonly code: FindingCode
  readonly detail: string
}

/**
 * Holds a log to its epoch. ATTACK: who wants entries gone begins the next epoch without them. It is accepted where
 * the role `recover` has signed for exactly that, and nowhere else.
 */
export class RecoveryCheck {
  private readonly open: OpenRecovery | undefined
  /** False for a log that is only held to its own word. */
  private readonly pinned: boolean
  private epoch = 1
  private reported = false
  private found: Recovered | null = null

  constructor(open: OpenRecovery | undefined, pinned: boolean) {
    this.open = open
    this.pinned = pinned
  }

  get recovered(): Recovered | null {
    return this.found
  }

  /** At the end of a log: it is of a later epoch and has nothing that says why. */
  get isMissing(): boolean {
    return this.epoch > 1 && this.found === null && !this.reported
  }

  /** What is wrong with an entry at this place; null where nothing is. */
  see(entry: Entry, place: number): RecoveryFinding | null {
    if (place === 0) this.epoch = epochOf(entry.chain)
    const belongs = this.epoch > 1 && place === PLACE_OF_RECOVERY
    if (entry.type !== 'recover') return belongs ? this.finding('recover_missing') : null
    if (!belongs) return this.finding('recover_unproven', 'it stands where no epoch begins')
    const cited = entry as EntryPosition & ControlBody
    this.found = { ...written(cited), epoch: this.epoch, known: 'unsaid', signers: null }
    return this.prove(cited, this.found)
  }

  private prove(entry: EntryPosition & ControlBody, said: Recovered): RecoveryFinding | null {
    if (this.open === undefined)
      // Without pinned keys nothing is proven, and the verdict says so.
      return this.pinned
        ? this.finding('recover_unproven', 'no trust root was given that vouches for it')
        : null
    try {
      const { recovery, signers } = this.open(utf8(String(entry.data.statement ?? '')))
      const other = difference(entry, said, recovery)
      if (other !== undefined) return this.finding('recover_unproven', `its statement has another ${other}`)
      // ATTACK: mark and newest entries are deleted together, and nothing is known to be lost.
      this.found = { ...said, known: recovery.known?.size ?? null, signers }
      return null
    } catch (error) {
      return this.finding('recover_unproven', (error as Error).message)
    }
  }

  private finding(code: FindingCode, detail = ''): RecoveryFinding {
    this.reported = true
    return { code, detail }
  }
}

function epochOf(chain: string): number {
  return Number(chain.slice(chain.lastIndexOf('/') + 1))
}

function written({ data }: ControlBody): Omit<Recovered, 'epoch' | 'known' | 'signers'> {
  return {
    chain: data.chain as string,
    size: data.size as number,
    root: data.root as string,
    lost: (data.lost ?? 0) as number,
    because: data.because as string,
  }
}

/** The first thing that the entry says otherwise than the statement that was signed. */
function difference(entry: EntryPosition, said: Recovered, recovery: Recovery): string | undefined {
  const pairs: readonly (readonly [string, unknown, unknown])[] = [
    ['epoch', entry.chain, `${recovery.origin}/${recovery.epoch + 1}`],
    ['chain', said.chain, `${recovery.origin}/${recovery.epoch}`],
    ['size', said.size, recovery.left.size],
    ['root', said.root, recovery.left.root],
    ['loss', said.lost, recovery.lost],
    ['reason', said.because, recovery.because],
  ]
  return pairs.find(([, is, signed]) => is !== signed)?.[0]
}
