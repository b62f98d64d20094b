import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { describe, it, type TestContext } from 'node:test'
import { countersign, scratch } from './command-line.js'
import { type Call, OBSERVER, recordLog, shopPolicy } from './recorded-log.js'

const READ: Call = { name: 'GET /invoices/{invoice}', args: { invoice: 'in_1' } }
const remind = (amount: number, invoice = 'in_1'): Call => ({
  name: 'POST /invoices/{invoice}/remind',
  args: { invoice, amount },
})
const VOID: Call = { name: 'POST /invoices/{invoice}/void', args: { invoice: 'in_1' } }
const READ_RULE = '  - { id: read, allow: { api: billing, class: read }, to: coder }'

async function replayOf(
  t: TestContext,
  recorded: { readonly policy: string; readonly calls: readonly Call[] },
  next: string,
  ...flags: readonly string[]
) {
  const path = await scratch(t)
  const log = await recordLog(t, recorded.policy, recorded.calls, path, (file, text) =>
    writeFileSync(file, text, { mode: 0o600 }),
  )
  writeFileSync(path('next.yaml'), next)
  const run = async (...more: readonly string[]) => {
    const { code, out, err } = await countersign(
      ...['policy', 'replay', '--ledger', log.ledger, '--json', ...flags, ...more, path('next.yaml')],
    )
    return { code, err, report: out === '' ? null : JSON.parse(out) }
  }
  return { log, path, withKey: () => run('--auditor-key', log.key), withoutKey: () => run(), run }
}

describe('policy replay', () => {
  it('says nothing differs where the same policy decides again', async t => {
    const policy = shopPolicy({ rules: READ_RULE })
    const { withKey, withoutKey } = await replayOf(t, { policy, calls: [READ, VOID] }, policy)
    for (const { code, report } of [await withKey(), await withoutKey()]) {
      assert.equal(code, 0)
      assert.deepEqual([report.attempts, report.same, report.differs, report.unknown], [2, 2, 0, 0])
    }
  })

  it('names the receipts of what would be decided otherwise, both ways', async t => {
    const { withKey, log } = await replayOf(
      t,
      { policy: shopPolicy({ rules: READ_RULE }), calls: [READ, VOID] },
      shopPolicy({ rules: '  - { id: voids, allow: { api: billing, class: irreversible }, to: coder }' }),
    )
    const { code, report } = await withKey()
    assert.equal(code, 1)
    assert.deepEqual(
      report.differences.map((each: { seq: number; recorded: object; now: object }) => [
        each.seq,
        each.recorded,
        each.now,
      ]),
      [
        [
          log.seqs[0],
          { effect: 'allow', code: 'allowed', rule: 'read' },
          { effect: 'deny', code: 'no_matching_rule', rule: null },
        ],
        [
          log.seqs[1],
          { effect: 'deny', code: 'no_matching_rule', rule: null },
          { effect: 'allow', code: 'allowed', rule: 'voids' },
        ],
      ],
    )
  })

  it('decides by the arguments with the auditor’s key, and can’t tell without it', async t => {
    const rules = `  - { id: small, allow: { api: billing, operations: ["POST /invoices/{invoice}/remind"] }, to: coder, when: args.amount < 5 }`
    const recorded = {
      policy: shopPolicy({ agents: OBSERVER, rules: READ_RULE }),
      calls: [remind(3), remind(9)],
    }
    const { withKey, withoutKey, log } = await replayOf(t, recorded, shopPolicy({ rules }))
    const exact = await withKey()
    assert.equal(exact.code, 1)
    assert.deepEqual(exact.report.observed, { byRule: 1, stillObserved: 0, stopped: 1 })
    assert.deepEqual(
      exact.report.differences.map(({ seq }: { seq: number }) => seq),
      [log.seqs[1]],
    )
    const vague = await withoutKey()
    assert.equal(vague.code, 1)
    assert.deepEqual([vague.report.differs, vague.report.unknown], [0, 2])
    assert.match(vague.report.untold[0].why, /auditor/)
  })

  it('tells without arguments where a deny settles the matter', async t => {
    const rules = `  - { id: small, allow: { api: billing, class: update }, to: coder, when: args.amount < 5 }
  - { id: never, deny: { api: billing, class: update }, because: No. }`
    const recorded = { policy: shopPolicy({ agents: OBSERVER, rules: READ_RULE }), calls: [remind(3)] }
    const { report } = await (
      await replayOf(
        t,
        recorded,
        shopPolicy({
          rules: rules.replace(
            'class: update }, to: coder, when',
            'operations: ["POST /invoices/{invoice}/remind"] }, to: coder, when',
          ),
        }),
      )
    ).withoutKey()
    assert.equal(report.unknown, 0)
    assert.equal(report.differences[0].now.rule, 'never')
  })

  it('counts limits anew, in the order of the log, also those of attempts before --since', async t => {
    const rules =
      '  - { id: two, allow: { api: billing, class: read }, to: coder, limit: { count: 2, per: 1h } }'
    const recorded = { policy: shopPolicy({ rules: READ_RULE }), calls: [READ, READ, READ, READ] }
    const { withKey, withoutKey, log, run } = await replayOf(t, recorded, shopPolicy({ rules }))
    for (const { report } of [await withKey(), await withoutKey()]) {
      assert.deepEqual(
        report.differences.map(({ seq }: { seq: number }) => seq),
        log.seqs.slice(2),
      )
      assert.equal(report.differences[0].now.code, 'over_limit')
    }
    const later = await run('--since', '2098-01-01T00:00:00Z')
    assert.deepEqual([later.code, later.report.attempts], [0, 0])
  })

  it('treats an API, an agent or an operation that the new policy lacks as denied', async t => {
    const recorded = { policy: shopPolicy({ rules: READ_RULE }), calls: [READ] }
    const next = shopPolicy({
      agents: '  tester: { environment: staging }',
      rules: READ_RULE.replace('to: coder', 'to: tester'),
    })
    const { withKey } = await replayOf(t, recorded, next)
    assert.equal((await withKey()).report.differences[0].now.code, 'agent_unknown')
    const renamed = shopPolicy({ rules: READ_RULE }).replaceAll(
      'billing:\n    upstream',
      'shop:\n    upstream',
    )
    const other = await replayOf(t, recorded, renamed.replace('api: billing', 'api: shop'))
    assert.equal((await other.withKey()).report.differences[0].now.code, 'unknown_api')
    const fewer = shopPolicy({ rules: READ_RULE }).replace(/.*GET \/invoices.*\n/, '')
    const third = await replayOf(t, recorded, fewer)
    assert.equal((await third.withKey()).report.differences[0].now.code, 'unknown_operation')
  })

  it('refuses a key that opens nothing, one that others can read, and two logs', async t => {
    const policy = shopPolicy({ rules: READ_RULE })
    const { run, path, log } = await replayOf(t, { policy, calls: [READ] }, policy)
    const other = await recordLog(t, policy, [], path, (_, text) =>
      writeFileSync(path('other.jwk'), text, { mode: 0o600 }),
    )
    assert.equal(other.seqs.length, 0)
    const wrong = await run('--auditor-key', path('other.jwk'))
    assert.equal(wrong.code, 2)
    assert.match(wrong.err, /opens the decision inputs of none of 1 attempts/)
    writeFileSync(path('open.jwk'), '{}', { mode: 0o644 })
    assert.equal((await run('--auditor-key', path('open.jwk'))).code, 2)
    assert.equal((await run('--in', log.ledger)).code, 2)
  })
})
