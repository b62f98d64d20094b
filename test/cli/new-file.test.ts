import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { UsageError } from '../../src/cli/io.js'
import { asNewFile, writeNewFile } from '../../src/cli/new-file.js'

test('a file of evidence is for its owner alone, and never written over another', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-new-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'report.html')
  await writeNewFile(file, 'first')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  await assert.rejects(writeNewFile(file, 'second'), (error: unknown) => {
    assert.ok(error instanceof UsageError)
    assert.equal(error.message, `${file} can’t be written (EEXIST)`)
    return true
  })
  assert.equal(readFileSync(file, 'utf8'), 'first')
})

test('a fault of what is read is not said to be of the file that is written', async () => {
  const fault = Object.assign(new Error('connect'), { code: 'ECONNREFUSED', address: '/run/admin.sock' })
  await assert.rejects(asNewFile('evidence.jsonl', Promise.reject(fault)), fault)
})
