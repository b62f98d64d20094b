import type { StateReader } from '../ledger/index.js'
import type { Recovery } from '../policy/index.js'
import { ANNOUNCED_KEY, ANNOUNCED_TRUST_KEY, HIGHEST_KEY, type HighestPolicy } from './activation.js'
import type { StateChange } from './state-change.js'

/** Durable form: `{"t":…}`, Unix milliseconds. */
const KEY = 'recovered'

/** State that a recovery ends or makes worthless; see `carryOver`. */
const ENDED = ['grant/', 'limit/', 'signature/', 'approval/', ANNOUNCED_KEY, ANNOUNCED_TRUST_KEY, KEY]

/**
 * What a keeper remembers in the epoch after a recovery. The entries that were lost may have said anything, so
 * whatever could be known from them alone is taken to be at its worst, from the moment `t` at which the recovery was
 * prepared and the keeper had stopped:
 *
 * - every grant that was issued by then is ended, because its revocation may be lost, and with the grants the
 *   signatures that were made with their secrets; an order signed by then is not fulfilled, because it may have been;
 * - every approval that waited or was given is ended, because its use may be lost: the agent asks again;
 * - a limit counts as used up until its window begins after `t`;
 * - no policy below the highest that the signers know of is activated.
 *
 * Everything else that is known stays: halts and freezes above all.
 */
export function carryOver(
  states: readonly (readonly [name: string, value: string])[],
  recovery: Recovery,
): readonly StateChange[] {
  const kept = new Map(states.filter(([name]) => !ENDED.some(prefix => name.startsWith(prefix))))
  const highest = higher(storedPolicy(kept.get(HIGHEST_KEY)), recovery.policy)
  if (highest !== null) kept.set(HIGHEST_KEY, JSON.stringify(highest))
  kept.set(KEY, JSON.stringify({ t: recovery.t }))
  return [...kept].map(([key, value]) => ({ key, value }))
}

/** Until when nobody knows what happened, Unix milliseconds; null in a ledger that was never recovered. */
export async function recoveredMs(state: Pick<StateReader, 'get'>): Promise<number | null> {
  const value = await state.get(KEY)
  return value === undefined ? null : (JSON.parse(value) as { t: number }).t
}

/** Where the stored one and the signed one have the same version, the signed one's id counts. */
function higher(stored: HighestPolicy | null, signed: HighestPolicy | null): HighestPolicy | null {
  if (stored === null || signed === null) return stored ?? signed
  const { version, cid } = signed.version >= stored.version ? signed : stored
  return { version, cid }
}

/** State of a damaged ledger may be anything. */
function storedPolicy(text: string | undefined): HighestPolicy | null {
  try {
    const { version, cid } = JSON.parse(text ?? '') as HighestPolicy
    return Number.isSafeInteger(version) && typeof cid === 'string' ? { version, cid } : null
  } catch {
    return null
  }
}
