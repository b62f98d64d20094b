import assert from 'node:assert/strict'
import { symlinkSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { readNeeded } from '../../src/cli/needed-file.js'
import { scratch } from './command-line.js'

test('attack: a link to a device, which says that it is empty and never ends, is refused like a long file', async t => {
  const path = await scratch(t)
  symlinkSync('/dev/zero', path('endless'))
  writeFileSync(path('long'), Buffer.alloc(1_001))
  for (const name of ['endless', 'long'])
    assert.throws(() => readNeeded(path(name), 1_000), /: more than 1000 bytes/)
})

test('a file is read whole up to the bound, and one that is not there is named', async t => {
  const path = await scratch(t)
  const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i % 251))
  writeFileSync(path('file'), bytes)
  assert.deepEqual(readNeeded(path('file'), bytes.length), bytes)
  assert.throws(() => readNeeded(path('none'), 1), /none: ENOENT/)
})
