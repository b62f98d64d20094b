import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Counters } from '../../src/keeper/counters.js'
import type { LimitWindow } from '../../src/policy/index.js'

const HOUR: LimitWindow = { key: 'rule/coder', window: { kind: 'sliding', ms: 3_600_000 } }
const DAY: LimitWindow = { key: 'rule/coder', window: { kind: 'day' } }
const NOON = Date.UTC(2027, 0, 15, 12)

/** The state of a ledger, as the companions would have left it. */
class State {
  readonly pairs = new Map<string, string>()

  apply(changes: readonly { key: string; value: string | null }[]): void {
    for (const { key, value } of changes) {
      if (value === null) this.pairs.delete(key)
      else this.pairs.set(key, value)
    }
  }

  async get(key: string): Promise<string | undefined> {
    return this.pairs.get(key)
  }

  async list(prefix: string): Promise<readonly (readonly [string, string])[]> {
    return [...this.pairs].filter(([key]) => key.startsWith(prefix)).sort()
  }
}

describe('counting usage', () => {
  it('lets a sliding window go exactly when its length has passed', async () => {
    const counters = await Counters.load(new State())
    counters.reserve([{ ...HOUR, amount: 2 }], 'a', NOON)
    assert.equal(counters.usage(HOUR, NOON + 3_599_999), 2)
    assert.equal(counters.usage(HOUR, NOON + 3_600_000), 0)
  })

  it('deletes what counts no more with the next attempt that is written down', async () => {
    const state = new State()
    const counters = await Counters.load(state)
    state.apply(counters.reserve([{ ...HOUR, amount: 1 }], 'a', NOON).changes)
    counters.usage(HOUR, NOON + 3_600_000)
    counters.giveBack(counters.reserve([{ ...HOUR, amount: 1 }], 'refused', NOON + 3_600_000))
    assert.equal(counters.usage(HOUR, NOON + 3_600_000), 0)
    state.apply(counters.reserve([{ ...HOUR, amount: 1 }], 'b', NOON + 3_600_001).changes)
    assert.deepEqual([...state.pairs.keys()], ['limit/rule/coder/b'])
  })

  it('starts a day anew at midnight UTC', async () => {
    const counters = await Counters.load(new State())
    const beforeMidnight = Date.UTC(2027, 0, 15, 23, 59, 59, 999)
    counters.reserve([{ ...DAY, amount: 5 }], 'a', beforeMidnight)
    assert.equal(counters.usage(DAY, beforeMidnight), 5)
    assert.equal(counters.usage(DAY, beforeMidnight + 1), 0)
  })

  it('looks back only as far as the limit that asks', async () => {
    const counters = await Counters.load(new State())
    counters.reserve([{ ...HOUR, amount: 1 }], 'a', NOON)
    const shorter: LimitWindow = { key: HOUR.key, window: { kind: 'sliding', ms: 60_000 } }
    assert.equal(counters.usage(shorter, NOON + 60_000), 0)
    assert.equal(counters.usage(HOUR, NOON + 60_000), 1)
  })

  it('says when the first of more reservations frees than a call takes arguments', async () => {
    const counters = await Counters.load(new State())
    for (let i = 0; i < 200_000; i++) counters.reserve([{ ...HOUR, amount: 1 }], `a${i}`, NOON + i)
    assert.deepEqual(counters.inUse(NOON + 200_000), [
      { key: HOUR.key, used: 200_000, freesMs: NOON + 3_600_000 },
    ])
  })

  it('agrees with a plain sum over all reservations, before and after a restart, whatever happens', async () => {
    const step = fc.record({
      afterMs: fc.integer({ min: 0, max: 1_500_000 }),
      amount: fc.integer({ min: 1, max: 100 }),
      release: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async steps => {
        const state = new State()
        const counters = await Counters.load(state)
        const kept: { t: number; amount: number }[] = []
        let now = NOON
        for (const [i, { afterMs, amount, release }] of steps.entries()) {
          now += afterMs
          const expected = kept.reduce((sum, one) => (one.t > now - 3_600_000 ? sum + one.amount : sum), 0)
          assert.equal(counters.usage(HOUR, now), expected)
          const hold = counters.reserve([{ ...HOUR, amount }], `attempt-${i}`, now)
          state.apply(hold.changes)
          if (release) state.apply(counters.release(hold))
          else kept.push({ t: now, amount })
        }
        const restarted = await Counters.load(state)
        assert.equal(restarted.usage(HOUR, now), counters.usage(HOUR, now))
      }),
      { numRuns: 100 },
    )
  })
})
