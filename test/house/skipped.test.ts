import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const REPORTER = fileURLToPath(new URL('../../scripts/skipped.js', import.meta.url))

async function run(context: TestContext, source: string, environment: Record<string, string>) {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-skipped-'))
  context.after(() => rm(folder, { recursive: true, force: true }))
  await writeFile(join(folder, 'a.test.mjs'), `import { test } from 'node:test'\n${source}\n`)
  const reporter = ['--test-reporter', REPORTER, '--test-reporter-destination', 'stdout']
  return spawnSync(process.execPath, ['--test', ...reporter, join(folder, 'a.test.mjs')], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, ...environment },
  })
}

const SKIPS = "test('needs data', { skip: 'the data is not there' }, () => {})"

test('in CI a skipped test fails the run and is named', async context => {
  const { status, stdout } = await run(context, SKIPS, { CI: 'true' })
  assert.equal(status, 1)
  assert.match(stdout, /needs data: the data is not there/)
})

test('elsewhere a skipped test is named and the run passes', async context => {
  const { status, stdout } = await run(context, SKIPS, {})
  assert.equal(status, 0)
  assert.match(stdout, /1 skipped/)
})

test('in CI a run without skipped tests passes', async context => {
  assert.equal((await run(context, "test('runs', () => {})", { CI: 'true' })).status, 0)
})
