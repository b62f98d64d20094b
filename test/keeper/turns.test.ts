import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type TurnBounds, Turns } from '../../src/keeper/turns.js'

const BOUNDS: TurnBounds = { atOnce: 3, atOnceEach: 2, maxWaitingEach: 2 }

/** Work that runs until it is told to end; `begun` lists it in the order in which it began. */
function work(turns: Turns) {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const take = (owner: string, name: string): Promise<string | null> =>
    turns.take(owner, () => {
      begun.push(name)
      return new Promise<string>(resolve => ends.set(name, () => resolve(name)))
    })
  const end = async (name: string): Promise<void> => {
    ends.get(name)?.()
    await new Promise(resolve => setImmediate(resolve))
  }
  return { begun, take, end }
}

test('one owner runs no more at once than it may, and its line has an end', async () => {
  const { begun, take, end } = work(new Turns(BOUNDS))
  const taken = ['a1', 'a2', 'a3', 'a4'].map(name => take('a', name))
  assert.equal(await take('a', 'a5'), null)
  assert.deepEqual(begun, ['a1', 'a2'])
  for (const name of ['a1', 'a2', 'a3', 'a4']) await end(name)
  assert.deepEqual(await Promise.all(taken), ['a1', 'a2', 'a3', 'a4'])
  assert.deepEqual(begun, ['a1', 'a2', 'a3', 'a4'])
})

test('an owner with a full line keeps no other from its turn', async () => {
  const { begun, take, end } = work(new Turns(BOUNDS))
  for (const name of ['a1', 'a2', 'a3', 'a4']) void take('a', name)
  void take('b', 'b1')
  assert.deepEqual(begun, ['a1', 'a2', 'b1'])
  void take('b', 'b2')
  void take('c', 'c1')
  await end('a1')
  await end('a2')
  await end('b1')
  // In turn, although a had more in line before the others came.
  assert.deepEqual(begun, ['a1', 'a2', 'b1', 'a3', 'b2', 'c1'])
})

test('work that fails gives its turn back, and an owner without any is forgotten', async () => {
  const turns = new Turns({ atOnce: 1, atOnceEach: 1, maxWaitingEach: 1 })
  const failing = turns.take('a', () => Promise.reject(new Error('no')))
  const waiting = turns.take('a', async () => 'done')
  await assert.rejects(failing, /no/)
  assert.equal(await waiting, 'done')
  assert.equal(await turns.take('b', async () => 'b'), 'b')
})
