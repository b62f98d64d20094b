import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { type ARunningGate, aGate } from './a-gate.js'

const VOID = 'POST /invoices/{id}/void'
const BUDGETS = [
  { rule: 'three-voids', limit: 3, used: 3, unit: null, windowSeconds: 3_600, resetsSeconds: 1_500 },
  { rule: 'limits.perTask', limit: 50, used: 7, unit: null, windowSeconds: 86_400, resetsSeconds: 60 },
]

let running: ARunningGate

beforeEach(async () => {
  running = await aGate()
})
afterEach(() => running.close())

describe('what an agent reads of its limits', () => {
  it('is what it has left, on an answer of the upstream as on a refusal', async () => {
    running.keeper.budgets = BUDGETS
    running.keeper.verdicts.set(VOID, { code: 'over_limit', rule: 'three-voids', budgets: BUDGETS })
    for (const [path, method, status] of [
      ['/invoices', 'GET', 200],
      ['/invoices/7/void', 'POST', 403],
    ] as const) {
      const answer = await running.call(path, { method })
      assert.equal(answer.status, status)
      assert.equal(
        answer.headers.get('ratelimit-policy'),
        '"three-voids";q=3;w=3600, "limits.perTask";q=50;w=86400',
      )
      assert.equal(answer.headers.get('ratelimit'), '"three-voids";r=0;t=1500, "limits.perTask";r=43;t=60')
    }
  })

  it('is said in the refusal, of the limit that decided', async () => {
    running.keeper.verdicts.set(VOID, { code: 'over_limit', rule: 'three-voids', budgets: BUDGETS })
    const text = await (await running.call('/invoices/7/void', { method: 'POST' })).text()
    assert.match(
      text,
      /is over a limit for agent coder \(three-voids\).*Used: 3 of 3 in 60 min; the first frees in 25 min\. Receipt 1\./,
    )
    assert.doesNotMatch(text, /of 50/)
  })

  it('says what an amount is counted in, and no integer that a structured field can’t have', async () => {
    running.keeper.budgets = [
      { rule: 'refunds', limit: 5_000, used: 1_200, unit: 'eur', windowSeconds: 86_400, resetsSeconds: 60 },
      { rule: 'large', limit: 2 ** 52, used: 0, unit: 'amount', windowSeconds: 60, resetsSeconds: 0 },
    ]
    const { headers } = await running.call('/invoices')
    assert.equal(
      headers.get('ratelimit-policy'),
      '"refunds";q=5000;qu="eur";w=86400, "large";q=999999999999999;qu="amount";w=60',
    )
    assert.equal(headers.get('ratelimit'), '"refunds";r=3800;t=60, "large";r=999999999999999;t=0')
  })

  it('is nothing where nothing is limited', async () => {
    const { headers } = await running.call('/invoices')
    assert.deepEqual([headers.get('ratelimit'), headers.get('ratelimit-policy')], [null, null])
  })
})
