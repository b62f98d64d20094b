import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SpentSignatures } from '../../src/keeper/spent-signatures.js'

const NOW = 1_790_000_000_000
const MINUTE = 60_000

function signature(index: number): string {
  return index.toString(16).padStart(32, '0').repeat(2)
}

function store() {
  const disk = new Map<string, string>()
  return {
    disk,
    write: (changes: readonly { readonly key: string; readonly value: string | null }[]) => {
      for (const { key, value } of changes)
        if (value === null) disk.delete(key)
        else disk.set(key, value)
    },
    load: (max?: number) =>
      SpentSignatures.load(
        {
          get: async key => disk.get(key),
          list: async prefix => [...disk].filter(([key]) => key.startsWith(prefix)),
        },
        max,
      ),
  }
}

test('a signature is refused until its end, and forgotten after it', async () => {
  const spent = new SpentSignatures()
  spent.spend(signature(1), NOW + 15 * MINUTE)
  assert.equal(spent.refusal(signature(1), NOW), 'signature_reused')
  assert.equal(spent.refusal(signature(2), NOW), null)
  assert.equal(spent.refusal(signature(1), NOW + 15 * MINUTE - 1), 'signature_reused')
  assert.equal(spent.refusal(signature(1), NOW + 15 * MINUTE), null)
  assert.equal(spent.refusal(signature(2), NOW + 17 * MINUTE), null)
  assert.equal(spent.size, 0)
})

test('what is spent survives a restart, and what has lapsed leaves the disk bit by bit', async () => {
  const { disk, write, load } = store()
  const first = await load()
  for (let i = 0; i < 100; i++) {
    first.spend(signature(i), NOW + MINUTE)
    write(first.changes(signature(i)))
  }
  assert.equal(disk.size, 100)
  const second = await load()
  assert.equal(second.refusal(signature(99), NOW), 'signature_reused')
  assert.equal(second.refusal(signature(100), NOW + 3 * MINUTE), null)
  assert.equal(second.size, 0)
  for (let i = 100; i < 104; i++) {
    second.spend(signature(i), NOW + 20 * MINUTE)
    write(second.changes(signature(i)))
  }
  assert.equal(disk.size, 4)
})

test('what is given back can be used, and is on no disk', async () => {
  const { disk, write, load } = store()
  const spent = await load()
  spent.spend(signature(1), NOW + MINUTE)
  spent.release(signature(1))
  assert.equal(spent.refusal(signature(1), NOW), null)
  spent.spend(signature(2), NOW + MINUTE)
  write(spent.changes(signature(2)))
  assert.deepEqual([...disk.keys()], [`signature/${signature(2).slice(0, 32)}`])
})

test('attack: more signatures than memory is kept for stop writes instead of being forgotten', () => {
  const spent = new SpentSignatures(2)
  spent.spend(signature(1), NOW + MINUTE)
  spent.spend(signature(2), NOW + MINUTE)
  assert.equal(spent.refusal(signature(3), NOW), 'signatures_full')
  assert.equal(spent.refusal(signature(1), NOW), 'signature_reused')
  assert.equal(spent.refusal(signature(3), NOW + 3 * MINUTE), null)
})
