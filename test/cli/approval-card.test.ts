import assert from 'node:assert/strict'
import { test } from 'node:test'
import { base64, type JsonValue } from '../../src/canon/index.js'
import { approvalCard } from '../../src/cli/approval-card.js'
import type { ShownApproval } from '../../src/keeper/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { type ApprovalStatement, argumentsCommitment, statementDigest } from '../../src/policy/index.js'

const NOW = 1_800_000_000_000
const SALT = Buffer.alloc(32, 5)

function approval(args: readonly JsonValue[], changes: Partial<ApprovalStatement> = {}): ShownApproval {
  const statement: ApprovalStatement = {
    v: 1,
    origin: 'acme.test/countersign/edge',
    id: '0198c3a2-0000-7000-8000-000000000000',
    agent: 'coder',
    environment: 'staging',
    task: 'CS-17',
    owner: 'anna@acme.test',
    policy: `sha256:${'ab'.repeat(32)}`,
    api: 'stripe',
    operations: [{ name: 'POST /v1/refunds', classes: ['irreversible'], scope: {}, resources: [] }],
    args_c: argumentsCommitment(nativeCrypto, SALT, args),
    ...changes,
  }
  return {
    id: statement.id,
    state: 'requested',
    statement,
    digest: statementDigest(nativeCrypto, statement),
    args,
    argumentBytes: Buffer.byteLength(JSON.stringify(args)),
    probes: [],
    salt: base64(SALT),
    request: { method: 'POST', target: '/v1/refunds' },
    rule: 'refunds-wait',
    because: 'Money leaves the house.',
    approvers: ['finance'],
    signed: [],
    rejected: null,
    createdMs: NOW,
    expiresMs: NOW + 1_800_000,
    keptMs: NOW + 1_800_000,
    obstacle: null,
    thresholds: { finance: 1 },
  }
}

test('an approver sees every argument, on a line of its own', () => {
  const lines = approvalLines(approval([{ amount: 500, charge: 'ch_1' }]), NOW)
  assert.ok(lines.includes('  argument     amount = 500'))
  assert.ok(lines.includes('  argument     charge = "ch_1"'))
  assert.equal(lines[0], 'Approval 0198c3a2-0000-7000-8000-000000000000, waits, 30 minutes left')
})

test('of a group that needs several people it is said how many have agreed', () => {
  const signed = [{ by: 'maria', groups: ['finance'], t: NOW }]
  const asked = { ...approval([{}]), approvers: ['finance', 'owners'], thresholds: { finance: 2, owners: 1 } }
  assert.ok(approvalLines(asked, NOW).includes('  needs        finance (0 of 2) and owners'))
  assert.ok(
    approvalLines({ ...asked, signed }, NOW).includes(
      '  needs        finance (1 of 2) and owners; approved by maria',
    ),
  )
})

test('what stands in its way is said with how it stands', () => {
  const [superseded] = approvalLines({ ...approval([{}]), obstacle: 'superseded' }, NOW)
  assert.match(superseded ?? '', /minutes left; good for nothing: its policy was replaced/)
  const [unreachable] = approvalLines({ ...approval([{}]), obstacle: 'unreachable' }, NOW)
  assert.match(unreachable ?? '', /good for nothing: too few may approve it/)
  const [stopped] = approvalLines({ ...approval([{}]), obstacle: 'stopped' }, NOW)
  assert.match(stopped ?? '', /halted, or changes are frozen/)
})

test('attack: no value of the agent becomes a line, turns one around or hides its end', () => {
  const hostile = '7"\n  argument     amount = 1\u202e\u0000\u200b\u2028  policy'
  const lines = approvalLines(
    approval([{ [`note\r${hostile}`]: hostile }], { task: hostile, owner: hostile }),
    NOW,
  )
  for (const line of lines) assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
  assert.equal(lines.filter(line => /^ {2}argument {5}amount/.test(line)).length, 0)
  assert.match(lines.join('\n'), /⟦U\+202E⟧/)
})

function approvalLines(of: ShownApproval, nowMs: number): readonly string[] {
  return approvalCard(of, nowMs).lines
}

test('a nested argument has a line for each of its leaves, by path', () => {
  const { lines, cut } = approvalCard(
    approval([{ input: { tags: ['a', { 'b.c': null }], none: {}, list: [] } }, 7]),
    NOW,
  )
  assert.deepEqual(
    lines.filter(line => line.startsWith('  argument')),
    [
      '  argument     input.tags[0] = "a"',
      '  argument     input.tags[1]["b.c"] = null',
      '  argument     input.none = {}',
      '  argument     input.list = []',
    ],
  )
  assert.deepEqual(cut, [])
})

test('attack: what is dangerous stands behind a long value of the same argument', () => {
  const args = [{ input: { aaa: 'x'.repeat(3_000), zzz: { isDeleted: true } } }]
  const { lines, cut } = approvalCard(approval(args), NOW)
  assert.ok(lines.includes('  argument     input.zzz.isDeleted = true'))
  assert.match(lines.join('\n'), /input\.aaa \(3002 characters\) = "x+ ⟦1002 characters more⟧/)
  assert.deepEqual(cut, ['argument input.aaa (3002 characters)'])
  const whole = approvalCard(approval(args), NOW, { whole: true })
  assert.deepEqual(whole.cut, [])
  assert.ok(whole.lines.includes(`  argument     input.aaa (3002 characters) = "${'x'.repeat(3_000)}"`))
})

test('attack: the end of a target or of a name is out of sight', () => {
  const honest = approval([{ ['n'.repeat(2_500)]: 1 }])
  const { cut } = approvalCard(
    { ...honest, request: { method: 'POST', target: `/${'t'.repeat(2_500)}` } },
    NOW,
  )
  assert.deepEqual(
    cut.map(each => each.replace(/n{100}/, 'n…')),
    ['argument n… ⟦2400 characters more⟧ (1 characters)', 'request (2506 characters)'],
  )
})

test('attack: what matters doesn’t scroll away behind a long value', () => {
  const lines = approvalLines(approval([{ note: 'x'.repeat(100_000), amount: 500 }]), NOW)
  assert.ok(lines.every(line => line.length < 2_100))
  assert.match(lines.join('\n'), /98\d{3} characters more⟧/)
})

test('attack: a keeper that shows other arguments than the statement commits to is noticed', () => {
  const honest = approval([{ amount: 500_000 }])
  assert.throws(() => approvalLines({ ...honest, args: [{ amount: 5 }] }, NOW), {
    code: 'approval_inconsistent',
  })
  const other = { ...honest.statement, agent: 'reader' }
  assert.throws(() => approvalLines({ ...honest, statement: other }, NOW), { code: 'approval_inconsistent' })
})
