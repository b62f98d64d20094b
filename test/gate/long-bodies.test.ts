import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { ReadBody } from '../../src/gate/body.js'
import { LongBodies } from '../../src/gate/long-bodies.js'

const ofLength = (length: number): ReadBody => ({
  kind: 'whole',
  bytes: Buffer.alloc(length),
  sha256: '',
  receivedSha256: '',
})
const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

it('attack: of long bodies that arrive together one is taken apart in each turn of the event loop', async () => {
  const bodies = new LongBodies()
  let apart = 0
  for (let i = 0; i < 3; i++) void bodies.turn(ofLength(32_769)).then(() => apart++)
  const counts: number[] = []
  for (let i = 0; i < 3; i++) {
    await turn()
    counts.push(apart)
    if (i === 0) void bodies.turn(ofLength(1_000_000)).then(() => apart++)
  }
  await turn()
  assert.deepEqual([...counts, apart], [1, 2, 3, 4])
})

it('a short body, or none, waits for nothing', async () => {
  const bodies = new LongBodies()
  void bodies.turn(ofLength(32_769))
  await Promise.race([bodies.turn(ofLength(32_768)), turn().then(() => assert.fail('waited'))])
  await Promise.race([bodies.turn({ kind: 'none' }), turn().then(() => assert.fail('waited'))])
})
