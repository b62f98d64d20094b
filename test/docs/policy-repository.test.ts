import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { countersign } from '../cli/command-line.js'

const FOLDER = new URL('../../../config/policy-repository/', import.meta.url)
const pathOf = (name: string) => new URL(name, FOLDER).pathname

test('the policy of the repository to copy has nothing that lint minds', async () => {
  const { code, out } = await countersign('policy', 'lint', '--strict', pathOf('policy.yaml'))
  assert.equal(code, 0, out)
})

test('its scripts can be run, stop at the first failure and ask for no key', () => {
  for (const name of ['ci/check', 'ci/check-sealed']) {
    assert.equal(statSync(pathOf(name)).mode & 0o111, 0o111, name)
    const text = readFileSync(pathOf(name), 'utf8')
    assert.match(text, /^set -eu$/m)
    assert.doesNotMatch(text, /--key|policy seal|policy sign/)
  }
})

test('its schemas are those of this version', () => {
  for (const name of ['cases.v1.json', 'policy.v1.json']) {
    const shipped = readFileSync(new URL(`../schema/${name}`, FOLDER), 'utf8')
    assert.equal(readFileSync(pathOf(`schema/${name}`), 'utf8'), shipped, `${name}: npm run docs`)
  }
})

test('its README names every file that it comes with, or the folder that holds it', () => {
  const readme = readFileSync(pathOf('README.md'), 'utf8')
  const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
    .filter(name => statSync(pathOf(name)).isFile())
    .filter(name => name !== 'README.md' && !name.startsWith('.github'))
  assert.ok(files.length >= 6, files.join(' '))
  for (const file of files)
    assert.ok(readme.includes(`\`${file}\``) || readme.includes(`\`${file.split('/')[0]}/\``), file)
})

test('its workflow runs the scripts that there are, and may write nothing', () => {
  const workflow = readFileSync(pathOf('.github/workflows/policy.yml'), 'utf8')
  const scripts = [...workflow.matchAll(/^ +- run: (\S+)$/gm)].map(([, script]) => script as string)
  assert.deepEqual(scripts, ['ci/check', 'ci/check-sealed'])
  for (const script of scripts) assert.ok(statSync(pathOf(script)).isFile())
  assert.match(workflow, /^permissions: \{ contents: read \}$/m)
  // ATTACK: a change that deletes what is sealed, so that nobody asks for signatures.
  assert.match(workflow, /if: hashFiles\('trust\/pin', 'sealed\/policy\.sealed\.json'\) != ''/)
})
