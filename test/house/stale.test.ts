import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const SCRIPT = fileURLToPath(new URL('../../scripts/stale.js', import.meta.url))

test('what was compiled of a source that is gone is removed, and nothing else', async context => {
  const root = await mkdtemp(join(tmpdir(), 'countersign-stale-'))
  context.after(() => rm(root, { recursive: true, force: true }))
  for (const file of [
    'src/canon/kept.ts',
    'dist/src/canon/kept.js',
    'dist/src/canon/kept.js.map',
    'dist/src/canon/kept.d.ts',
    'dist/src/canon/gone.js',
    'dist/src/canon/gone.js.map',
    'dist/src/canon/gone.d.ts',
    'dist/test/old/gone.test.js',
    'dist/tsconfig.tsbuildinfo',
  ]) {
    await mkdir(dirname(join(root, file)), { recursive: true })
    await writeFile(join(root, file), '')
  }
  const { status, stderr } = spawnSync(process.execPath, [SCRIPT, root], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  assert.deepEqual((await readdir(join(root, 'dist', 'src', 'canon'))).sort(), [
    'kept.d.ts',
    'kept.js',
    'kept.js.map',
  ])
  assert.deepEqual(await readdir(join(root, 'dist', 'test', 'old')), [])
  assert.ok((await readdir(join(root, 'dist'))).includes('tsconfig.tsbuildinfo'))
})
