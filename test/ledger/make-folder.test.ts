import assert from 'node:assert/strict'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { holdLock } from '../../src/ledger/lock.js'
import { makeFolder } from '../../src/ledger/make-folder.js'
import { nativeCrypto } from '../../src/native/index.js'

test('folders are made with those above them, and the first that was made is named', async t => {
  const root = await mkdtemp(join(tmpdir(), 'countersign-folder-'))
  t.after(() => rm(root, { recursive: true }))
  assert.equal(await makeFolder(join(root, 'a', 'b', 'c'), 0o700), join(root, 'a'))
  assert.equal((await stat(join(root, 'a', 'b'))).mode & 0o777, 0o700)
  assert.equal(await makeFolder(join(root, 'a', 'b', 'c'), 0o700), undefined)
  assert.equal(await makeFolder(join(root, 'a', 'd'), 0o700), join(root, 'a', 'd'))
  await writeFile(join(root, 'file'), '')
  await assert.rejects(makeFolder(join(root, 'file'), 0o700), { code: 'EEXIST' })
  await assert.rejects(makeFolder(join(root, 'file', 'x'), 0o700), { code: 'ENOTDIR' })
})

test('a ledger below /proc, where no folder can be made, is refused and not waited for', async () => {
  await assert.rejects(makeFolder('/proc/countersign/ledger', 0o700), { code: 'ENOENT' })
  await assert.rejects(holdLock('/proc/countersign/ledger', nativeCrypto), { code: 'ledger_unreadable' })
})
