import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Turns } from '../../src/keeper/turns.js'
import { pause } from './keeper-fixture.js'

it('attack: whoever comes to a full line is turned away, and those in it have their turn', async () => {
  const turns = new Turns(1, 1)
  const work = pause()
  const first = turns.take(async () => {
    await work.wait()
    return 'first'
  })
  const second = turns.take(async () => 'second')
  assert.equal(await turns.take(async () => 'third'), null)
  work.goOn()
  assert.deepEqual(await Promise.all([first, second]), ['first', 'second'])
  assert.equal(await turns.take(async () => 'fourth'), 'fourth')
})
