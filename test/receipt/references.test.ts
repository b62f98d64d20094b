import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import {
  type AttemptBody,
  type EntryBody,
  type FindingInLog,
  References,
  verifyEntries,
} from '../../src/receipt/index.js'
import { attemptBody, HEX, LogOnPaper, outcomeBody } from './log-fixture.js'

const CID = `sha256:${'ab'.repeat(32)}`
const NEXT_CID = `sha256:${'cd'.repeat(32)}`
const START = 1_790_000_000_000
const HOUR = 3_600_000
const WHO = { agent: 'coder', environment: 'staging', task: 'CS-17', owner: 'maria' }
const MINT = { minter: 'jwt', scope: 'all of it', expires: START + HOUR }

/** UUIDv7 of a moment. */
function idAt(ms: number, tail = 0): string {
  const time = ms.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${tail.toString(16).padStart(12, '0')}`
}

const policy = (data: JsonObject = {}): EntryBody => ({
  type: 'policy',
  data: { action: 'activated', cid: CID, version: 1, ...data },
})
const grant = (data: JsonObject = {}): EntryBody => ({
  type: 'grant',
  data: { action: 'issued', jti: 'g-1', ...WHO, slot: 'bearer', expires: START + HOUR, ...data },
})
const POD = { issuer: 'https://cluster', subject: 'system:serviceaccount:agents:coder' }
const mint = (data: JsonObject = {}): EntryBody => ({
  type: 'mint',
  data: { action: 'minted', ...MINT, credential: 'railway', id: 'm-1', ...WHO, api: 'railway', ...data },
})
const approval = (data: JsonObject = {}): EntryBody => ({
  type: 'approval',
  data: {
    ...{ id: 'a-1', state: 'requested', ...WHO, policy: CID, digest: HEX, expires: START + HOUR },
    ...data,
  },
})

const halt = (data: JsonObject = {}): EntryBody => ({
  type: 'halt',
  data: {
    action: 'halted',
    by: 'maria',
    ...('scope' in data ? {} : { scope: 'agent', agent: 'coder' }),
    ...data,
  },
})
const resumed = (data: JsonObject = {}): EntryBody => halt({ action: 'resumed', ...data })
const TASK = { scope: 'task', task: 'CS-17' }
const freeze = (data: JsonObject = {}): EntryBody => ({
  type: 'freeze',
  data: { action: 'frozen', by: 'maria', ...data },
})
const thawed = (): EntryBody => freeze({ action: 'thawed' })

function attempt(changes: Partial<AttemptBody> = {}): AttemptBody {
  const credential = { ...MINT, mint: 'm-1' }
  return attemptBody({ id: idAt(START + 100), policy: { cid: CID, version: 1 }, credential, ...changes })
}

const HELD = { effect: 'hold', code: 'approval_required', rule: 'nights' } as const
const { credential: _, ...uncredentialed } = attempt()
const held = (changes: Partial<AttemptBody> = {}): AttemptBody => ({
  ...uncredentialed,
  decision: HELD,
  approval: 'a-1',
  ...changes,
})
const APPROVED = { effect: 'allow', code: 'approved', rule: 'nights' } as const
const approvedAttempt = (changes: Partial<AttemptBody> = {}): AttemptBody =>
  attempt({ decision: APPROVED, approval: 'a-1', ...changes })
const denied = (changes: Partial<AttemptBody> = {}): AttemptBody => ({
  ...uncredentialed,
  decision: { effect: 'deny', code: 'denied_by_rule', rule: 'never' },
  ...changes,
})

const acts = (...classes: AttemptBody['ops'][number]['classes']): AttemptBody['ops'] => [
  { name: 'volumeList', classes: ['read'], scope: {}, resources: [] },
  { name: 'volumeDelete', classes, scope: {}, resources: [] },
]

/** An entry, or one with a time of its own in milliseconds after the start. */
type Step = EntryBody | readonly [afterMs: number, body: EntryBody]

/** Genesis and boot at the start, then the steps; admitted attempts get their outcomes behind them all. */
function logOf(steps: readonly Step[]): LogOnPaper {
  const log = new LogOnPaper()
  log.t = START
  log.start()
  const admitted: number[] = []
  for (const step of steps) {
    const [afterMs, body] = 'type' in step ? [undefined, step] : step
    if (afterMs !== undefined) log.t = START + afterMs
    const seq = log.append(body)
    if (body.type === 'attempt' && body.decision.effect === 'allow') admitted.push(seq)
  }
  for (const seq of admitted) log.append(outcomeBody(seq, log.leaves[seq] as string))
  return log
}

async function findingsIn(log: LogOnPaper): Promise<readonly FindingInLog[]> {
  const options = {
    ...{ crypto: nativeCrypto, keys: log.keys(), checkpoints: [] },
    audits: [new References()],
  }
  const found = await verifyEntries(log.read(), options)
  assert.equal(found.validPrefix, found.size, 'entries stay authentic whatever they say')
  return found.findings
}

const FURNISHED: readonly Step[] = [policy(), grant(), mint()]

const SOUND: Readonly<Record<string, readonly Step[]>> = {
  'a word about an approval just before its end, written behind it where the clock was set back': [
    approval({ expires: START + 60_000 }),
    [600_000, approval({ expires: START + 60_000, state: 'approved', by: 'jo' })],
  ],
  'an attempt under policy, grant and credential': [...FURNISHED, attempt(), denied()],
  'refusals of a stranger': [
    policy(),
    denied({ agent: { id: '', environment: '', task: '', owner: '', grant: '' } }),
  ],
  'an admission while the next policy was being written, and a question before its grant was revoked': [
    ...FURNISHED,
    [200, policy({ cid: NEXT_CID, version: 2 })],
    [20_300, attempt()],
    approval(),
    grant({ action: 'revoked' }),
    held(),
  ],
  'refusals of an agent whose grant was revoked': [
    ...FURNISHED,
    [200, grant({ action: 'revoked' })],
    [
      20_300,
      denied({ id: idAt(START + 20_000), decision: { effect: 'deny', code: 'grant_revoked', rule: null } }),
    ],
  ],
  'a policy that is put in force again under its own number': [...FURNISHED, policy(), attempt()],
  'a policy that was withdrawn and put in force again, under another version of the trust root': [
    ...FURNISHED,
    policy({ action: 'rechecked', trust: 2, root: CID }),
    policy({ action: 'withdrawn', code: 'signing_key_revoked', trust: 3, root: NEXT_CID }),
    policy({ trust: 3, root: NEXT_CID }),
    attempt(),
  ],
  'refused updates': [
    ...FURNISHED,
    policy({ action: 'refused', cid: null, version: 0, code: 'expiry_past' }),
    attempt(),
  ],
  'denials under an expired policy, and a question that was asked before': [
    ...FURNISHED,
    approval(),
    [500, policy({ action: 'expired' })],
    held(),
    denied({ id: idAt(START + 600) }),
  ],
  'a request that was held twice, approved by two people, and passed': [
    ...FURNISHED,
    approval(),
    held(),
    held(),
    approval({ state: 'approved', by: 'jo' }),
    approval({ state: 'approved', by: 'maria' }),
    approvedAttempt(),
    approval({ state: 'consumed', attempt: 10 }),
  ],
  'an approval that is consumed in the entry before its attempt': [
    ...FURNISHED,
    approval(),
    held(),
    approval({ state: 'approved' }),
    approval({ state: 'consumed', attempt: 9 }),
    approvedAttempt(),
  ],
  'an approval that expires, and the next for the same request': [
    policy(),
    grant({ expires: START + 2 * HOUR }),
    approval(),
    held(),
    [HOUR, approval({ state: 'expired' })],
    approval({ id: 'a-2', expires: START + 2 * HOUR }),
    held({ approval: 'a-2', id: idAt(START + HOUR) }),
  ],
  'what came before a halt and after its end, and refusals and questions in between': [
    ...FURNISHED,
    attempt(),
    halt(),
    halt({ because: 'Still at it.' }),
    denied(),
    approval(),
    held(),
    resumed(),
    attempt(),
  ],
  'a halt of another agent and of another task': [
    ...FURNISHED,
    halt({ scope: 'agent', agent: 'reader' }),
    halt({ scope: 'task', task: 'CS-18' }),
    attempt(),
  ],
  'an agent whose halt ends before that of its task': [
    ...FURNISHED,
    halt(),
    halt(TASK),
    resumed(),
    resumed(TASK),
    attempt(),
  ],
  'reads during a freeze, and whatever came after it': [
    ...FURNISHED,
    freeze(),
    attempt({ ops: acts('read') }),
    denied({ ops: acts('destructive') }),
    thawed(),
    attempt({ ops: acts('destructive') }),
  ],
  'a change in the millisecond in which a freeze ends by itself, and a thaw that came too late': [
    ...FURNISHED,
    freeze({ until: START + 500 }),
    [500, attempt({ ops: acts('update') })],
    thawed(),
  ],
  'a freeze that a shorter one replaces': [
    ...FURNISHED,
    freeze(),
    freeze({ until: START + 500 }),
    [500, attempt({ ops: acts('update') })],
  ],
  'a grant that is revoked a day later with its session': [
    ...FURNISHED,
    [20 * HOUR, grant({ action: 'revoked' })],
  ],
}

for (const [what, steps] of Object.entries(SOUND))
  test(`nothing is found in ${what}`, async () => assert.deepEqual(await findingsIn(logOf(steps)), []))

/** Code and place of the one finding; the first step stands at 2. */
const ATTACKS: Readonly<Record<string, readonly [code: string, seq: number, steps: readonly Step[]]>> = {
  'a policy that was never put in force': ['policy_unactivated', 4, [grant(), mint(), attempt()]],
  'a version that the policy doesn’t have': [
    'policy_unactivated',
    5,
    [...FURNISHED, attempt({ policy: { cid: CID, version: 2 } })],
  ],
  'an older policy that is put in force': [
    'policy_order',
    3,
    [policy({ version: 3 }), policy({ cid: NEXT_CID, version: 2 })],
  ],
  'another policy under the same number': ['policy_order', 3, [policy(), policy({ cid: NEXT_CID })]],
  'the end of a policy that is not in force': [
    'policy_order',
    3,
    [policy(), policy({ action: 'expired', cid: NEXT_CID })],
  ],
  'a policy that another had replaced': [
    'policy_superseded',
    6,
    [...FURNISHED, policy({ cid: NEXT_CID, version: 2 }), [11_000, attempt({ id: idAt(START + 11_000) })]],
  ],
  'an admission under an expired policy': [
    'policy_expired',
    6,
    [...FURNISHED, [500, policy({ action: 'expired' })], attempt({ id: idAt(START + 501) })],
  ],
  'an expired policy that is put in force once more': [
    'policy_order',
    4,
    [policy(), [500, policy({ action: 'expired' })], policy()],
  ],
  'a grant that was never issued': ['grant_unissued', 4, [policy(), mint(), attempt()]],
  'an admission of a stranger': [
    'grant_unissued',
    3,
    [
      policy(),
      {
        ...attempt({ agent: { id: '', environment: '', task: '', owner: '', grant: '' } }),
        credential: MINT,
      },
    ],
  ],
  'a grant that is issued twice': ['grant_order', 4, [policy(), grant(), grant()]],
  'a pod’s grant that is given to another agent after it was revoked': [
    'grant_order',
    5,
    [policy(), grant(POD), grant({ ...POD, action: 'revoked' }), grant({ ...POD, agent: 'builder' })],
  ],
  'a grant that somebody ordered and another agent is given': [
    'grant_order',
    4,
    [policy(), grant(), grant({ agent: 'builder' })],
  ],
  'a revocation of what was never issued': ['grant_order', 2, [grant({ action: 'revoked' })]],
  'a revocation in another name': [
    'grant_differs',
    3,
    [grant(), grant({ action: 'revoked', task: 'other' })],
  ],
  'a grant of another task': ['grant_differs', 5, [policy(), grant({ task: 'other' }), mint(), attempt()]],
  'a grant of another person': ['grant_differs', 5, [policy(), grant({ owner: 'eve' }), mint(), attempt()]],
  'an expired grant': [
    'grant_ended',
    5,
    [policy(), grant({ expires: START + 100 }), mint(), [200, attempt()]],
  ],
  'a revoked grant': [
    'grant_ended',
    6,
    [...FURNISHED, grant({ action: 'revoked' }), [5_000, attempt({ id: idAt(START + 5_000) })]],
  ],
  'an admission behind the end of its grant, whose id is of before': [
    'grant_ended',
    6,
    [...FURNISHED, [1_000, grant({ action: 'revoked' })], [2_000, attempt()]],
  ],
  'an admission half an hour behind the policy that replaced its own, whose id is of before': [
    'policy_superseded',
    6,
    [...FURNISHED, [1_000, policy({ cid: NEXT_CID, version: 2 })], [HOUR / 2, attempt()]],
  ],
  'an admission behind the end of its policy, whose id is of before': [
    'policy_expired',
    6,
    [...FURNISHED, [1_000, policy({ action: 'expired' })], [2_000, attempt()]],
  ],
  'an admission half an hour behind the end of its credential, whose id is of before': [
    'mint_ended',
    6,
    [...FURNISHED, [1_000, mint({ action: 'revoked' })], [HOUR / 2, attempt()]],
  ],
  'an admission behind the withdrawal of its policy, whose id is of before': [
    'policy_withdrawn',
    6,
    [...FURNISHED, policy({ action: 'withdrawn', code: 'content_revoked' }), attempt()],
  ],
  'the withdrawal of a policy that is not in force': [
    'policy_order',
    3,
    [policy(), policy({ action: 'withdrawn', cid: NEXT_CID })],
  ],
  'a trust root that was cut back': [
    'trust_order',
    3,
    [policy({ trust: 2, root: CID }), policy({ cid: NEXT_CID, version: 2, trust: 1, root: CID })],
  ],
  'another trust root of the same number': [
    'trust_order',
    3,
    [policy({ trust: 2, root: CID }), policy({ action: 'rechecked', trust: 2, root: NEXT_CID })],
  ],
  'a held request that asked for no approval': [
    'approval_unfit',
    5,
    [...FURNISHED, { ...uncredentialed, decision: HELD }],
  ],
  'an attempt that people have approved, without their approval': [
    'approval_unfit',
    5,
    [...FURNISHED, attempt({ decision: APPROVED })],
  ],
  'an approval under another decision': [
    'approval_unfit',
    7,
    [
      ...FURNISHED,
      approval(),
      approval({ state: 'approved' }),
      attempt({ approval: 'a-1' }),
      approval({ state: 'consumed', attempt: 7 }),
    ],
  ],
  'an approval that was never requested': ['approval_unfit', 5, [...FURNISHED, held()]],
  'an approval out of nowhere': ['approval_order', 2, [approval({ state: 'approved' })]],
  'an approval after its rejection': [
    'approval_ended',
    4,
    [approval(), approval({ state: 'rejected' }), approval({ state: 'approved' })],
  ],
  'an approval that changes what was requested': [
    'approval_differs',
    3,
    [approval(), approval({ state: 'approved', digest: 'd1'.repeat(32) })],
  ],
  'an approval that expires before its time': [
    'approval_order',
    3,
    [approval(), approval({ state: 'expired' })],
  ],
  'a word about an approval eleven minutes after its end': [
    'approval_order',
    3,
    [
      approval({ id: idAt(START), expires: START + 60_000 }),
      [720_000, approval({ id: idAt(START), expires: START + 60_000, state: 'approved', by: 'jo' })],
    ],
  ],
  'an approval of another agent’s request': [
    'approval_differs',
    6,
    [...FURNISHED, approval({ agent: 'other' }), held()],
  ],
  'an approval under another policy': [
    'approval_differs',
    6,
    [...FURNISHED, approval({ policy: NEXT_CID }), held()],
  ],
  'an expired approval': [
    'approval_unfit',
    6,
    [...FURNISHED, approval({ expires: START + 50 }), [200, held()]],
  ],
  'a second use of one approval': [
    'approval_reused',
    10,
    [
      ...FURNISHED,
      approval(),
      held(),
      approval({ state: 'approved' }),
      approvedAttempt(),
      approval({ state: 'consumed', attempt: 8 }),
      approvedAttempt(),
    ],
  ],
  'an approval that names another attempt': [
    'approval_reused',
    8,
    [
      ...FURNISHED,
      approval(),
      approval({ state: 'approved' }),
      approvedAttempt(),
      approval({ state: 'consumed', attempt: 5 }),
    ],
  ],
  'an approval that is used and never consumed': [
    'approval_unfit',
    7,
    [...FURNISHED, approval(), approval({ state: 'approved' }), approvedAttempt()],
  ],
  'an approval that is consumed by nobody': [
    'approval_unfit',
    4,
    [approval(), approval({ state: 'approved' }), approval({ state: 'consumed' })],
  ],
  'a credential that was never minted': ['mint_unknown', 4, [policy(), grant(), attempt()]],
  'a credential of a refusal': [
    'mint_unknown',
    5,
    [...FURNISHED, denied({ credential: { ...MINT, mint: 'm-1' } })],
  ],
  'a credential of another API': ['mint_differs', 5, [policy(), grant(), mint({ api: 'stripe' }), attempt()]],
  'a credential of a wider scope': [
    'mint_differs',
    5,
    [...FURNISHED, attempt({ credential: { ...MINT, scope: 'less', mint: 'm-1' } })],
  ],
  'an expired credential': [
    'mint_ended',
    5,
    [
      policy(),
      grant(),
      mint({ expires: START + 100 }),
      [200, attempt({ credential: { ...MINT, expires: START + 100, mint: 'm-1' } })],
    ],
  ],
  'an admission of a halted agent': ['halt_ignored', 6, [...FURNISHED, halt(), attempt()]],
  'an admission in a halted task': ['halt_ignored', 6, [...FURNISHED, halt(TASK), attempt()]],
  'an admission while everything is halted': [
    'halt_ignored',
    6,
    [...FURNISHED, halt({ scope: 'all' }), attempt({ ops: acts('read') })],
  ],
  'an admission after another halt than this one ended': [
    'halt_ignored',
    8,
    [...FURNISHED, halt(), halt(TASK), resumed(TASK), attempt()],
  ],
  'an admission after a halt that was repeated': [
    'halt_ignored',
    7,
    [...FURNISHED, halt(), halt({ because: 'Still at it.' }), attempt()],
  ],
  'an admission that says to have begun before the halt': [
    'halt_ignored',
    6,
    [...FURNISHED, [30_000, halt()], attempt()],
  ],
  'an admission that only an observing agent gets, behind its halt': [
    'halt_ignored',
    6,
    [...FURNISHED, halt(), attempt({ decision: { effect: 'allow', code: 'observed', rule: null } })],
  ],
  'an approved admission behind a halt': [
    'halt_ignored',
    9,
    [
      ...FURNISHED,
      approval(),
      approval({ state: 'approved' }),
      halt(),
      approval({ state: 'consumed', attempt: 9 }),
      approvedAttempt(),
    ],
  ],
  'a change during a freeze': [
    'freeze_ignored',
    6,
    [...FURNISHED, freeze(), attempt({ ops: acts('create') })],
  ],
  'a read of secrets during a freeze': [
    'freeze_ignored',
    6,
    [...FURNISHED, freeze(), attempt({ ops: acts('read', 'sensitive_read') })],
  ],
  'a change a millisecond before a freeze ends by itself': [
    'freeze_ignored',
    6,
    [...FURNISHED, freeze({ until: START + 501 }), [500, attempt({ ops: acts('update') })]],
  ],
  'a change after a freeze that a longer one replaced': [
    'freeze_ignored',
    7,
    [...FURNISHED, freeze({ until: START + 1 }), freeze(), [500, attempt({ ops: acts('update') })]],
  ],
  'the end of a halt that was none': ['stop_order', 2, [resumed()]],
  'the end of a halt of another': ['stop_order', 3, [halt(), resumed(TASK)]],
  'a second end of one halt': ['stop_order', 4, [halt(), resumed(), resumed()]],
  'a halt that doesn’t say of what': ['stop_order', 2, [halt({ scope: 'task' })]],
  'the end of a freeze that was none': ['stop_order', 2, [thawed()]],
  'a second end of one freeze': ['stop_order', 4, [freeze(), thawed(), thawed()]],
  'a credential that had been revoked': [
    'mint_ended',
    6,
    [...FURNISHED, mint({ action: 'revoked' }), [5_000, attempt({ id: idAt(START + 5_000) })]],
  ],
}

for (const [what, lie] of Object.entries({
  'with a status of its own': { http: 200 },
  'with a request id': { http: 0, upstream_id: 'r-1' },
  'with a response': { http: 0, resp_c: HEX, resp_len: 2 },
}))
  test(`attack: an answer to what was not sent, ${what}, is found`, async () => {
    const log = logOf([...FURNISHED])
    const seq = log.append(attempt())
    log.append(outcomeBody(seq, log.leaves[seq] as string, { status: 'not_sent', ...lie }))
    assert.deepEqual(
      (await findingsIn(log)).map(finding => [finding.code, finding.seq]),
      [['outcome_unfit', seq + 1]],
    )
  })

for (const [what, [code, seq, steps]] of Object.entries(ATTACKS))
  test(`attack: ${what} is found`, async () => {
    const findings = await findingsIn(logOf(steps))
    assert.deepEqual(
      findings.map(finding => [finding.code, finding.seq]),
      [[code, seq]],
    )
  })

test('attack: a credential from before a restart, which nobody can hold any more, is found', async () => {
  const log = logOf(FURNISHED)
  log.boot = '0198c0de-0000-4000-8000-000000000002'
  log.append(log.bootEntry())
  const seq = log.append(attempt())
  assert.deepEqual(
    (await findingsIn(log)).map(finding => [finding.code, finding.seq]),
    [['mint_unknown', seq]],
  )
})

test('attack: a request that passed before anybody approved it is found in the attempt and in the consumption', async () => {
  const consumed = approval({ state: 'consumed', attempt: 6 })
  const findings = await findingsIn(logOf([...FURNISHED, approval(), approvedAttempt(), consumed]))
  assert.deepEqual(
    findings.map(finding => [finding.code, finding.seq]),
    [
      ['approval_unfit', 6],
      ['approval_order', 7],
    ],
  )
})

test('in a later epoch, refusals under grants from before it are counted and are no finding; what they let pass is', () => {
  const references = new References()
  const found: string[] = []
  const place = { v: 1, chain: 'acme.test/countersign/edge/2', prev: HEX, t: START, boot: HEX } as const
  for (const [seq, body] of [policy(), mint(), denied(), attempt()].entries())
    references.audit({ ...body, ...place, seq }, (code, at) => void found.push(`${code} ${at}`))
  assert.deepEqual([found, references.summary().grants.earlier], [['grant_unissued 3'], 1])
})

test('attack: in a later epoch, an approval from before it is used, which the recovery has ended', () => {
  const references = new References()
  const found: string[] = []
  const place = { v: 1, chain: 'acme.test/countersign/edge/2', prev: HEX, t: START, boot: HEX } as const
  const approved = approval({ state: 'approved', by: 'jo' })
  const consumed = approval({ state: 'consumed', attempt: 4 })
  for (const [seq, body] of [policy(), grant(), mint(), approved, approvedAttempt(), consumed].entries())
    references.audit({ ...body, ...place, seq }, (code, at) => void found.push(`${code} ${at}`))
  assert.deepEqual(found, ['approval_order 3'])
})

test('in a later epoch, ends of what was stopped before it are counted and are no finding, and halts of its own hold', () => {
  const references = new References()
  const found: string[] = []
  const place = { v: 1, chain: 'acme.test/countersign/edge/2', prev: HEX, t: START, boot: HEX } as const
  const steps = [policy(), mint(), resumed(), thawed(), grant(), attempt(), halt(), attempt()]
  for (const [seq, body] of steps.entries())
    references.audit({ ...body, ...place, seq }, (code, at) => void found.push(`${code} ${at}`))
  assert.deepEqual(found, ['halt_ignored 7'])
  assert.deepEqual(references.summary().stops, { halted: 1, resumed: 1, frozen: 0, thawed: 1, earlier: 2 })
})

test('attack: what was admitted under the code of a refusal, or without an operation, is found', async () => {
  const lies: readonly Partial<AttemptBody>[] = [
    { decision: { effect: 'allow', code: 'grant_missing', rule: null } },
    { decision: { effect: 'hold', code: 'allowed', rule: null }, approval: 'a-1' },
    { decision: { effect: 'deny', code: 'observed', rule: null } },
    { ops: [] },
  ]
  for (const lie of lies) {
    const body = lie.decision === undefined ? attempt(lie) : { ...uncredentialed, ...lie }
    const findings = await findingsIn(logOf([...FURNISHED, approval(), body]))
    assert.deepEqual(
      findings.map(({ code }) => code),
      ['decision_unfit'],
    )
  }
  const frozen = await findingsIn(logOf([...FURNISHED, freeze(), attempt({ ops: [] })]))
  assert.deepEqual(
    frozen.map(({ code, seq }) => [code, seq]),
    [
      ['decision_unfit', 6],
      ['freeze_ignored', 6],
    ],
  )
})

test('what was counted is said: policies, grants, approvals, credentials and stops', async () => {
  const references = new References()
  const log = logOf([
    ...FURNISHED,
    approval(),
    held(),
    mint({ action: 'revoked' }),
    grant({ action: 'revoked' }),
    ...[halt(), resumed(), halt(TASK), freeze(), thawed()],
  ])
  await verifyEntries(log.read(), {
    ...{ crypto: nativeCrypto, keys: log.keys(), checkpoints: [], audits: [references] },
  })
  assert.deepEqual(references.summary(), {
    policies: { activated: 1, refused: 0, withdrawn: 0, expired: 0 },
    grants: { issued: 1, revoked: 1, earlier: 0 },
    approvals: { requested: 1, consumed: 0, expired: 0 },
    mints: { minted: 1, ended: 1 },
    probes: { asked: 0 },
    stops: { halted: 2, resumed: 1, frozen: 1, thawed: 1, earlier: 0 },
  })
})

test('what can’t be cited any more is forgotten: a grant’s id that comes again days later is a new one', () => {
  const references = new References()
  const found: string[] = []
  const place = { v: 1, chain: 'acme.test/countersign/edge/1', prev: HEX, boot: HEX } as const
  const add = (seq: number, t: number, body: EntryBody) =>
    references.audit({ ...body, ...place, seq, t }, code => void found.push(code))
  add(2, START, grant())
  add(3, START, grant())
  assert.deepEqual(found.splice(0), ['grant_order'])
  // Looked at every so many entries.
  add(4_096, START + 48 * HOUR, policy())
  add(4_097, START + 48 * HOUR, grant({ expires: START + 49 * HOUR }))
  assert.deepEqual(found, [])
})
