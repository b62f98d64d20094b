import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { describe, it, type TestContext } from 'node:test'
import { parse } from 'yaml'
import { generalise } from '../../src/cli/suggest/generalise.js'
import { writePolicy } from '../../src/cli/suggest/write-policy.js'
import { parsePolicySource } from '../../src/policy/index.js'
import { countersign, scratch } from './command-line.js'
import { type Call, OBSERVER, readText, recordLog, shopPolicy } from './recorded-log.js'

const read = (invoice: string, agent?: string): Call => ({
  name: 'GET /invoices/{invoice}',
  args: { invoice },
  ...(agent === undefined ? {} : { agent }),
})
const file = (path: string): Call => ({ name: 'GET /files/{path+}', args: { path } })
const remind = (amount: number): Call => ({
  name: 'POST /invoices/{invoice}/remind',
  args: { invoice: 'in_1', amount },
})
const VOID: Call = { name: 'POST /invoices/{invoice}/void', args: { invoice: 'in_1' } }
const NO_RULES =
  '  - { id: never, deny: { api: billing, operations: ["POST /invoices/{invoice}/void"], resources: [in_9] }, because: No. }'

async function suggestionOf(
  t: TestContext,
  policy: string,
  calls: readonly Call[],
  flags: readonly string[] = [],
) {
  const path = await scratch(t)
  const log = await recordLog(t, policy, calls, path, (name, text) =>
    writeFileSync(name, text, { mode: 0o600 }),
  )
  writeFileSync(path('policy.yaml'), policy)
  const from = ['--ledger', log.ledger, '--auditor-key', log.key]
  const { code, err } = await countersign(
    ...['policy', 'suggest', '--policy', path('policy.yaml'), ...from, ...flags, '-o', path('next.yaml')],
  )
  assert.equal(err, '')
  const lint = await countersign('policy', 'lint', path('next.yaml'), '--json')
  assert.equal(lint.code, 0, lint.out)
  const replayed = await countersign('policy', 'replay', ...from, '--json', path('next.yaml'))
  const text = readText(path('next.yaml'))
  return { code, text, policy: parse(text), replay: JSON.parse(replayed.out), path, from, log }
}

describe('policy suggest', () => {
  it('names operations exactly and resources one by one, and replays to what was observed', async t => {
    const { policy, text, replay } = await suggestionOf(
      t,
      shopPolicy({ agents: OBSERVER, rules: NO_RULES }),
      [read('in_1'), read('in_2'), remind(3)],
    )
    assert.deepEqual(
      policy.rules.slice(1).map(({ allow, to }: { allow: object; to: string[] }) => ({ ...allow, to })),
      [
        {
          api: 'billing',
          operations: ['GET /invoices/{invoice}'],
          resources: [
            { type: 'invoice', id: 'in_1' },
            { type: 'invoice', id: 'in_2' },
          ],
          to: ['coder'],
        },
        {
          api: 'billing',
          operations: ['POST /invoices/{invoice}/remind'],
          resources: [{ type: 'invoice', id: 'in_1' }],
          to: ['coder'],
        },
      ],
    )
    assert.match(text, /^# Suggested from 3 attempts, receipts \d+ to \d+, 1 task: 2 rules added\.$/m)
    assert.match(text, /- GET \/invoices\/\{invoice\} # 2 attempts, receipts \d+ to \d+, 1 task/)
    assert.deepEqual(policy.agents, { coder: { environment: 'staging' } })
    assert.equal(policy.metadata.version, 2)
    assert.deepEqual([replay.differs, replay.unknown, replay.observed.byRule], [0, 0, 3])
  })

  it('narrows many resources to their folder, and says where it can’t', async t => {
    const many = Array.from({ length: 20 }, (_, i) => file(`reports/2027/${i}.pdf`))
    const flat = Array.from({ length: 20 }, (_, i) => read(`in_${i}`))
    const { policy, text, replay } = await suggestionOf(
      t,
      shopPolicy({ agents: OBSERVER, rules: NO_RULES }),
      [...many, ...flat],
    )
    const allows = policy.rules.slice(1).map(({ allow }: { allow: Record<string, unknown> }) => allow)
    const invoices = allows.find(({ operations }: { operations: string[] }) =>
      operations.includes('GET /invoices/{invoice}'),
    )
    assert.equal(invoices.resources, undefined)
    assert.match(text, /20 different resources, too many to list/)
    assert.equal(replay.observed.byRule, 40)
  })

  it('attack: a resource that an agent names with a star never becomes a pattern', async t => {
    const { policy, text } = await suggestionOf(t, shopPolicy({ agents: OBSERVER, rules: NO_RULES }), [
      read('*'),
    ])
    assert.equal(policy.rules.length, 1)
    assert.match(
      text,
      /^# Left out, because a resource’s name holds a star, may mean others or is too long: 1 attempt/m,
    )
  })

  it('attack: a resource whose name hides letters stands there in escapes', async t => {
    const names = ['in_1\u202e', 'in_4\u200b\u{e0041}']
    const { policy, text } = await suggestionOf(
      t,
      shopPolicy({ agents: OBSERVER, rules: NO_RULES }),
      names.map(name => read(name)),
    )
    const [, { allow }] = policy.rules
    assert.deepEqual(
      allow.resources.map(({ id }: { id: string }) => id),
      names,
    )
    assert.doesNotMatch(text, /[^\P{C}\n]|\p{Zl}/u)
    assert.match(text, /id: "in_1\\u202e"$/m)
  })

  it('attack: a resource that is called like lines of a rule stands on one line, in rules and in comments', () => {
    const source = parsePolicySource(shopPolicy({ agents: OBSERVER, rules: NO_RULES }))
    assert.ok(source.kind === 'source')
    const id = 'in_1\n  - id: evil\n    allow: { api: billing, class: read }\n\u009b2J'
    const seen = { seq: 1, task: 't', scope: { invoice: id }, resources: [{ type: 'invoice', id }] }
    const asked = (['passed', 'above'] as const).map(kind => ({
      agent: 'coder',
      api: 'billing',
      name: 'GET /invoices/{invoice}',
      kind,
      baseClasses: ['read' as const],
      classes: ['read' as const],
      occurrences: [seen],
    }))
    const none = { rules: new Map(), unknown: null, untold: null, all: null, opened: 0 }
    const text = writePolicy(source.document, { asked, ...none }, generalise(asked), new Set(['coder']))
    assert.doesNotMatch(text, /^#? *- id: evil/m)
    assert.doesNotMatch(text, /[^\P{C}\n]/u)
    assert.equal(parse(text).rules.at(-1).allow.resources[0].id, id)
  })

  it('leaves what was denied, and what does more than update, to a person', async t => {
    const enforced = await suggestionOf(t, shopPolicy({ rules: NO_RULES }), [read('in_1')])
    assert.equal(enforced.policy.rules.length, 1)
    assert.match(
      enforced.text,
      /^# Denied until now[^\n]*\n# {3}# 1 attempt[^\n]*\n# {3}- id: coder-billing-1\n/m,
    )
    assert.match(enforced.text, /^# {9}- GET \/invoices\/\{invoice\} # 1 attempt/m)
    const above = await suggestionOf(t, shopPolicy({ agents: OBSERVER, rules: NO_RULES }), [VOID])
    assert.equal(above.policy.rules.length, 1)
    assert.match(above.text, /^# Does more than update/m)
    assert.match(above.text, /^# {5}hold:$/m)
    assert.doesNotMatch(above.text, /^#? *allow:/m)
    // The comment taken off is a policy that lacks nothing but who approves.
    const uncommented = above.text
      .slice(above.text.indexOf('# Does more'))
      .split('\n')
      .slice(1)
      .map(line => line.replace(/^# {3}/, ''))
      .join('\n')
    const [held] = parse(uncommented)
    assert.deepEqual([held.approvers, held.to], ['YOUR-APPROVERS', ['coder']])
  })

  it('keeps the rules that are there, and says how often each was met', async t => {
    const rules = `  - { id: read, allow: { api: billing, class: read }, to: coder }
  - { id: small, allow: { api: billing, operations: ["POST /invoices/{invoice}/remind"] }, to: coder, when: args.amount < 5 }
  - { id: idle, deny: { api: billing, class: irreversible }, because: No. }`
    const { policy, text } = await suggestionOf(t, shopPolicy({ agents: OBSERVER, rules }), [
      read('in_1'),
      remind(3),
      remind(9),
    ])
    assert.deepEqual(
      policy.rules.map(({ id }: { id: string }) => id),
      ['read', 'small', 'idle', 'coder-billing-1'],
    )
    assert.match(text, /# 1 attempt, receipt \d+, 1 task\n {2}- id: small\n/)
    assert.match(text, /# no attempt met this rule\n {2}- id: idle\n/)
    assert.equal(policy.rules[1].when, 'args.amount < 5')
  })

  it('suggests for one agent and leaves the others observing', async t => {
    const agents = `${OBSERVER}\n${OBSERVER.replace('coder', 'tester')}`
    const { policy } = await suggestionOf(
      t,
      shopPolicy({ agents, rules: NO_RULES }),
      [read('in_1'), read('in_2', 'tester')],
      ['--agent', 'tester'],
    )
    assert.equal(policy.agents.coder.mode, 'observe')
    assert.deepEqual(policy.agents.tester, { environment: 'staging' })
    assert.deepEqual(policy.rules.at(-1).to, ['tester'])
    assert.equal(policy.rules.length, 2)
  })

  it('overwrites nothing, answers 1 for an empty log and 2 for an agent that is not there', async t => {
    const { path, from } = await suggestionOf(t, shopPolicy({ agents: OBSERVER, rules: NO_RULES }), [
      read('in_1'),
    ])
    const again = (...flags: string[]) =>
      countersign('policy', 'suggest', '--policy', path('policy.yaml'), ...from, ...flags)
    assert.equal((await again('-o', path('next.yaml'))).code, 2)
    assert.equal((await again('--agent', 'codr')).code, 2)
    assert.equal((await again('--since', '2098-01-01T00:00:00Z')).code, 1)
    const shown = await again('--json')
    assert.equal(JSON.parse(shown.out).suggestions[0].operations[0].attempts, 1)
  })
})
