import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
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

test('its workflow runs the scripts that there are, and may write nothing', () => {
  const workflow = readFileSync(pathOf('.github/workflows/policy.yml'), 'utf8')
  const scripts = [...workflow.matchAll(/^ +- run: (\S+)$/gm)].map(([, script]) => script as string)
  assert.deepEqual(scripts, ['ci/check', 'ci/check-sealed'])
  for (const script of scripts) assert.ok(statSync(pathOf(script)).isFile())
  assert.match(workflow, /^permissions: \{ contents: read \}$/m)
})
