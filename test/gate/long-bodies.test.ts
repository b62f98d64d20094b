import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { ReadBody } from '../../src/gate/body.js'
import { isTooComplex, LongBodies } from '../../src/gate/long-bodies.js'

const of = (bytes: Buffer): ReadBody => ({ kind: 'whole', bytes, sha256: '', receivedSha256: '' })
const ofLength = (length: number): ReadBody => of(Buffer.alloc(length))
const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

it('attack: of long bodies that arrive together one is taken apart in each turn of the event loop', async () => {
  const bodies = new LongBodies()
  let apart = 0
  const arrive = (length: number) =>
    void bodies
      .open()
      .take(ofLength(length), 'a')
      .then(() => apart++)
  for (let i = 0; i < 3; i++) arrive(65_537)
  const counts: number[] = []
  for (let i = 0; i < 3; i++) {
    await turn()
    counts.push(apart)
    if (i === 0) arrive(1_000_000)
  }
  await turn()
  assert.deepEqual([...counts, apart], [1, 2, 3, 4])
})

it('a light body, or none, waits for nothing', async () => {
  const bodies = new LongBodies()
  void bodies.open().take(ofLength(65_537), 'a')
  const waited = () => turn().then(() => assert.fail('waited'))
  await Promise.race([bodies.open().take(ofLength(65_536), 'a'), waited()])
  await Promise.race([bodies.open().take({ kind: 'none' }, 'a'), waited()])
})

it('attack: long bodies wait until the keeper has answered for those before, and another grant’s find room', async () => {
  const bodies = new LongBodies()
  const went: string[] = []
  const arrive = (grant: string) => {
    const place = bodies.open()
    void place.take(ofLength(1_000_000), grant).then(() => went.push(grant))
    return place
  }
  const [first] = Array.from({ length: 10 }, () => arrive('a'))
  arrive('b')
  for (let i = 0; i < 15; i++) await turn()
  assert.equal(went.join(''), 'aaaaaaaab')
  first?.giveBack()
  first?.giveBack()
  for (let i = 0; i < 5; i++) await turn()
  assert.equal(went.join(''), 'aaaaaaaaba')
})

it('attack: a body of many values weighs what they take, however short it is', async () => {
  const bodies = new LongBodies()
  let went = 0
  const body = of(Buffer.from(`[${'{},'.repeat(20_000)}{}]`))
  for (let i = 0; i < 5; i++)
    void bodies
      .open()
      .take(body, 'a')
      .then(() => went++)
  for (let i = 0; i < 10; i++) await turn()
  assert.equal(went, 1)
})

it('a body has too many values where they are outside of strings', () => {
  const values = '0,'.repeat(100_001)
  assert.equal(isTooComplex(of(Buffer.from(`[${values}0]`))), true)
  assert.equal(isTooComplex(of(Buffer.from(`["\\"${values}"]`))), false)
  assert.equal(isTooComplex(of(Buffer.from(`${' \n'.repeat(2_000)}[${values}0]`))), true)
  assert.equal(isTooComplex(of(Buffer.from('a=1&'.repeat(100_001)))), true)
  assert.equal(isTooComplex(of(Buffer.from(`<a>${'<b/>'.repeat(100_001)}</a>`))), true)
  assert.equal(isTooComplex({ kind: 'none' }), false)
})

it('a table that is uploaded has no values to take apart', () =>
  assert.equal(isTooComplex(of(Buffer.from('1,2,3,4\n'.repeat(100_001)))), false))
