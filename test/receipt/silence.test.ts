import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Entry, Silences } from '../../src/receipt/index.js'

const SECOND = 1_000

function entry(t: number, type: 'heartbeat' | 'boot' | 'close', data: object = {}): Entry {
  return { v: 1, chain: 'a/countersign/b/1', seq: 0, prev: '', t, boot: '', type, data } as Entry
}

function beat(t: number, every?: number): Entry {
  return entry(t, 'heartbeat', { size: 1, open: 0, ...(every === undefined ? {} : { every }) })
}

test('a log is silent after three heartbeats that it promised and that didn’t come', () => {
  const silences = new Silences()
  silences.add(entry(0, 'boot'))
  assert.equal(silences.toleratedMs, 180 * SECOND, 'before the first heartbeat: the keeper’s default')
  silences.add(beat(1 * SECOND, 10 * SECOND))
  silences.add(beat(31 * SECOND, 10 * SECOND))
  assert.equal(silences.count, 0)
  silences.add(beat(62 * SECOND, 10 * SECOND))
  assert.deepEqual(silences.list, [{ from: 31 * SECOND, to: 62 * SECOND, closed: false }])
  assert.deepEqual(silences.newest, { t: 62 * SECOND, closed: false })
})

test('a log that was closed is silent as well, and it is said that it was', () => {
  const silences = new Silences()
  silences.add(beat(0, SECOND))
  silences.add(entry(SECOND, 'close'))
  assert.equal(silences.newest?.closed, true)
  silences.add(entry(3_600 * SECOND, 'boot'))
  assert.deepEqual(silences.list, [{ from: SECOND, to: 3_600 * SECOND, closed: true }])
})

test('attack: a promise of a heartbeat in a thousand years lets nobody be silent for longer than three days', () => {
  const silences = new Silences()
  silences.add(beat(0, Number.MAX_SAFE_INTEGER))
  assert.equal(silences.toleratedMs, 3 * 86_400 * SECOND)
})

test('what somebody agreed to goes before what heartbeats promise', () => {
  const silences = new Silences(3_600 * SECOND)
  silences.add(beat(0, SECOND))
  silences.add(beat(3_600 * SECOND, SECOND))
  assert.equal(silences.count, 0)
  silences.add(beat(7_201 * SECOND, SECOND))
  assert.equal(silences.count, 1)
})
