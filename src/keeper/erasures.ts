import { type Crypto, contentId } from '../canon/index.js'
import type { Ledger } from '../ledger/index.js'
import { OPERATE_ORDER_WINDOW_MS, type SignedOperateOrder, type TrustRoot } from '../policy/index.js'
import { decodeEntry } from '../receipt/index.js'
import { keeperFault } from './error-table.js'
import type { Clock } from './ports.js'

/** Durable forms: `erased/<attempt id>` → seq of the attempt; `operate-nonce/<nonce>` → Unix milliseconds until which it is refused. */
const ERASED = 'erased/'
const NONCE = 'operate-nonce/'

export interface ErasuresParts {
  readonly ledger: Ledger
  readonly crypto: Pick<Crypto, 'sha256'>
  readonly clock: Clock
  readonly trust: () => TrustRoot | null
  /** Throws unless the envelope is a fresh order to this sidecar, signed by the `operate` role of this trust root. */
  readonly openOrder: (envelope: Uint8Array, trust: TrustRoot) => SignedOperateOrder
}

/** An attempt whose inputs and secret are gone, and the receipt of that. */
export interface Erasure {
  readonly attempt: number
  readonly receipt: number
}

/**
 * Deletes decision inputs, and with them the secret behind an attempt's commitments. INVARIANT: the receipt comes
 * first; what a crash leaves behind it is deleted at the next start, also from a side store that was restored.
 */
export class Erasures {
  private readonly parts: ErasuresParts
  private readonly nonces: Map<string, number>

  private constructor(parts: ErasuresParts, nonces: Map<string, number>) {
    this.parts = parts
    this.nonces = nonces
  }

  static async load(parts: ErasuresParts): Promise<Erasures> {
    const { ledger } = parts
    for (const [key] of await ledger.state.list(ERASED)) {
      const id = key.slice(ERASED.length)
      if ((await ledger.side.get(id)) !== undefined) await ledger.side.erase(id)
    }
    const nonces = (await ledger.state.list(NONCE)).map(
      ([key, value]) => [key.slice(NONCE.length), Number(value)] as const,
    )
    return new Erasures(parts, new Map(nonces))
  }

  /** Fulfils a signed order, all of it or, where an attempt has nothing to erase, none. */
  async fulfil(envelope: Uint8Array): Promise<readonly Erasure[]> {
    const { crypto, openOrder } = this.parts
    const trust = this.parts.trust()
    if (trust === null) throw keeperFault('policy_missing')
    const order = openOrder(envelope, trust)
    // ATTACK: the same order twice at once. No await between the look and the note.
    if (this.nonces.has(order.nonce)) throw keeperFault('operate_order_replayed')
    this.nonces.set(order.nonce, order.t + 2 * OPERATE_ORDER_WINDOW_MS)
    const attempts = await Promise.all(order.attempts.map(seq => this.erasable(seq)))
    const erasures: Erasure[] = []
    for (const { seq, id } of attempts)
      erasures.push(await this.erase(seq, id, order, contentId(crypto, envelope)))
    return erasures
  }

  private async erasable(seq: number): Promise<{ readonly seq: number; readonly id: string }> {
    const { ledger } = this.parts
    const bytes = await ledger.get(seq)
    const entry = bytes === undefined ? undefined : decodeEntry(bytes)
    if (entry === undefined) throw keeperFault('receipt_unknown', String(seq))
    if (entry.type !== 'attempt' || (await ledger.side.get(entry.id)) === undefined)
      throw keeperFault('nothing_to_erase', String(seq))
    return { seq, id: entry.id }
  }

  private async erase(
    attempt: number,
    id: string,
    { by, because, nonce }: SignedOperateOrder,
    order: string,
  ): Promise<Erasure> {
    const { ledger } = this.parts
    const { seq } = await ledger.append(
      { type: 'erase', data: { attempt, id, by, because, order } },
      {
        state: [
          ...this.forgetExpired(),
          { key: `${NONCE}${nonce}`, value: String(this.nonces.get(nonce)) },
          { key: `${ERASED}${id}`, value: String(attempt) },
        ],
      },
    )
    await ledger.side.erase(id)
    return { attempt, receipt: seq }
  }

  private forgetExpired(): readonly { readonly key: string; readonly value: null }[] {
    const nowMs = this.parts.clock.nowMs()
    const expired = [...this.nonces].filter(([, untilMs]) => untilMs < nowMs).map(([nonce]) => nonce)
    for (const nonce of expired) this.nonces.delete(nonce)
    return expired.map(nonce => ({ key: `${NONCE}${nonce}`, value: null }))
  }
}
