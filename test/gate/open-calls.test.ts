import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { OpenCalls } from '../../src/gate/open-calls.js'

function calls(bounds: { readonly maxCalls?: number; readonly maxBytes?: number }) {
  const open = new OpenCalls({ timeoutMs: 1_000, maxCalls: 10, maxBytes: 1_000, ...bounds })
  const rejected: number[] = []
  const add = (number: number, bytes = 1): void =>
    open.add(number, { reply: 'admitted', bytes, resolve: () => {}, reject: () => rejected.push(number) })
  return { open, add, rejected }
}

describe('calls that wait for the keeper', () => {
  it('attack: have a bound in bytes, and room again when one is through', () => {
    const { open, add } = calls({ maxBytes: 100 })
    add(1, 60)
    assert.deepEqual([open.roomFor(40), open.roomFor(41)], [true, false])
    open.reject(1, new Error('through'))
    assert.equal(open.roomFor(100), true)
  })

  it('attack: are remembered when they were given up on, and no more of them than may wait', t => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    let now = 0
    t.mock.method(performance, 'now', () => now)
    const { open, add, rejected } = calls({ maxCalls: 2 })
    for (const first of [1, 3]) {
      add(first)
      add(first + 1)
      now += 1_000
      t.mock.timers.tick(1_000)
    }
    assert.deepEqual(rejected, [1, 2, 3, 4])
    assert.deepEqual(
      [1, 1, 2, 3, 4].map(number => open.isLate(number)),
      [true, false, true, false, false],
    )
  })
})
