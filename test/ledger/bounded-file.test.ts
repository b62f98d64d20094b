import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readBounded } from '../../src/ledger/bounded-file.js'

test('attack: a device, a pipe, a folder, a ring of links or a file without end in place of a file; nobody waits for it', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'bounded-'))
  t.after(() => rm(folder, { recursive: true }))
  const at = (name: string) => join(folder, name)
  await symlink('/dev/zero', at('device'))
  execFileSync('mkfifo', [at('pipe')])
  await mkdir(at('folder'))
  await symlink('ring', at('ring'))
  await writeFile(at('endless'), '')
  await truncate(at('endless'), 2 ** 40)
  for (const name of ['device', 'pipe', 'folder'])
    await assert.rejects(readBounded(at(name), 1_000), /is no file/, name)
  await assert.rejects(readBounded(at('endless'), 1_000), /at most 1000 fit here/)
  await assert.rejects(readBounded(at('ring'), 1_000), { code: 'ELOOP' })
  await assert.rejects(readBounded(at('missing'), 1_000), { code: 'ENOENT' })
  for (const size of [0, 1_000]) {
    await writeFile(at('file'), Buffer.alloc(size, 7))
    assert.deepEqual(await readBounded(at('file'), 1_000), Buffer.alloc(size, 7))
  }
})
