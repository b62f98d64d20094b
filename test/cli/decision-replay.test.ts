import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import type { JWK } from 'jose'
import { formatPublicKey, type JsonObject } from '../../src/canon/index.js'
import { loadShippedCatalogs } from '../../src/cli/catalogs.js'
import { DecisionReplay, type DecisionsReplayed } from '../../src/cli/replay/decision-replay.js'
import { type Known, type RecordedInputs, recordedInputs } from '../../src/cli/replay/recorded-inputs.js'
import { fromReceipt } from '../../src/cli/replay/redecide.js'
import type { SealedPolicies } from '../../src/cli/replay/sealed-policies.js'
import { openEvidence } from '../../src/ledger/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import {
  type Agreed,
  type AttemptBody,
  type DecisionInputs,
  decodeEntry,
  type Entry,
} from '../../src/receipt/index.js'
import { openedPolicy, signingKey } from '../keeper/keeper-fixture.js'
import { scratch } from './command-line.js'
import { type Call, OBSERVER, recordLog, shopPolicy } from './recorded-log.js'

const READ: Call = { name: 'GET /invoices/{invoice}', args: { invoice: 'in_1' } }
const VOID: Call = { name: 'POST /invoices/{invoice}/void', args: { invoice: 'in_1' } }
const remind = (amount: number): Call => ({
  name: 'POST /invoices/{invoice}/remind',
  args: { invoice: 'in_1', amount },
})
const READ_RULE = '  - { id: read, allow: { api: billing, class: read }, to: coder }'
const TWICE = `${READ_RULE.slice(0, -2)}, limit: { count: 2, per: 1h } }`

interface Recorded {
  readonly entries: readonly Entry[]
  /** With the auditor's key. */
  readonly opening: RecordedInputs
  /** The same over other records. */
  reading(side: (id: string) => Promise<Uint8Array | undefined>): RecordedInputs
  /** The record of an attempt as it is stored. */
  side(id: string): Promise<Uint8Array | undefined>
  readonly policy: string
}

async function record(t: TestContext, policy: string, calls: readonly Call[]): Promise<Recorded> {
  const path = await scratch(t)
  const log = await recordLog(t, policy, calls, path, (file, text) =>
    writeFileSync(file, text, { mode: 0o600 }),
  )
  const evidence = await openEvidence(log.ledger, nativeCrypto)
  t.after(() => evidence.close())
  const entries: Entry[] = []
  for await (const bytes of evidence.entries()) entries.push(decodeEntry(bytes))
  const key: JWK = JSON.parse(readFileSync(log.key, 'utf8'))
  const { side } = evidence
  const reading: Recorded['reading'] = other => recordedInputs({ side: other }, key)
  return { entries, opening: reading(side), reading, side, policy }
}

/** Every policy under any id is this one. */
function always(text: string): SealedPolicies {
  const { policy } = openedPolicy(text)
  return { find: () => ({ kind: 'policy', policy, revoked: [], signers: [] }) }
}

interface Replayed {
  readonly summary: DecisionsReplayed
  /** Code and detail of each finding, by the number of its attempt from 0. */
  readonly findings: readonly (readonly [attempt: number, code: string, detail: string | undefined])[]
}

type Attempt = Entry & AttemptBody

interface Lies {
  readonly policies?: SealedPolicies
  readonly opening?: RecordedInputs
  /** Changes the attempts as they stand in the log, by their number from 0. */
  readonly entry?: (attempt: Attempt, place: number) => Partial<Attempt>
}

async function replay(recorded: Recorded, lies: Lies = {}): Promise<Replayed> {
  const opening = lies.opening ?? recorded.opening
  const replay = new DecisionReplay(lies.policies ?? always(recorded.policy), opening)
  const attempts = recorded.entries.flatMap(entry => (entry.type === 'attempt' ? [entry.seq] : []))
  const findings: (readonly [number, string, string | undefined])[] = []
  for (const entry of recorded.entries) {
    const told =
      entry.type === 'attempt' ? furnished(entry, lies.entry?.(entry, attempts.indexOf(entry.seq))) : entry
    await replay.audit(told, (code, seq, detail) => findings.push([attempts.indexOf(seq), code, detail]))
  }
  replay.finish((code, seq, detail) => findings.push([attempts.indexOf(seq), code, detail]))
  return { summary: replay.summary(), findings }
}

/** Who lets something pass in a lie has a credential for it as well, unless that is the lie. */
function furnished(attempt: Attempt, lie: Partial<Attempt> = {}): Attempt {
  const told = { ...attempt, ...lie }
  const credential = { minter: 'jwt', scope: 'all', expires: 9_000_000_000_000, mint: 'm-1' }
  const lacks = told.decision.effect === 'allow' && told.credential === undefined && !('credential' in lie)
  return lacks ? { ...told, credential } : told
}

/** Without the auditor's key. */
const CLOSED: RecordedInputs = recordedInputs({ side: async () => undefined }, null)

/** The inputs as the auditor opens them, changed: what a keeper that commits to a lie would have written. */
function lying(
  opening: RecordedInputs,
  change: (inputs: DecisionInputs) => Partial<DecisionInputs>,
): RecordedInputs {
  return {
    boot: entry => opening.boot(entry),
    open: async (entry): Promise<Known> => {
      const known = await opening.open(entry)
      return known.kind === 'inputs'
        ? { ...known, inputs: { ...known.inputs, ...change(known.inputs) } }
        : known
    },
  }
}

test('every kind of decision is derived again from its inputs, and from the receipt where that says enough', async t => {
  const rules = [
    TWICE,
    '  - { id: reminders, allow: { api: billing, operations: ["POST /invoices/{invoice}/remind"] }, to: coder, when: "args.amount < 100" }',
    '  - { id: voids, hold: { api: billing, class: irreversible }, to: coder, approvers: finance }',
    '  - { id: never-files, deny: { api: billing, operations: ["GET /files/{path+}"] } }',
  ].join('\n')
  const agents = `${OBSERVER}
approvers:
  finance: { keys: { maria: "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" } }`
  const recorded = await record(t, shopPolicy({ agents, rules }), [
    ...[READ, READ, READ, VOID, remind(10), remind(1_000)],
    { name: 'GET /files/{path+}', args: { path: 'a' } },
  ])
  const codes = recorded.entries.flatMap(entry => (entry.type === 'attempt' ? [entry.decision.code] : []))
  assert.deepEqual(codes, [
    ...['allowed', 'allowed', 'over_limit', 'approval_required', 'allowed', 'observed', 'denied_by_rule'],
  ])
  const opened = await replay(recorded)
  assert.deepEqual(opened, {
    findings: [],
    summary: {
      ...{ decided: 7, replayed: 7, fromInputs: 7, differing: 0, notReplayed: [], undecided: 0, opened: 7 },
      undescribed: 0,
      ...{ approved: 0, agreed: 0 },
    },
  })
  const closed = await replay(recorded, { opening: CLOSED })
  assert.deepEqual(closed.findings, [])
  assert.deepEqual([closed.summary.decided, closed.summary.replayed, closed.summary.fromInputs], [7, 5, 0])
  assert.deepEqual(
    closed.summary.notReplayed.map(({ why, count }) => [count, why]),
    [[2, 'the arguments are in the decision inputs, which only the auditor’s key opens']],
  )
})

test('attack: another policy under the id that the receipts cite decides otherwise, and is found', async t => {
  const recorded = await record(t, shopPolicy({ rules: READ_RULE }), [READ, VOID])
  const policies = always(shopPolicy({ rules: READ_RULE.replace('id: read', 'id: other') }))
  for (const opening of [recorded.opening, CLOSED]) {
    const { findings, summary } = await replay(recorded, { policies, opening })
    assert.deepEqual(findings, [[0, 'decision_differs', 'allow allowed by other']])
    assert.deepEqual([summary.replayed, summary.differing], [2, 1])
  }
})

test('attack: a keeper that lets pass what its policy denies is found, with or without inputs', async t => {
  const recorded = await record(t, shopPolicy({ rules: READ_RULE }), [READ, VOID])
  const entry = (_: Attempt, place: number) =>
    place === 1 ? { decision: { effect: 'allow', code: 'allowed', rule: 'read' } as const } : {}
  for (const opening of [recorded.opening, CLOSED]) {
    const { findings } = await replay(recorded, { entry, opening })
    assert.deepEqual(findings, [[1, 'decision_differs', 'deny no_matching_rule']])
  }
})

test('attack: a limit that is passed is found by what the log counts, whatever the inputs say', async t => {
  const recorded = await record(t, shopPolicy({ rules: TWICE }), [READ, READ, READ])
  const entry = (attempt: Attempt, place: number) =>
    place === 2
      ? {
          decision: { effect: 'allow', code: 'allowed', rule: 'read' } as const,
          reserved: [{ key: `read/${attempt.agent.id}`, amount: 1 }],
        }
      : {}
  const opening = lying(recorded.opening, () => ({ counters: { 'read/coder': 0 } }))
  assert.deepEqual((await replay(recorded, { entry, opening })).findings, [
    [2, 'limit_exceeded', 'read by what the log counts'],
  ])
  assert.deepEqual((await replay(recorded, { entry, opening: CLOSED })).findings, [
    [2, 'limit_exceeded', 'read'],
  ])
})

test('attack: a reservation that is left out or made smaller is found', async t => {
  const recorded = await record(t, shopPolicy({ rules: TWICE }), [READ])
  const entry = () => ({ reserved: [] })
  assert.deepEqual((await replay(recorded, { entry })).findings, [
    [0, 'decision_differs', 'allow allowed by read'],
  ])
})

test('attack: operations in the receipt that are not those of the inputs are found', async t => {
  const recorded = await record(t, shopPolicy({ rules: READ_RULE }), [READ])
  const lies: readonly ((op: AttemptBody['ops'][number]) => AttemptBody['ops'])[] = [
    op => [{ ...op, classes: ['update'] }],
    op => [{ ...op, name: 'POST /invoices/{invoice}/remind' }],
    op => [{ ...op, scope: { invoice: 'in_2' } }],
    op => [{ ...op, resources: [{ type: 'invoices', id: 'in_2' }] }],
    op => [op, op],
  ]
  for (const lie of lies) {
    const entry = ({ ops }: Attempt) => ({ ops: lie(ops[0] as AttemptBody['ops'][number]) })
    const { findings } = await replay(recorded, { entry })
    assert.equal(findings[0]?.[1], 'operations_differ')
  }
})

test('attack: a keeper that gives an operation milder classes than its catalog does is found', async t => {
  const recorded = await record(t, shopPolicy({ rules: READ_RULE }), [VOID])
  const milder = (operation: object) => ({ ...operation, classes: ['read'], baseClasses: ['read'] })
  const opening = lying(recorded.opening, ({ operations }) => ({ operations: operations.map(milder) }))
  const entry = ({ ops }: Attempt) => ({
    ops: ops.map(op => ({ ...op, classes: ['read'] as const })),
    decision: { effect: 'allow', code: 'allowed', rule: 'read' } as const,
  })
  assert.deepEqual((await replay(recorded, { entry, opening })).findings[0], [
    ...[0, 'operations_differ', 'the catalog describes number 1 otherwise'],
  ])
})

test('attack: a keeper that names another operation than method and target ask for is found', async t => {
  const recorded = await record(t, shopPolicy({ rules: READ_RULE }), [VOID])
  const { catalog } = openedPolicy(recorded.policy).policy.apis.get('billing') ?? assert.fail()
  const other = catalog.describe('billing', { name: READ.name, args: READ.args })
  const opening = lying(recorded.opening, () => ({ operations: [{ ...other, args: READ.args }] as never }))
  const { name, classes, scope, resources } = other
  const entry = () => ({
    ops: [{ name, classes, scope, resources }],
    decision: { effect: 'allow', code: 'allowed', rule: 'read' } as const,
  })
  assert.deepEqual((await replay(recorded, { entry, opening })).findings, [
    [0, 'operations_differ', 'method and target ask for another'],
  ])
})

test('attack: a classifier that the API hasn’t, so that nothing is described again, is found; an older one is told', async t => {
  const recorded = await record(t, shopPolicy({ rules: READ_RULE }), [READ])
  for (const classifier of ['graphql/1', 'rest/9', 'rest/02', 'none'])
    assert.deepEqual((await replay(recorded, { entry: () => ({ classifier }) })).findings, [
      [0, 'operations_differ', `by ${classifier}, where rest/3 is its API’s`],
    ])
  const older = await replay(recorded, { entry: () => ({ classifier: 'rest/1' }) })
  assert.deepEqual([older.findings, older.summary.undescribed], [[], 1])
})

test('attack: what passed without the credential that its policy names, or with another, is found', async t => {
  const recorded = await record(t, shopPolicy({ rules: READ_RULE }), [READ])
  const [attempt] = recorded.entries.filter(entry => entry.type === 'attempt')
  const credential = attempt?.credential as NonNullable<AttemptBody['credential']>
  const { mint: _, ...unmade } = credential
  const found = async (change: object, opening = recorded.opening) =>
    (await replay(recorded, { entry: () => change, opening })).findings
  for (const opening of [recorded.opening, CLOSED]) {
    assert.deepEqual(await found({ credential: undefined }, opening), [
      [0, 'credential_unfit', 'none, where the policy names billing'],
    ])
    assert.deepEqual(await found({ credential: { ...credential, minter: 'static' } }, opening), [
      [0, 'credential_unfit', 'of static, where the policy names jwt'],
    ])
    assert.deepEqual(await found({ credential: unmade }, opening), [
      [0, 'credential_unfit', 'one that cites no entry that made it'],
    ])
  }
  const open = always(recorded.policy.replace(/ {4}credential: billing\n|credentials:\n.*\n/g, ''))
  assert.deepEqual((await replay(recorded, { policies: open })).findings, [
    [0, 'credential_unfit', 'one, where the policy names none'],
  ])
})

test('attack: inputs of another request, agent, time or policy than the receipt’s are found', async t => {
  const recorded = await record(t, shopPolicy({ rules: READ_RULE }), [READ])
  const lies: readonly [string, (inputs: DecisionInputs) => Partial<DecisionInputs>][] = [
    ['the target', () => ({ target: '/invoices/in_2' })],
    ['the method', () => ({ method: 'POST' })],
    ['the body', () => ({ body: 'c0'.repeat(32) })],
    ['the agent', ({ agent }) => ({ agent: { ...agent, owner: 'eve' } })],
    ['the facts of the agent', ({ agent }) => ({ agent: { ...agent, facts: { trusted: true } } })],
    ['the time', ({ now }) => ({ now: now + 1 })],
    ['the policy', () => ({ policy: `sha256:${'0'.repeat(64)}` })],
  ]
  for (const [what, lie] of lies) {
    const { findings } = await replay(recorded, { opening: lying(recorded.opening, lie) })
    assert.deepEqual(findings[0], [0, 'inputs_differ', what])
  }
})

test('attack: what passes by an id and inputs from before its policy’s end, or from hours ago, is found', async t => {
  const recorded = await record(t, shopPolicy({ rules: READ_RULE }), [READ])
  const now = Date.now()
  const ended = new Date(now + 60_000).toISOString()
  const policies = always(recorded.policy.replace('2099-01-01T00:00:00Z', ended))
  const lateBy = async (ms: number) =>
    (await replay(recorded, { policies, entry: ({ t: written }) => ({ t: written + ms }) })).findings
  assert.deepEqual(await lateBy(90_000), [], 'it waited for the disk')
  assert.deepEqual(await lateBy(1_200_000), [[0, 'policy_expired', ended]])
  assert.deepEqual(await lateBy(7_200_000), [
    [0, 'inputs_differ', 'the time'],
    [0, 'policy_expired', ended],
  ])
  const refused = await replay(recorded, {
    policies,
    entry: ({ t: written, decision }) => ({
      t: written + 7_200_000,
      decision: { ...decision, effect: 'deny' },
    }),
  })
  assert.deepEqual(
    refused.findings.map(([, code]) => code),
    ['decision_differs'],
  )
})

test('attack: a keeper that lets pass another call than the one that people signed for is found by the auditor', async t => {
  const jo = signingKey(Buffer.alloc(32, 7))
  const agents = `  coder: { environment: staging }
approvers:
  finance: { keys: { jo: "${formatPublicKey(jo.publicKey)}" } }`
  const rules =
    '  - { id: asked, hold: { api: billing, operations: ["POST /invoices/{invoice}/remind"] }, to: coder, approvers: finance }'
  const recorded = await record(t, shopPolicy({ agents, rules }), [{ ...remind(5), approver: jo }])
  const honest = await replay(recorded)
  assert.deepEqual(honest.findings, [])
  assert.deepEqual([honest.summary.approved, honest.summary.agreed], [1, 1])

  const withArgs = (args: JsonObject) => (inputs: DecisionInputs) => ({
    operations: inputs.operations.map(each => ({ ...each, args })),
  })
  const more = { invoice: 'in_1', amount: 5_000 }
  const agreed = (change: (agreed: Agreed) => Partial<Agreed>) => (inputs: DecisionInputs) =>
    inputs.agreed === undefined ? {} : { agreed: { ...inputs.agreed, ...change(inputs.agreed) } }
  const facts = { probe: 'p', type: 'invoice', id: 'in_1', status: 'answered', facts: {} } as const
  const request = { method: 'POST', target: '/invoices/in_2/remind' }
  const lies: readonly [string, (inputs: DecisionInputs) => Partial<DecisionInputs>][] = [
    ['its arguments are not those that were agreed to', withArgs(more)],
    [
      'what people are said to have agreed to is not what they signed',
      inputs => ({ ...withArgs(more)(inputs), ...agreed(() => ({ args: [more] }))(inputs) }),
    ],
    ['what people are said to have agreed to is not what they signed', agreed(() => ({ probes: [facts] }))],
    [
      'what people are said to have agreed to is not what they signed',
      agreed(({ args }) => ({ args: [{ ...(args[0] as JsonObject), '(request)': request }] })),
    ],
    [
      'its operations are not those that were agreed to',
      inputs => ({ operations: inputs.operations.map(each => ({ ...each, account: 'acct_2' })) }),
    ],
    ['its API is not the one that was agreed to', () => ({ api: 'shop' })],
  ]
  for (const [what, lie] of lies) {
    const { findings } = await replay(recorded, { opening: lying(recorded.opening, lie) })
    assert.ok(
      findings.some(([, code, detail]) => code === 'approval_differs' && detail === what),
      `${what}: ${JSON.stringify(findings)}`,
    )
  }
  const silent = await replay(recorded, {
    opening: lying(recorded.opening, () => ({ agreed: undefined }) as object),
  })
  assert.deepEqual(
    [silent.summary.approved, silent.summary.agreed],
    [1, 0],
    'and is counted where it says nothing',
  )
})

test('attack: a side record that opens to something else than the receipt commits to is found', async t => {
  const recorded = await record(t, shopPolicy({ rules: READ_RULE }), [READ])
  const entry = () => ({ inputs_c: 'c0'.repeat(32) })
  const { findings, summary } = await replay(recorded, { entry })
  assert.deepEqual([findings, summary.opened], [[[0, 'inputs_differ', 'they open to something else']], 0])
})

test('attack: the record of another attempt, or a broken one, in an attempt’s place is found', async t => {
  const recorded = await record(t, shopPolicy({ rules: READ_RULE }), [READ, READ])
  const ids = recorded.entries.flatMap(entry => (entry.type === 'attempt' ? [entry.id] : []))
  const second = ids[1] as string
  const broken = ((await recorded.side(second)) as Uint8Array).map((byte, at) =>
    at === 40 ? byte ^ 1 : byte,
  )
  for (const put of [await recorded.side(ids[0] as string), broken]) {
    const opening = recorded.reading(async id => (id === second ? put : recorded.side(id)))
    const { summary, findings } = await replay(recorded, { opening })
    const why = 'the key opens those of this start, and not these'
    assert.deepEqual([findings, summary.opened], [[[1, 'inputs_differ', why]], 1])
  }
})

test('attack: decision inputs that are gone without an erasure are found, and those that were erased are not', async t => {
  const recorded = await record(t, shopPolicy({ rules: READ_RULE }), [READ, READ])
  const second = recorded.entries.findLast(entry => entry.type === 'attempt') as Attempt
  const opening = () => recorded.reading(async id => (id === second.id ? undefined : recorded.side(id)))
  const gone = await replay(recorded, { opening: opening() })
  assert.deepEqual(gone.findings, [[1, 'inputs_missing', undefined]])
  const erasure = (attempt: number) =>
    ({ ...second, type: 'erase', data: { attempt, id: second.id } }) as unknown as Entry
  const after = (attempt: number) =>
    replay({ ...recorded, entries: [...recorded.entries, erasure(attempt)] }, { opening: opening() })
  assert.deepEqual((await after(second.seq)).findings, [])
  assert.equal((await after(second.seq + 1)).findings.length, 1)
  // A dump keeps none at all.
  const none = await replay(recorded, { opening: recorded.reading(async () => undefined) })
  assert.deepEqual(none.findings, [])
})

test('what can’t be derived again is counted with its reason: no policy, no inputs, no decision', async t => {
  const recorded = await record(t, shopPolicy({ rules: READ_RULE }), [READ, READ])
  const none: SealedPolicies = { find: () => ({ kind: 'none', why: 'it is not at hand' }) }
  const missing = await replay(recorded, { policies: none })
  assert.deepEqual(missing.summary.notReplayed, [{ why: 'it is not at hand', count: 2, firstSeq: 3 }])
  assert.deepEqual([missing.summary.replayed, missing.findings], [0, []])
  const undecided = await replay(recorded, {
    entry: () => ({ decision: { effect: 'deny', code: 'classifier_mismatch', rule: null } }),
  })
  assert.deepEqual([undecided.summary.decided, undecided.summary.undecided], [0, 2])
})

test('what a request left open isn’t in its receipt: such a denial is not told from it, and another is', () => {
  const rules = [
    READ_RULE,
    '  - { id: refunds, allow: { api: stripe, class: [billing, irreversible] }, to: coder }',
    '  - { id: vip, deny: { api: stripe, resources: [{ type: charge, id: ch_vip }] } }',
  ].join('\n')
  const text = shopPolicy({ rules })
    .replace('apis:\n', 'apis:\n  stripe: { catalog: stripe, credential: stripe }\n')
    .replace('credentials:\n', 'credentials:\n  stripe: { minter: stripe-restricted-key, livemode: false }\n')
  const { policy } = openedPolicy(text, new Map(loadShippedCatalogs()))
  const api = policy.apis.get('stripe')
  assert.ok(api)
  const told = (type: string, id: string) => {
    const entry = {
      agent: { id: 'coder', environment: 'staging', task: 't', owner: 'maria' },
      req: { api: 'stripe', method: 'POST' },
      id: '0199a000-0000-7000-8000-000000000000',
      t: 1_760_000_000_000,
      decision: { effect: 'deny', code: 'denied_by_rule', rule: 'vip' },
      ops: [
        {
          name: 'POST /v1/refunds',
          classes: ['billing', 'irreversible'],
          scope: {},
          resources: [{ type, id }],
        },
      ],
    } as unknown as Attempt
    return fromReceipt(policy, api, { entry }, 'no inputs', () => 0)
  }
  assert.deepEqual(told('payment_intent', 'pi_1'), {
    kind: 'unknown',
    why: 'what the request left open: no inputs',
  })
  assert.equal(told('charge', 'ch_vip').kind, 'decided')
})

const FINANCE = `  coder: { environment: staging }
approvers:
  finance: { keys: { maria: "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" } }`
const VOIDS = [
  '  - { id: voids, hold: { api: billing, class: irreversible }, to: coder, approvers: finance }',
  '  - { id: few, allow: { api: billing, class: irreversible }, to: coder, limit: { count: 1, per: 1h } }',
].join('\n')

test('attack: a keeper that lets pass what its policy denies, under a code for which no policy is asked, is found', async t => {
  const recorded = await record(t, shopPolicy({ rules: READ_RULE }), [VOID])
  const lies: readonly Partial<AttemptBody>[] = [
    { decision: { effect: 'allow', code: 'grant_missing', rule: null } },
    { decision: { effect: 'allow', code: 'approvals_full', rule: null } },
    { decision: { effect: 'allow', code: 'allowed', rule: 'read' }, ops: [] },
  ]
  for (const opening of [recorded.opening, CLOSED])
    for (const lie of lies) {
      const { findings, summary } = await replay(recorded, { entry: () => lie, opening })
      assert.deepEqual(findings.at(-1), [0, 'decision_differs', 'deny no_matching_rule'])
      assert.equal(summary.undecided, 0)
    }
})

test('what people approved is held against rule and limits as well, and may find no credential', async t => {
  const recorded = await record(t, shopPolicy({ agents: FINANCE, rules: VOIDS }), [VOID])
  const approved = (rule: string, amount: number) => ({
    decision: { effect: 'allow', code: 'approved', rule } as const,
    approval: '0190b3b0-0000-7000-8000-000000000001',
    reserved: [{ key: 'few/coder', amount }],
  })
  const unminted = { decision: { effect: 'deny', code: 'credential_unavailable', rule: null } as const }
  for (const opening of [recorded.opening, CLOSED]) {
    const told = async (lie: Partial<AttemptBody>) =>
      (await replay(recorded, { entry: () => lie, opening })).findings
    assert.deepEqual(await told(approved('voids', 1)), [])
    assert.deepEqual(await told(unminted), [])
    const differs = [[0, 'decision_differs', 'hold approval_required by voids, to be approved by finance']]
    assert.deepEqual(await told(approved('voids', 0)), differs)
    // By the log alone, others that were under way may have filled a limit, and that one held it.
    if (opening === recorded.opening) assert.deepEqual(await told(approved('few', 1)), differs)
  }
})

test('attack: an approved request that passes a limit which denies is found by what the log counts', async t => {
  const recorded = await record(t, shopPolicy({ agents: FINANCE, rules: VOIDS }), [VOID, VOID])
  const entry = () => ({
    decision: { effect: 'allow', code: 'approved', rule: 'voids' } as const,
    approval: '0190b3b0-0000-7000-8000-000000000001',
    reserved: [{ key: 'few/coder', amount: 1 }],
  })
  const opening = lying(recorded.opening, () => ({ counters: { 'few/coder': 0 } }))
  assert.deepEqual((await replay(recorded, { entry, opening })).findings, [
    [1, 'limit_exceeded', 'few by what the log counts'],
  ])
})
