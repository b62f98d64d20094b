import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type CaseResult, ratioIn, thriftIn } from '../../bench/compare.js'
import { packageRoot } from '../../src/cli/catalogs.js'

const read = (file: string) => readFileSync(join(packageRoot(), file), 'utf8')
const { scripts } = JSON.parse(read('package.json')) as { readonly scripts: Readonly<Record<string, string>> }
const started = [...read('.ci/run').matchAll(/^(?:\w+=\S+ )?npm run (\S+)(?: -- .*)?$/gm)].map(
  ([, name]) => name as string,
)
/** What the check starts is started with it. */
const checked = [...(scripts.check ?? '').matchAll(/npm run (\S+)/g)].map(([, name]) => name as string)

test('the build server’s script is one that a shell reads, and starts only scripts that there are', () => {
  const file = join(packageRoot(), '.ci/run')
  assert.equal(statSync(file).mode & 0o111, 0o111)
  assert.equal(spawnSync('bash', ['-n', file], { encoding: 'utf8' }).stderr, '')
  assert.ok(started.length >= 4, started.join(' '))
  for (const name of started) assert.ok(scripts[name] !== undefined, name)
})

test('it starts every lane of the tests, and the benchmarks', () => {
  for (const name of Object.keys(scripts).filter(each => each.startsWith('test:')))
    assert.ok([...started, ...checked].includes(name), name)
  assert.ok(started.includes('check'))
  assert.ok(started.includes('bench:short'))
  assert.ok(started.includes('bench:regression'))
  assert.ok(started.includes('soak:short'))
  const short = read('bench/short.ts')
  // The others are parts of these; whatever measures is started by the short form.
  const measuring = readdirSync(join(packageRoot(), 'bench')).filter(
    name => name.endsWith('.ts') && /process\.argv|parseArgs/.test(read(`bench/${name}`)),
  )
  for (const name of measuring.filter(
    each => !['short.ts', 'bare.ts', 'policy-service.ts', 'regression.ts', 'soak.ts'].includes(each),
  ))
    assert.ok(short.includes(`'${name.replace(/ts$/, 'js')}'`), name)
})

test('what is published is what its check compares with', () => {
  const { results } = JSON.parse(read('bench/results/published.json')) as { results: readonly CaseResult[] }
  const compared = results.filter(({ connections }) => connections === 64)
  assert.ok(compared.length >= 4)
  for (const result of compared) assert.ok(thriftIn(result) > 0 && ratioIn(result) > 0, result.name)
})

test('it installs whatever a test would otherwise skip for', () => {
  const script = read('.ci/run')
  const packages = ['tlog', 'python', 'openssl'].flatMap(name =>
    [
      ...read(`test/interop/${name}.test.ts`).matchAll(
        /'((?:golang|python3)-[a-z-]+|openssl)(?: 3)?(?: is not installed)?'/g,
      ),
    ].map(([, each]) => each as string),
  )
  assert.ok(new Set(packages).size === 5, packages.join())
  for (const name of packages) assert.ok(script.includes(`missing+=(${name})`), name)
})
