import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { keepingPolicies } from '../../src/keeper/index.js'

const idOf = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
const fileOf = (id: string) => `${id.slice('sha256:'.length)}.json`

test('sealed policies are kept one beside the other, with their catalogs, and one that was sealed anew as it is now', async t => {
  const root = await mkdtemp(join(tmpdir(), 'countersign-kept-'))
  t.after(() => rm(root, { recursive: true }))
  const folder = join(root, 'policies')
  const keep = keepingPolicies(folder, { warn: () => assert.fail('it can be kept') })
  const catalog = Buffer.from('{"name":"billing"}')
  const catalogs = new Map([[idOf(catalog), catalog]])
  const [first, second] = [`sha256:${'1'.repeat(64)}`, `sha256:${'2'.repeat(64)}`]
  await keep(first, Buffer.from('one'), catalogs)
  await keep(second, Buffer.from('two'), catalogs)
  await keep(second, Buffer.from('two'), catalogs)
  await keep(first, Buffer.from('one, signed by two'), catalogs)
  assert.deepEqual((await readdir(folder)).sort(), [fileOf(first), fileOf(second), 'catalogs'].sort())
  assert.equal(await readFile(join(folder, fileOf(first)), 'utf8'), 'one, signed by two')
  assert.equal(await readFile(join(folder, fileOf(second)), 'utf8'), 'two')
  assert.deepEqual(await readFile(join(folder, 'catalogs', fileOf(idOf(catalog)))), catalog)
})

test('a policy that can’t be kept is told of once, and comes into force all the same', async () => {
  const warned: unknown[] = []
  const keep = keepingPolicies('/proc/countersign/policies', { warn: fields => warned.push(fields) })
  const id = `sha256:${'1'.repeat(64)}`
  for (let i = 0; i < 2; i++) await keep(id, Buffer.from('one'), new Map())
  assert.deepEqual(warned, [{ file: join('/proc/countersign/policies', fileOf(id)), reason: 'ENOENT' }])
})
