import { CountersignError } from '../canon/index.js'
import type { KeySuccession, Ledger } from '../ledger/index.js'
import type { InstanceRole, TrustRoot } from '../policy/index.js'
import type { ControlBody } from '../receipt/index.js'
import type { Clock, Log } from './ports.js'

/** Durable form: `key/<ed25519:…>` → its role; ` revoked` behind it once the ledger says so. */
const HAD = 'key/'
const NOTED = ' revoked'

/** The keys of this sidecar, and where the next ones come from. */
export interface InstanceKeys {
  /** Unix milliseconds: when the certificate over the keys in force ends. */
  expiresMs(): number
  /** The keys in force, `ed25519:…` by role. */
  inForce(): Readonly<Record<InstanceRole, string>>
  /** What was installed and is not in force yet, or null. Throws the fault that it has. */
  next(trust: TrustRoot): Promise<NextKeys | null>
  /** Calls back when keys are installed; the answer ends it. */
  watch(onChange: () => void): () => void
}

export interface NextKeys {
  readonly succession: KeySuccession
  /** Content id of the enrolment. */
  readonly enrolment: string
  /** The ledger has been handed over: these keys are the ones in force from now on, in memory and then on disk. */
  adopt(): Promise<void>
}

/** Why the keys that were installed are not in force. */
export interface KeysRefusal {
  readonly code: string
  readonly message: string
  readonly mend: string
  readonly atMs: number
}

export interface SuccessionParts {
  readonly ledger: Pick<Ledger, 'append' | 'succeed' | 'state'>
  readonly keys: InstanceKeys
  readonly clock: Clock
  readonly log: Log
  /** Called when other keys are in force. */
  readonly announce: () => void
}

/** Puts the next keys of this sidecar in force, in the ledger first, and writes down which of its keys were revoked. */
export class Succession {
  private readonly parts: SuccessionParts
  private lastRefusal: KeysRefusal | null = null
  private turning: Promise<unknown> = Promise.resolve()

  constructor(parts: SuccessionParts) {
    this.parts = parts
  }

  expiresMs(): number {
    return this.parts.keys.expiresMs()
  }

  /** Why the installed keys aren't in force; null where they are, or none are installed. */
  refusal(): KeysRefusal | null {
    return this.lastRefusal
  }

  /**
   * Hands over to the keys that are installed, if there are any, and notes what the trust root has revoked. Returns
   * true where other keys are in force than before. Rejects only with a ledger fault, or where files can't be moved.
   */
  reload(trust: TrustRoot | null): Promise<boolean> {
    const turned = this.turning.then(() => (trust === null ? false : this.turn(trust)))
    this.turning = turned.catch(() => undefined)
    return turned
  }

  /** Resolves when no hand-over is under way. */
  async settled(): Promise<void> {
    await this.turning
  }

  private async turn(trust: TrustRoot): Promise<boolean> {
    const next = await this.installed(trust)
    if (next !== null) await this.handOver(next)
    await this.noteRevoked(trust)
    return next !== null
  }

  private async installed(trust: TrustRoot): Promise<NextKeys | null> {
    const { keys, clock, log } = this.parts
    try {
      const next = await keys.next(trust)
      this.lastRefusal = null
      return next
    } catch (error) {
      if (!(error instanceof CountersignError)) throw error
      const known = this.lastRefusal
      this.lastRefusal = { code: error.code, message: error.message, mend: error.mend, atMs: clock.nowMs() }
      if (known?.message !== error.message)
        log.error({ code: error.code }, `keys not replaced: ${error.message}`)
      return null
    }
  }

  private async handOver({ succession, enrolment, adopt }: NextKeys): Promise<void> {
    const { ledger, log, announce } = this.parts
    const { seq } = await ledger.succeed(succession)
    // INVARIANT: from here on the new keys sign, whatever becomes of the files.
    try {
      await adopt()
    } finally {
      announce()
      log.info({ enrolment, receipt: seq }, 'other keys are in force')
    }
  }

  /**
   * A key that was replaced and is revoked: from its entry on nobody has to take our word for what the trust root says.
   * A key in force can't testify against itself: what it says behind that would count for nothing.
   */
  private async noteRevoked(trust: TrustRoot): Promise<void> {
    const { ledger, keys } = this.parts
    const inForce: readonly string[] = Object.values(keys.inForce())
    for (const [name, role] of await ledger.state.list(HAD)) {
      const key = name.slice(HAD.length)
      if (role.endsWith(NOTED) || inForce.includes(key) || !trust.revoked.keys.includes(key)) continue
      await ledger.append(
        { type: 'key', data: { action: 'revoked', role, key } },
        { state: [{ key: name, value: role + NOTED }] },
      )
    }
  }
}

/** The entries that put an enrolment's keys in force: that of the receipt key last, so that the old one signs them all. */
export function successionEntries(
  enrolment: string,
  next: Readonly<Record<InstanceRole, string>>,
  before: Readonly<Record<InstanceRole, string>>,
): readonly ControlBody[] {
  return (['checkpoint', 'grant', 'receipt'] as const).map(role => ({
    type: 'key',
    data: {
      action: 'enrolled',
      role,
      key: next[role],
      enrolment,
      ...(next[role] === before[role] ? {} : { replaces: before[role] }),
    },
  }))
}
