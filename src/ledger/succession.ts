import {
  type Crypto,
  contentId,
  formatPublicKey,
  isRemoteKey,
  type RemoteKey,
  type SigningKey,
  utf8,
} from '../canon/index.js'
import type { ControlBody } from '../receipt/index.js'
import { ledgerFault } from './error-table.js'
import type { StateReader } from './ledger.js'

/**
 * Durable forms: `{"enrolment":"sha256:…","t":1790000000000}`, the last hand-over of this log's keys, and
 * `key/<ed25519:…>` → its role for every key that was replaced.
 */
const HAND_OVER = 'keys/hand-over'
const HAD = 'key/'

/** A key of the log, held here or elsewhere. */
export type LogKey = SigningKey | RemoteKey

/** The same key; where it is held elsewhere, whatever keeps it from signing is `signer_unavailable`. */
export function namingFaults(key: LogKey): LogKey {
  if (!isRemoteKey(key)) return key
  return {
    keyid: key.keyid,
    publicKey: key.publicKey,
    available: () => key.available(),
    signAll: messages =>
      key.signAll(messages).catch(error => {
        throw ledgerFault('signer_unavailable', String((error as { code?: unknown }).code ?? 'unknown'))
      }),
  }
}

/** The keys that follow those in force, and the entries that say so. */
export interface KeySuccession {
  readonly signer: LogKey
  readonly checkpointKey: LogKey
  /** Enrolment envelope of the new keys, as text. */
  readonly enrolment: string
  /** Entries of type `key`, that of the receipt key last: the key in force signs them all. */
  readonly entries: readonly ControlBody[]
  /** How long the old checkpoint key goes on signing beside the new one. */
  readonly overlapMs: number
}

/** A checkpoint key that was replaced and still signs beside its successor. */
export interface RetiringKey {
  readonly key: LogKey
  readonly overlapMs: number
}

export interface HandOver {
  /** Content id of the envelope. */
  readonly enrolment: string
  /** Unix milliseconds. */
  readonly t: number
}

/** The last hand-over that is durable; null where this log has its first keys. */
export async function lastHandOver(state: Pick<StateReader, 'get'>): Promise<HandOver | null> {
  const value = await state.get(HAND_OVER)
  return value === undefined ? null : (JSON.parse(value) as HandOver)
}

/** True where this succession has taken place already: a start after a crash between ledger and files. */
export function isDone(
  crypto: Pick<Crypto, 'sha256'>,
  { enrolment }: Pick<KeySuccession, 'enrolment'>,
  last: HandOver | null,
): boolean {
  return last?.enrolment === contentId(crypto, utf8(enrolment))
}

/** The changes of the durable state that go with the entries of a succession, in their batch. */
export function handOverChanges(
  crypto: Pick<Crypto, 'sha256'>,
  { enrolment, entries }: Pick<KeySuccession, 'enrolment' | 'entries'>,
  t: number,
): { readonly key: string; readonly value: string }[] {
  const done: HandOver = { enrolment: contentId(crypto, utf8(enrolment)), t }
  const replaced = entries.flatMap(({ data: { replaces, role } }) =>
    typeof replaces === 'string' ? [{ key: `${HAD}${replaces}`, value: String(role) }] : [],
  )
  return [{ key: HAND_OVER, value: JSON.stringify(done) }, ...replaced]
}

/** INVARIANT: the entries hand over to exactly the keys that will sign; throws `succession_unfit` otherwise. */
export function checkSuccession({ signer, checkpointKey, entries }: KeySuccession): void {
  const enrols = (role: string, key: LogKey, entry: ControlBody | undefined) =>
    entry?.type === 'key' &&
    entry.data.action === 'enrolled' &&
    entry.data.role === role &&
    entry.data.key === formatPublicKey(key.publicKey)
  const fits =
    enrols('receipt', signer, entries.at(-1)) &&
    entries.some(entry => enrols('checkpoint', checkpointKey, entry))
  if (!fits) throw ledgerFault('succession_unfit')
}

/** Which keys sign a checkpoint: it depends on how much of the log it covers. */
export class CheckpointKeys {
  private readonly stages: {
    readonly from: number
    readonly key: LogKey
    beside: { readonly key: LogKey; readonly untilMs: number } | null
  }[]
  private readonly clock: () => number

  constructor(
    key: LogKey,
    beside: { readonly key: LogKey; readonly untilMs: number } | null,
    clock: () => number,
  ) {
    this.stages = [{ from: 0, key, beside }]
    this.clock = clock
  }

  /** From this size on another key signs, and the one before beside it until then, Unix milliseconds. */
  follow(from: number, key: LogKey, untilMs: number): void {
    const before = this.stages.at(-1)?.key as LogKey
    const beside = before.keyid === key.keyid ? null : { key: before, untilMs }
    this.stages.push({ from, key, beside })
  }

  /** The key in force first. */
  signers(size: number): readonly LogKey[] {
    const stage = this.stages.findLast(({ from }) => from <= size)
    if (stage === undefined) return []
    const { key, beside } = stage
    return beside === null || this.clock() >= beside.untilMs ? [key] : [key, beside.key]
  }
}
