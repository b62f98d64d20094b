import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { parse, stringify } from 'yaml'
import { openAwsShelf } from '../../src/cli/aws-shelf.js'
import { loadShippedCatalogs } from '../../src/cli/catalogs.js'
import { compilePolicy, findingCodes, parsePolicySource, policyErrors } from '../../src/policy/index.js'

const ROOT = new URL('../../../', import.meta.url)
const text = readFileSync(new URL('docs/policy.md', ROOT), 'utf8')
const examples = [...text.matchAll(/^```yaml (\w+)\n([\s\S]*?)^```/gm)].map(match => ({
  kind: match[1] as string,
  yaml: match[2] as string,
  line: text.slice(0, match.index).split('\n').length,
}))
const catalogs = loadShippedCatalogs()
const aws = openAwsShelf()

function compile(yaml: string): void {
  const source = parsePolicySource(yaml)
  assert.ok(source.kind === 'source', JSON.stringify(source))
  const compiled = compilePolicy(source, { catalogs, aws, files: new Map() })
  assert.ok(compiled.kind === 'compiled', JSON.stringify(compiled))
}

/** The whole policy of the page, with a fragment in its place. */
function within(kind: string, fragment: string): string {
  const whole = parse(examples.find(each => each.kind === 'policy')?.yaml ?? '') as Record<string, unknown>
  const parts = parse(fragment) as Record<string, unknown>
  switch (kind) {
    case 'rules':
      return stringify({ ...whole, rules: parts })
    case 'apis':
      return stringify({ ...whole, apis: { ...(whole.apis as object), ...parts } })
    case 'more':
      return stringify({ ...whole, ...parts })
    default:
      return fragment
  }
}

describe('docs/policy.md', () => {
  it('has examples of every kind', () => {
    assert.deepEqual([...new Set(examples.map(each => each.kind))].sort(), [
      'apis',
      'cases',
      'more',
      'policy',
      'rules',
    ])
    assert.ok(!/^```yaml\n/m.test(text), 'a YAML example without a kind is not compiled')
  })

  // Cases are run by test/docs/walk.test.ts.
  for (const { kind, yaml, line } of examples.filter(each => each.kind !== 'cases')) {
    it(`compiles the example (${kind}) at line ${line}`, () => compile(within(kind, yaml)))
  }

  it('lists every finding with its mend, and no other', () => {
    const listed = new Map(
      [...text.matchAll(/^\| `(\w+)` +\| (.*?) +\|$/gm)].map(match => [match[1], match[2]]),
    )
    for (const [code, { mend }] of Object.entries(findingCodes)) assert.equal(listed.get(code), mend, code)
    const section = text.slice(text.indexOf('## Findings'))
    const codes = [...section.matchAll(/^\| `(\w+)` +\|/gm)].map(match => match[1] as string)
    assert.deepEqual(codes.sort(), Object.keys(findingCodes).sort())
  })

  it('explains every code of a decision that is a denial', () => {
    const codes = [
      'denied_by_rule',
      'no_matching_rule',
      'unknown_operation',
      'approval_required',
      'over_limit',
      'outside_grant',
      'policy_expired',
      'clock_behind',
    ] as const
    for (const code of codes) {
      assert.ok(policyErrors[code].status !== null)
      assert.ok(text.includes(`\`${code}\``), code)
    }
  })
})

describe('config/policies', () => {
  const folder = new URL('config/policies/', ROOT)
  for (const file of readdirSync(folder).filter(name => name.endsWith('.yaml'))) {
    it(`${file} compiles`, () => compile(readFileSync(new URL(file, folder), 'utf8')))
  }
})
