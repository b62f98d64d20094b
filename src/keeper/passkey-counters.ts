import type { StateReader } from '../ledger/index.js'
import { hasCountedOn, type PasskeyTouch, passkeyKeyId } from '../policy/index.js'
import { keeperFault } from './error-table.js'
import type { StateChange } from './state-change.js'

/** Durable form: key `passkey/<thumbprint of its key>`, value the number that it showed last. */
const PREFIX = 'passkey/'

/** How often each passkey has signed, as it has said itself. */
export class PasskeyCounters {
  /** By the thumbprint of its key. */
  private readonly shown = new Map<string, number>()

  /** The counters as of the newest entry. */
  static async load(state: StateReader): Promise<PasskeyCounters> {
    const counters = new PasskeyCounters()
    for (const [key, value] of await state.list(PREFIX))
      counters.shown.set(key.slice(PREFIX.length), Number(value))
    return counters
  }

  /** Has a library look at a touch that counts on. Throws `passkey_counted_back`, or what it says. */
  async checkAgain(touch: PasskeyTouch): Promise<void> {
    const before = this.shown.get(passkeyKeyId(touch.passkey))
    if (!hasCountedOn(touch.counter, before)) throw keeperFault('passkey_counted_back')
    const { checkTouchAgain } = await import('./passkey-check.js')
    await checkTouchAgain(touch, before ?? 0)
  }

  /** ATTACK: a copy of a passkey. It doesn't know how often the other one has signed meanwhile. */
  count({ passkey, counter }: PasskeyTouch, by: string): StateChange {
    const keyid = passkeyKeyId(passkey)
    if (!hasCountedOn(counter, this.shown.get(keyid))) throw keeperFault('passkey_counted_back', by)
    this.shown.set(keyid, counter)
    return { key: `${PREFIX}${keyid}`, value: String(counter) }
  }
}
