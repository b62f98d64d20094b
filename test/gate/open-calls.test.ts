import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type CallBounds, OpenCalls } from '../../src/gate/open-calls.js'

const MIB = 1_048_576

function calls(bounds: Partial<CallBounds>) {
  const ordinary = { timeoutMs: 1_000, maxCalls: 10, maxBytes: 4 * MIB, maxBytesEach: 4 * MIB }
  const open = new OpenCalls({ ...ordinary, ...bounds })
  const rejected: number[] = []
  const add = (number: number, bytes = 1, owner = 'one'): void => {
    const reject = () => rejected.push(number)
    open.add(number, { reply: 'admitted', owner, bytes, resolve: () => {}, reject })
  }
  return { open, add, rejected }
}

describe('calls that wait for the keeper', () => {
  it('attack: have a bound in bytes, and room again when one is through', () => {
    const { open, add } = calls({})
    add(1, 3 * MIB)
    assert.deepEqual([open.roomFor(MIB, 'two'), open.roomFor(MIB + 1, 'two')], [true, false])
    open.reject(1, new Error('through'))
    assert.equal(open.roomFor(4 * MIB, 'two'), true)
  })

  it('attack: of one grant leave room for those of others', () => {
    const { open, add } = calls({ maxBytesEach: 2 * MIB })
    add(1, 2 * MIB)
    assert.deepEqual([open.roomFor(MIB, 'one'), open.roomFor(MIB, 'two')], [false, true])
    open.reject(1, new Error('through'))
    assert.equal(open.roomFor(2 * MIB, 'one'), true)
  })

  it('attack: at length, of however many grants, keep out nobody who is brief', () => {
    const { open, add } = calls({ maxCalls: 2 })
    add(1, 4 * MIB)
    assert.deepEqual([open.roomFor(32_768, 'two'), open.roomFor(32_769, 'two')], [true, false])
    add(2)
    assert.equal(open.roomFor(1, 'two'), false)
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
