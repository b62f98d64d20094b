import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeEnvelope, formatPublicKey, fromUtf8, type SigningKey } from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import {
  type ApprovalStatement,
  type ApprovalVerdict,
  sealCountersignature,
  statementDigest,
} from '../../src/policy/index.js'
import { CountersignatureAudit, type Entry, type RevokedKeys } from '../../src/receipt/index.js'
import { openedPolicy, signingKey } from '../keeper/keeper-fixture.js'
import { Authenticator, type TouchChanges } from '../policy/authenticator.js'

const T = 1_800_000_000_000
const CHAIN = 'acme.test/countersign/edge/1'
const maria = signingKey(Buffer.alloc(32, 7))
const jo = signingKey(Buffer.alloc(32, 8))
const passkey = new Authenticator('es256')
const VOID = { name: 'POST /invoices/{id}/void', classes: ['irreversible'], scope: {}, resources: [] }
const { policy } = openedPolicy(`
apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: acme, version: 1, expires: 2099-01-01T00:00:00Z, audience: [staging] }
apis:
  billing:
    upstream: https://billing.acme.test
    credential: billing
    routes: [{ route: "${VOID.name}", class: irreversible }]
credentials: { billing: { minter: jwt, audience: https://billing.acme.test } }
agents: { coder: { environment: staging } }
approvers:
  finance:
    keys: { maria: "${formatPublicKey(maria.publicKey)}", jo: "${formatPublicKey(jo.publicKey)}", kim: { passkey: ${JSON.stringify(passkey.passkey)} } }
    threshold: 2
rules:
  - { id: voids, hold: { api: billing, operations: ["${VOID.name}"] }, to: [coder], approvers: finance }
`)
const STATEMENT: ApprovalStatement = {
  v: 1,
  origin: 'acme.test/countersign/edge',
  id: '01a3185c-5000-7000-8000-000000000000',
  agent: 'coder',
  environment: 'staging',
  task: 'CS-17',
  owner: 'anna@acme.test',
  policy: `sha256:${'ab'.repeat(32)}`,
  api: 'billing',
  operations: [VOID],
  args_c: 'cd'.repeat(32),
}

function step(state: string, more: object = {}): object {
  const { id, agent, environment, task, owner } = STATEMENT
  return {
    type: 'approval',
    data: {
      ...{ id, agent, environment, task, owner, policy: STATEMENT.policy, state },
      digest: statementDigest(nativeCrypto, STATEMENT),
      expires: T + 1_800_000,
      approvers: ['finance'],
      ...more,
    },
  }
}

function touched(verdict: ApprovalVerdict, t = T, changes: TouchChanges = {}): string {
  return fromUtf8(encodeEnvelope(passkey.countersign({ v: 1, verdict, statement: STATEMENT, t }, changes)))
}

function word(verdict: ApprovalVerdict, key: SigningKey, statement = STATEMENT, t = T): string {
  return fromUtf8(encodeEnvelope(sealCountersignature({ v: 1, verdict, statement, t }, key)))
}

const attempt = (ops: readonly object[] = [VOID]) => ({
  type: 'attempt',
  approval: STATEMENT.id,
  decision: { effect: 'allow', code: 'approved', rule: 'voids' },
  req: { api: 'billing' },
  ops,
})

function audited(steps: readonly object[], revoked: RevokedKeys = new Map()) {
  const audit = new CountersignatureAudit(nativeCrypto, () => policy.approvers, revoked)
  const found: string[] = []
  for (const [seq, entry] of steps.entries())
    audit.audit({ seq, t: T, chain: CHAIN, ...entry } as unknown as Entry, (code, at, detail) =>
      found.push(`${code} ${at}: ${detail}`),
    )
  return { ...audit.summary(), found }
}

const [byMaria, byJo] = [
  step('approved', { by: 'maria', signed: word('approve', maria) }),
  step('approved', { by: 'jo', signed: word('approve', jo) }),
]

describe('what people signed', () => {
  it('is proven where enough of the policy’s people signed what the attempt did', () => {
    assert.deepEqual(audited([step('requested'), byMaria, byJo, step('consumed'), attempt()]), {
      proven: 2,
      touched: 0,
      doubted: 0,
      unproven: 0,
      found: [],
    })
  })

  it('is proven where a person touched a passkey that the policy names, and that is told', () => {
    const byKim = step('approved', { by: 'kim', signed: touched('approve') })
    assert.deepEqual(audited([step('requested'), byMaria, byKim, step('consumed'), attempt()]), {
      proven: 2,
      touched: 1,
      doubted: 0,
      unproven: 0,
      found: [],
    })
  })

  it('is not proven without the policy, and that is no finding', () => {
    const audit = new CountersignatureAudit(nativeCrypto, () => null, new Map())
    const fail = () => assert.fail('found')
    for (const entry of [step('requested'), byMaria, step('consumed'), attempt()])
      audit.audit({ seq: 0, t: T, ...entry } as unknown as Entry, fail)
    assert.deepEqual(audit.summary(), { proven: 0, touched: 0, doubted: 0, unproven: 1 })
  })

  const MARIA = formatPublicKey(maria.publicKey)
  const asked = [step('requested'), byMaria, byJo, step('consumed'), attempt()]

  it('stands where the key was revoked for what came later', () => {
    const { found, proven, doubted } = audited(asked, new Map([[MARIA, T + 1]]))
    assert.deepEqual([found, proven, doubted], [[], 2, 0])
  })

  it('stands, and is told, where the key was revoked and nobody says since when', () => {
    const { found, proven, doubted } = audited(asked, new Map([[MARIA, Number.NEGATIVE_INFINITY]]))
    assert.deepEqual([found, proven, doubted], [[], 2, 1])
  })

  it('attack: a key that was revoked by then signs on, and counts for no use', () => {
    const { found, proven } = audited(asked, new Map([[MARIA, T]]))
    assert.equal(proven, 1)
    assert.deepEqual(found, [
      `approval_unproven 1: the key of maria was revoked since ${new Date(T).toISOString()}`,
      'approval_unproven 3: not signed by enough of finance',
    ])
  })

  it('attack: a passkey whose key was revoked by then is touched', () => {
    const byKim = step('approved', { by: 'kim', signed: touched('approve') })
    const { found } = audited([step('requested'), byKim], new Map([[passkey.passkey.key, T]]))
    assert.match(found.join(), /^approval_unproven 1: the key of kim was revoked/)
  })

  it('attack: a stolen key dates its word to before it was revoked', () => {
    const early = step('approved', { by: 'maria', signed: word('approve', maria, STATEMENT, T - 60_000) })
    const { found } = audited([step('requested'), early], new Map([[MARIA, T]]))
    assert.match(found.join(), /^approval_unproven 1: the key of maria was revoked/)
  })

  const ATTACKS: Readonly<Record<string, readonly [steps: readonly object[], found: RegExp]>> = {
    'a use that too few have signed': [
      [step('requested'), byMaria, step('consumed'), attempt()],
      /^approval_unproven 2: not signed by enough of finance$/,
    ],
    'one person who signs twice': [
      [
        step('requested'),
        byMaria,
        step('approved', { by: 'maria', signed: word('approve', maria, STATEMENT, T + 1) }),
        step('consumed'),
        attempt(),
      ],
      /^approval_unproven 3: not signed by enough/,
    ],
    'a word that is shown again after it was taken back': [
      [
        step('requested'),
        byMaria,
        step('withdrawn', { by: 'maria', signed: word('withdraw', maria, STATEMENT, T + 1) }),
        byMaria,
      ],
      /^approval_unproven 3: maria has signed a later word$/,
    ],
    'a word that was given to another sidecar': [
      [step('requested'), { ...byMaria, chain: 'acme.test/countersign/other/1' }],
      /^approval_unproven 1: what is signed is for acme.test/,
    ],
    'an approval that lasts longer than the policy lets it': [
      [step('requested', { expires: T + 86_400_000 })],
      /^approval_unproven 0: the policy lets it wait for 1800 seconds$/,
    ],
    'a use that no entry announces': [
      [step('requested'), byMaria, attempt()],
      /^approval_unproven 2: not signed by enough/,
    ],
    'an abridged operation of another class': [
      [
        step('requested'),
        byMaria,
        byJo,
        step('consumed'),
        attempt([{ ...VOID, classes: ['destructive'], more: { count: 0, all_c: 'ab'.repeat(32) } }]),
      ],
      /^approval_differs 4: its operations/,
    ],
    'an abridged operation on more resources': [
      [
        step('requested'),
        byMaria,
        byJo,
        step('consumed'),
        attempt([{ ...VOID, more: { count: 3, all_c: 'ab'.repeat(32) } }]),
      ],
      /^approval_differs 4: its operations/,
    ],
    'a use after one has withdrawn': [
      [
        step('requested'),
        byMaria,
        byJo,
        step('withdrawn', { by: 'jo', signed: word('withdraw', jo) }),
        step('consumed'),
        attempt(),
      ],
      /^approval_unproven 4: not signed by enough/,
    ],
    'a word that nobody has signed': [
      [step('requested'), step('approved', { by: 'maria' })],
      /^approval_unproven 1: nothing is signed$/,
    ],
    'a touch without asking who is there': [
      [step('requested'), step('approved', { by: 'kim', signed: touched('approve', T, { flags: 0x01 }) })],
      /^approval_unproven 1: passkey_unverified$/,
    ],
    'a touch in a page of somebody else': [
      [
        step('requested'),
        step('approved', {
          by: 'kim',
          signed: touched('approve', T, { clientData: { origin: 'https://evil.test' } }),
        }),
      ],
      /^approval_unproven 1: passkey_elsewhere$/,
    ],
    'a passkey that was copied': [
      [
        step('requested'),
        step('approved', { by: 'kim', signed: touched('approve', T, { counter: 9 }) }),
        step('withdrawn', { by: 'kim', signed: touched('withdraw', T + 1, { counter: 9 }) }),
      ],
      /^approval_unproven 2: the passkey has counted back$/,
    ],
    'a word by a stranger': [
      [
        step('requested'),
        step('approved', { by: 'maria', signed: word('approve', signingKey(Buffer.alloc(32, 9))) }),
      ],
      /^approval_unproven 1: approver_unknown$/,
    ],
    'a word in another’s name': [
      [step('requested'), step('approved', { by: 'jo', signed: word('approve', maria) })],
      /^approval_unproven 1: it is signed by maria$/,
    ],
    'a rejection that is shown as an approval': [
      [step('requested'), step('approved', { by: 'maria', signed: word('reject', maria) })],
      /^approval_unproven 1: what is signed says reject$/,
    ],
    'a word about another statement': [
      [
        step('requested'),
        step('approved', {
          by: 'maria',
          signed: word('approve', maria, { ...STATEMENT, args_c: 'ce'.repeat(32) }),
        }),
      ],
      /^approval_unproven 1: what is signed has another digest$/,
    ],
    'a word of another time': [
      [step('requested'), { ...byMaria, t: T + 86_400_000 }],
      /^approval_unproven 1: countersignature_stale$/,
    ],
    'an attempt that does something else': [
      [
        step('requested'),
        byMaria,
        byJo,
        step('consumed'),
        attempt([{ ...VOID, name: 'DELETE /invoices/{id}' }]),
      ],
      /^approval_differs 4: its operations/,
    ],
  }
  for (const [title, [steps, expected]] of Object.entries(ATTACKS))
    it(`attack: ${title} is found`, () => {
      const { found } = audited(steps)
      assert.equal(found.length, 1, found.join('\n'))
      assert.match(found[0] as string, expected)
    })
})
