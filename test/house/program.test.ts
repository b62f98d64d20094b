import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { packageRoot } from '../../src/cli/catalogs.js'

const BIN = join(packageRoot(), 'dist/bin')
const parts = readdirSync(BIN).filter(name => name.endsWith('.js'))
const read = (name: string) => readFileSync(join(BIN, name), 'utf8')

test('the gate’s process loads no code of the keeper: vault, minters, ledger', () => {
  const loaded = sourcesOf(loadedWith('src/cli/compose/gate.ts'))
  assert.ok(loaded.has('src/gate/gate.ts'), 'the sources are named in what is bundled')
  assert.deepEqual(
    [...loaded].filter(source => /^src\/(keeper|credential|ledger|sandbox)\//.test(source)),
    [],
  )
  assert.ok(sourcesOf(loadedWith('src/cli/compose/keeper.ts')).has('src/credential/vault.ts'))
})

test('the keeper loads the library for passkeys only when one is touched', () => {
  const own = sourcesOf(loadedWith('src/cli/compose/keeper.ts'))
  assert.ok(own.has('src/keeper/approvals.ts'))
  assert.ok(!own.has('src/keeper/passkey-check.ts'))
  assert.match(parts.map(read).join(''), /await import\("\.\/part-\w+\.js"\);\n *await checkTouchAgain/)
})

test('the operator’s page lies beside the program, with its licences', () => {
  const files = readdirSync(join(BIN, 'console')).sort()
  assert.deepEqual(files, ['page.html', 'page.js', 'style.css'])
  assert.match(read('licences.txt'), /^@noble\/hashes /m)
  // Whatever is no file of these three would be asked of somebody else, and its own policy forbids that.
  assert.deepEqual(
    [...read('console/page.html').matchAll(/(?:src|href)="([^"]+)"/g)].map(([, to]) => to),
    ['/style.css', '/page.js', '#waiting-title'],
  )
})

test('every file that a source starts by its name lies beside the others', () => {
  const sources = readdirSync(join(packageRoot(), 'src'), { recursive: true, encoding: 'utf8' })
  const started = sources
    .filter(name => name.endsWith('.ts'))
    .flatMap(name => {
      const text = readFileSync(join(packageRoot(), 'src', name), 'utf8')
      return [...text.matchAll(/new URL\('([^']+\.js)', import\.meta\.url\)/g)].map(
        ([, file]) => file as string,
      )
    })
  assert.ok(started.includes('./check-worker.js'))
  for (const file of started) assert.ok(parts.includes(file.replace('./', '')), file)
})

test('the licence of every package that is bundled lies beside the program', () => {
  const licences = read('licences.txt')
  const packages = new Set(
    parts.flatMap(name =>
      [...read(name).matchAll(/^ *\/\/ .*node_modules\/((?:@[^/\n]+\/)?[^/\n]+)\//gm)].map(
        ([, found]) => found,
      ),
    ),
  )
  assert.ok(packages.has('fastify'))
  for (const name of packages) assert.match(licences, new RegExp(`^${name} \\d\\S* \\(.+\\)$`, 'm'))
})

/** The part that a source is in, and what it imports when it is loaded. */
function loadedWith(source: string): ReadonlySet<string> {
  const first = parts.find(name => sourcesOf(new Set([name])).has(source))
  assert.ok(first, source)
  const found = new Set([first])
  for (const name of found)
    for (const [, next] of read(name).matchAll(/^(?:import|\} from) "\.\/(\S+\.js)";$/gm))
      found.add(next as string)
  return found
}

function sourcesOf(names: ReadonlySet<string>): ReadonlySet<string> {
  return new Set(
    [...names].flatMap(name =>
      [...read(name).matchAll(/^\/\/ (src\/\S+\.ts)$/gm)].map(([, found]) => found as string),
    ),
  )
}
