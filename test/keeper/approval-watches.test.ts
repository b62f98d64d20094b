import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ApprovalWatches } from '../../src/keeper/approval-watches.js'

it('attack: a gate that has gone leaves no watch behind, and takes none of the others with it', async () => {
  const watches = new ApprovalWatches()
  const [gone, here] = [{ gate: 'gone' }, { gate: 'here' }]
  const waiting = [gone, gone, here].map(gate => watches.wait('an-approval', gate))
  watches.leave(gone)
  assert.deepEqual(await Promise.all(waiting.slice(0, 2)), ['unwatched', 'unwatched'])
  watches.tell('an-approval', 'changed')
  assert.equal(await waiting[2], 'changed')
})
