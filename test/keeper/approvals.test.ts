import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it, type TestContext } from 'node:test'
import {
  type Envelope,
  encodeEnvelope,
  formatPublicKey,
  parseStrictJson,
  type SigningKey,
  utf8,
} from '../../src/canon/index.js'
import type { KeeperClient } from '../../src/gate/index.js'
import type { ApprovalSummary, Keeper, ShownApproval } from '../../src/keeper/index.js'
import { checkTouchAgain } from '../../src/keeper/passkey-check.js'
import type { Ledger } from '../../src/ledger/index.js'
import {
  type ApprovalStatement,
  type ApprovalVerdict,
  type Countersignature,
  sealCountersignature,
} from '../../src/policy/index.js'
import { Authenticator, type TouchChanges } from '../policy/authenticator.js'
import { awsGrant, awsPolicy, SigningBroker, signedCall } from './aws-house.js'
import { type Asked, House, ofType, openedPolicy, operation, signingKey, until } from './keeper-fixture.js'

const VOID = 'POST /invoices/{id}/void'
const maria = signingKey(Buffer.alloc(32, 7))
const jo = signingKey(Buffer.alloc(32, 8))
const kim = new Authenticator('es256')
const lea = new Authenticator('ed25519', { credential: 'AwQF' })
const stranger = signingKey(Buffer.alloc(32, 9))

/** A policy under which voiding takes so many of maria and jo. */
function policyFor(threshold: number, version = 1, classes: string | null = null) {
  return openedPolicy(`
apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: acme, version: ${version}, expires: 2099-01-01T00:00:00Z, audience: [staging] }
apis:
  billing:
    upstream: https://billing.acme.test
    credential: billing
    routes:
      - { route: "${VOID}", class: irreversible }
credentials:
  billing: { minter: jwt, audience: https://billing.acme.test }
agents:
  coder: { environment: staging, session: 8h, identity: [{ grant: true }] }
approvers:
  finance:
    keys: { maria: "${formatPublicKey(maria.publicKey)}", jo: "${formatPublicKey(jo.publicKey)}", kim: { passkey: ${JSON.stringify(kim.passkey)} }, lea: { passkey: ${JSON.stringify(lea.passkey)} } }
    threshold: ${threshold}
rules:
  - id: finance-voids
    hold: { api: billing, ${classes === null ? `operations: ["${VOID}"]` : `class: ${classes}`} }
    to: [coder]
    approvers: finance
`)
}

/** A policy under which uploads take maria's word. */
function uploadsPolicy() {
  return awsPolicy(
    undefined,
    undefined,
    undefined,
    `- { id: uploads, hold: { api: aws, class: [read, update] }, to: coder, approvers: finance }
approvers:
  finance: { keys: { maria: "${formatPublicKey(maria.publicKey)}" } }`,
  )
}

interface Scene {
  readonly house: House
  readonly ledger: Ledger
  readonly link: KeeperClient
  readonly keeper: Keeper
  readonly presented: { readonly slot: 'bearer'; readonly token: string }
  stop(): Promise<void>
  ask(invoice?: string): Promise<Asked>
  sign(id: string, verdict: ApprovalVerdict, key: SigningKey, more?: object): Promise<Answer>
  touch(id: string, verdict: ApprovalVerdict, by: Authenticator, changes?: TouchChanges): Promise<Answer>
  waiting(): Promise<readonly ShownApproval[]>
}

interface Answer {
  readonly status: number
  readonly code: string | undefined
  readonly state: string | undefined
}

async function scene(t: TestContext, threshold = 1, owner = 'anna@acme.test'): Promise<Scene> {
  const house = await House.build(t)
  house.shelf.next = policyFor(threshold)
  const { ledger, keeper } = await house.start()
  const link = await house.connect()
  const presented = { slot: 'bearer', token: await house.token('coder', 'staging', owner) } as const
  const waiting = () => house.waiting()
  const wordOn = async (id: string, verdict: ApprovalVerdict): Promise<Countersignature> => {
    const approval = (await waiting()).find(each => each.id === id)
    const statement = approval?.statement as ApprovalStatement
    return { v: 1, verdict, statement, t: house.clock.nowMs() }
  }
  const send = async (id: string, sealed: Envelope): Promise<Answer> => {
    const { status, body } = await house.admin('POST', `/v1/approvals/${id}/countersignatures`, {
      countersignature: parseStrictJson(encodeEnvelope(sealed)),
    })
    const state = (body.approval as ShownApproval | undefined)?.state
    return { status, code: body.code as string | undefined, state }
  }
  return {
    house,
    ledger,
    link,
    keeper,
    presented,
    stop: async () => {
      await link.close()
      await keeper.stop()
    },
    waiting,
    ask: (invoice = '7') => house.ask(link, { ...operation(VOID, invoice), presented }),
    sign: async (id, verdict, key, more = {}) =>
      send(id, sealCountersignature({ ...(await wordOn(id, verdict)), ...more }, key)),
    touch: async (id, verdict, by, changes) => send(id, by.countersign(await wordOn(id, verdict), changes)),
  }
}

function heldBy({ verdict }: Asked): string {
  assert.equal(verdict.kind === 'refuse' ? verdict.effect : verdict.kind, 'hold')
  return (verdict.kind === 'refuse' && verdict.approval) || assert.fail('no approval')
}

async function steps(ledger: Ledger): Promise<readonly string[]> {
  const entries = await ofType(ledger, 'approval')
  return entries.map(({ data }) => `${data.state}${data.by === undefined ? '' : ` by ${data.by}`}`)
}

describe('a held request', () => {
  it('passes once after a person has signed for it, in one batch with the end of the approval', async t => {
    const { ask, sign, ledger, waiting } = await scene(t)
    const id = heldBy(await ask())
    assert.deepEqual(await sign(id, 'approve', maria), { status: 200, code: undefined, state: 'approved' })
    const passed = await ask()
    assert.equal(passed.verdict.kind, 'forward')
    assert.deepEqual(await steps(ledger), ['requested', 'approved by maria', 'consumed'])
    const attempts = await ofType(ledger, 'attempt')
    const used = attempts.find(({ decision }) => decision.effect === 'allow')
    assert.deepEqual(
      { ...used?.decision, approval: used?.approval },
      { effect: 'allow', code: 'approved', rule: 'finance-voids', approval: id },
    )
    assert.deepEqual(await waiting(), [])
    assert.notEqual(heldBy(await ask()), id, 'the next call is asked about anew')
  })

  it('passes for exactly what was signed for: another argument waits by itself', async t => {
    const { ask, sign } = await scene(t)
    await sign(heldBy(await ask('7')), 'approve', maria)
    heldBy(await ask('8'))
    assert.equal((await ask('7')).verdict.kind, 'forward')
  })

  it('attack: what was signed for one owner’s call lets the same call of another pass', async t => {
    const { ask, sign, house, link } = await scene(t)
    await sign(heldBy(await ask()), 'approve', maria)
    const token = await house.token('coder', 'staging', 'maria@acme.test')
    heldBy(await house.ask(link, { ...operation(VOID, '7'), presented: { slot: 'bearer', token } }))
    assert.equal((await ask()).verdict.kind, 'forward')
  })

  it('waits for as many people as the group asks for, and one person counts once', async t => {
    const { ask, sign } = await scene(t, 2)
    const id = heldBy(await ask())
    assert.equal((await sign(id, 'approve', maria)).state, 'requested')
    assert.equal((await sign(id, 'approve', maria)).code, 'approval_signed')
    assert.equal(heldBy(await ask()), id)
    assert.equal((await sign(id, 'approve', jo)).state, 'approved')
    assert.equal((await ask()).verdict.kind, 'forward')
  })

  it('is asked about again where an approval was withdrawn before it was used', async t => {
    const { ask, sign, ledger } = await scene(t)
    const id = heldBy(await ask())
    await sign(id, 'approve', maria)
    assert.equal((await sign(id, 'withdraw', jo)).code, 'approval_unsigned')
    assert.equal((await sign(id, 'withdraw', maria)).state, 'requested')
    assert.equal(heldBy(await ask()), id)
    assert.deepEqual(await steps(ledger), ['requested', 'approved by maria', 'withdrawn by maria'])
  })

  it('attack: a word that was taken back is read in the ledger and shown again', async t => {
    const { ask, sign, ledger, house } = await scene(t)
    const id = heldBy(await ask())
    await sign(id, 'approve', maria)
    const [, approved] = await ofType(ledger, 'approval')
    house.aheadMs = 1_000
    await sign(id, 'withdraw', maria)
    const { status, body } = await house.admin('POST', `/v1/approvals/${id}/countersignatures`, {
      countersignature: parseStrictJson(utf8(approved?.data.signed as string)),
    })
    assert.deepEqual([status, body.code], [409, 'approval_replayed'])
    assert.equal(heldBy(await ask()), id)
    house.aheadMs = 2_000
    assert.equal((await sign(id, 'approve', maria)).state, 'approved', 'they may change their mind')
  })

  it('stays refused once a person has rejected it, and the agent reads why', async t => {
    const { ask, sign, house, waiting } = await scene(t)
    const id = heldBy(await ask())
    const [{ statement }] = (await waiting()) as [ShownApproval]
    assert.equal((await sign(id, 'reject', maria, { because: 'Not during the audit.' })).state, 'rejected')
    assert.equal((await sign(id, 'approve', jo, { statement })).code, 'approval_decided')
    for (const aheadMs of [0, 31 * 60_000]) {
      house.aheadMs = aheadMs
      const { verdict } = await ask()
      assert.ok(verdict.kind === 'refuse')
      assert.deepEqual(
        { effect: verdict.effect, code: verdict.code, because: verdict.because },
        { effect: 'deny', code: 'approval_rejected', because: 'Not during the audit.' },
      )
    }
  })

  it('keeps what people have signed over a restart', async t => {
    const { ask, sign, house, stop, presented } = await scene(t)
    const id = heldBy(await ask())
    await sign(id, 'approve', maria)
    await stop()
    const { ledger } = await house.start()
    const again = await house.connect()
    const passed = await house.ask(again, { ...operation(VOID, '7'), presented })
    assert.equal(passed.verdict.kind, 'forward')
    assert.deepEqual(await steps(ledger), ['requested', 'approved by maria', 'consumed'])
    assert.deepEqual(await ledger.state.list('approval/'), [])
  })

  it('is given back what it took where no credential could be minted', async t => {
    const { ask, sign, house, ledger } = await scene(t)
    const id = heldBy(await ask())
    await sign(id, 'approve', maria)
    house.broker.failure = new Error('down')
    const failed = await ask()
    assert.equal(failed.verdict.kind === 'refuse' && failed.verdict.code, 'credential_unavailable')
    house.broker.failure = null
    assert.equal((await ask()).verdict.kind, 'forward')
    assert.deepEqual(await steps(ledger), ['requested', 'approved by maria', 'consumed'])
  })

  it('goes before what was asked meanwhile, where it is given back', async t => {
    const { ask, sign, house } = await scene(t)
    const id = heldBy(await ask())
    await sign(id, 'approve', maria)
    const minting = house.broker.pause()
    const first = ask()
    await minting.asked
    assert.notEqual(heldBy(await ask()), id)
    house.broker.failure = new Error('down')
    minting.goOn()
    const { verdict } = await first
    assert.equal(verdict.kind === 'refuse' && verdict.code, 'credential_unavailable')
    house.broker.failure = null
    assert.equal((await ask()).verdict.kind, 'forward')
  })

  it('counts two people’s words at once one after the other: neither is lost', async t => {
    const { ask, sign } = await scene(t, 2)
    const id = heldBy(await ask())
    const said = await Promise.all([sign(id, 'approve', maria), sign(id, 'approve', jo)])
    const late = said.findIndex(({ code }) => code === 'approval_changing')
    assert.deepEqual(said.map(({ status }) => status).sort(), [200, 409])
    const again = await sign(id, 'approve', [maria, jo][late] as SigningKey)
    assert.deepEqual([again.status, again.state], [200, 'approved'])
    assert.equal((await ask()).verdict.kind, 'forward')
  })

  it('expires with what was signed, and is asked about anew', async t => {
    const { ask, sign, house } = await scene(t)
    const id = heldBy(await ask())
    await sign(id, 'approve', maria)
    house.aheadMs = 31 * 60_000
    assert.notEqual(heldBy(await ask()), id)
  })

  it('attack: lets nothing pass where the key of whoever approved is revoked while a credential is minted', async t => {
    const { ask, sign, house, keeper, ledger } = await scene(t)
    const id = heldBy(await ask())
    await sign(id, 'approve', maria)
    const minting = house.broker.pause()
    const asked = ask()
    await minting.asked
    house.shelf.root = house.trustRoot({ revoked: { keys: [formatPublicKey(maria.publicKey)], ids: [] } })
    await keeper.activation.reload()
    minting.goOn()
    assert.notEqual(heldBy(await asked), id)
    assert.ok(!(await steps(ledger)).includes('consumed'))
  })

  it('attack: lets nothing pass where it expires while a credential is minted', async t => {
    const { ask, sign, house, ledger } = await scene(t)
    const id = heldBy(await ask())
    await sign(id, 'approve', maria)
    const minting = house.broker.pause()
    const asked = ask()
    await minting.asked
    house.aheadMs = 31 * 60_000
    minting.goOn()
    assert.notEqual(heldBy(await asked), id)
    assert.ok(!(await steps(ledger)).includes('consumed'))
  })
})

describe('the list of what waits', () => {
  it('says who asks for what, and leaves arguments, salt and statement to whoever opens one', async t => {
    const { ask, house } = await scene(t)
    const id = heldBy(await ask())
    const { approvals } = (await house.admin('GET', '/v1/approvals')).body as unknown as {
      approvals: readonly ApprovalSummary[]
    }
    const [{ createdMs, digest, ...listed }] = approvals as [ApprovalSummary]
    assert.deepEqual(listed, {
      id,
      state: 'requested',
      obstacle: null,
      thresholds: { finance: 1 },
      agent: 'coder',
      environment: 'staging',
      task: 't-1',
      owner: 'anna@acme.test',
      api: 'billing',
      operations: [VOID],
      operationCount: 1,
      resources: ['invoice 7'],
      resourceCount: 1,
      argumentBytes: Buffer.byteLength('[{"id":"7"}]'),
      rule: 'finance-voids',
      because: null,
      approvers: ['finance'],
      signed: [],
      rejected: null,
      expiresMs: createdMs + 1_800_000,
    })
    const [whole] = await house.waiting()
    assert.deepEqual([whole?.args, whole?.digest, whole?.salt.length], [[{ id: '7' }], digest, 44])
  })
})

describe('arguments that wait', () => {
  it('attack: an agent holds calls with large arguments until the keeper has no memory left', async t => {
    const { house, link, presented } = await scene(t)
    const ofBytes = async (note: string) => {
      const call = operation(VOID)
      const args = { id: '7', note }
      const finding = { kind: 'operations', operations: [{ name: VOID, args }] } as const
      return (await house.ask(link, { ...call, finding, presented })).verdict
    }
    for (let index = 10; index < 26; index++) {
      const verdict = await ofBytes(`${index}${'x'.repeat(260_000)}`)
      assert.equal(verdict.kind === 'refuse' && verdict.effect, 'hold')
    }
    const refused = await ofBytes(`26${'x'.repeat(260_000)}`)
    assert.equal(refused.kind === 'refuse' && refused.code, 'approval_arguments_full')
    const small = await ofBytes('x')
    assert.equal(small.kind === 'refuse' && small.effect, 'hold', 'what still fits may wait')
    const { approvals } = (await house.admin('GET', '/v1/approvals')).body
    const bytes = Buffer.byteLength(JSON.stringify(approvals))
    assert.ok(bytes < 20_000, `${bytes} bytes of list for 4 MiB of arguments`)
  })
})

describe('arguments that a person is shown', () => {
  it('attack: a long name stands before each of thousands of values, gigabytes on the page of an approver', async t => {
    const { house, link, presented } = await scene(t)
    const asked = async (more: object) => {
      const args = { id: '7', ...more }
      const finding = { kind: 'operations', operations: [{ name: VOID, args: args as never }] } as const
      const { verdict } = await house.ask(link, { ...operation(VOID), finding, presented })
      return verdict.kind === 'refuse' ? verdict.code : verdict.kind
    }
    const ones = (count: number) => Array.from({ length: count }, () => 1)
    assert.equal(await asked({ ['x'.repeat(60_000)]: ones(90_000) }), 'approval_too_large')
    assert.equal(await asked({ ['x'.repeat(60_000)]: ones(100) }), 'approval_too_large')
    assert.equal(await asked({ n: ones(20_000) }), 'approval_too_large', 'a row for each and one for the id')
    assert.equal(await asked({ n: ones(19_999) }), 'approval_required')
    assert.equal(await asked({ ['x'.repeat(60_000)]: ones(10) }), 'approval_required')
  })
})

describe('an approval by passkey', () => {
  it('counts as an approval by key does, and its touch stands in the ledger', async t => {
    const { ask, sign, touch, ledger } = await scene(t, 3)
    const id = heldBy(await ask())
    assert.deepEqual(await touch(id, 'approve', kim), { status: 200, code: undefined, state: 'requested' })
    assert.equal((await touch(id, 'approve', kim)).code, 'approval_signed')
    assert.equal((await touch(id, 'approve', lea)).state, 'requested')
    assert.equal((await sign(id, 'approve', jo)).state, 'approved')
    assert.equal((await ask()).verdict.kind, 'forward')
    const [, byKim] = await ofType(ledger, 'approval')
    const { signatures } = parseStrictJson(String(byKim?.data.signed)) as unknown as {
      signatures: [{ sig: string }]
    }
    const kept = JSON.parse(Buffer.from(signatures[0].sig, 'base64').toString())
    assert.deepEqual(Object.keys(kept), ['authenticatorData', 'clientDataJSON', 'signature'])
    assert.match(
      Buffer.from(kept.clientDataJSON, 'base64url').toString(),
      /"origin":"http:\/\/localhost:7443"/,
    )
  })

  it('can be withdrawn and become a rejection that stays', async t => {
    const { ask, touch, house } = await scene(t)
    const id = heldBy(await ask())
    await touch(id, 'approve', kim)
    assert.equal((await touch(id, 'withdraw', kim)).state, 'requested')
    assert.equal(heldBy(await ask()), id)
    house.aheadMs = 1_000
    assert.equal((await touch(id, 'reject', kim)).state, 'rejected')
    const { verdict } = await ask()
    assert.equal(verdict.kind === 'refuse' && verdict.code, 'approval_rejected')
  })

  it('attack: the owner approves by their passkey', async t => {
    const { ask, touch } = await scene(t, 1, 'kim@acme.test')
    assert.equal((await touch(heldBy(await ask()), 'approve', kim)).code, 'approver_is_owner')
  })

  it('attack: a touch by whoever was there, for another host or after ten minutes counts for nothing', async t => {
    const { ask, touch, house, ledger, waiting } = await scene(t)
    const id = heldBy(await ask())
    assert.equal((await touch(id, 'approve', kim, { flags: 0x01 })).code, 'passkey_unverified')
    assert.equal((await touch(id, 'approve', kim, { rpId: 'evil.test' })).code, 'passkey_elsewhere')
    const [{ statement }] = (await waiting()) as [ShownApproval]
    const old = kim.countersign({ v: 1, verdict: 'approve', statement, t: house.clock.nowMs() - 660_000 })
    const { body } = await house.admin('POST', `/v1/approvals/${id}/countersignatures`, {
      countersignature: parseStrictJson(encodeEnvelope(old)),
    })
    assert.equal(body.code, 'countersignature_stale')
    assert.deepEqual(await steps(ledger), ['requested'])
  })

  it('attack: a page that an agent serves on another port of localhost has the passkey touched', async t => {
    const { ask, touch, ledger } = await scene(t)
    const id = heldBy(await ask())
    for (const origin of ['http://localhost:3000', 'http://localhost', 'https://localhost:7443'])
      assert.equal(
        (await touch(id, 'approve', kim, { clientData: { origin } })).code,
        'passkey_elsewhere',
        origin,
      )
    assert.deepEqual(await steps(ledger), ['requested'])
  })

  it('attack: a policy that an older version has sealed lets every port of localhost speak for a person', async () => {
    const { origins: _, ...passkey } = kim.passkey
    const challenge = Buffer.alloc(32, 1)
    const touch = {
      passkey,
      assertion: kim.touch(challenge),
      challenge: challenge.toString('base64url'),
      origin: 'http://localhost:7443',
      counter: 0,
    }
    await assert.rejects(checkTouchAgain(touch, 0), { code: 'passkey_elsewhere' })
    await checkTouchAgain({ ...touch, passkey: kim.passkey }, 0)
  })

  it('attack: a copy of a passkey shows a number that was shown before, over a restart too', async t => {
    const { ask, touch, house, stop, presented } = await scene(t)
    assert.equal((await touch(heldBy(await ask('7')), 'approve', kim, { counter: 5 })).state, 'approved')
    const id = heldBy(await ask('8'))
    for (const counter of [5, 4, 0])
      assert.equal((await touch(id, 'approve', kim, { counter })).code, 'passkey_counted_back')
    await stop()
    await house.start()
    const again = await house.connect()
    const held = heldBy(await house.ask(again, { ...operation(VOID, '8'), presented }))
    assert.equal((await touch(held, 'approve', kim, { counter: 5 })).code, 'passkey_counted_back')
    assert.equal((await touch(held, 'approve', kim, { counter: 6 })).state, 'approved')
  })

  it('attack: two words of one passkey at once with one number, one of them counts', async t => {
    const { ask, touch } = await scene(t)
    const [seven, eight] = [heldBy(await ask('7')), heldBy(await ask('8'))]
    const answers = await Promise.all([seven, eight].map(id => touch(id, 'approve', kim, { counter: 3 })))
    assert.deepEqual(answers.map(({ code }) => code).sort(), ['passkey_counted_back', undefined])
  })
})

describe('a call whose arguments don’t say all of it', () => {
  it('attack: one unrouted call is approved, and another is sent', async t => {
    const { house, link, presented, sign } = await scene(t)
    house.shelf.put(policyFor(1, 2, '["*", unknown]'))
    await until(() => link.policy()?.version === 2)
    const ask = (target: string, sha256: string): Promise<Asked> =>
      house.ask(link, {
        ...operation('POST /exports/ping'),
        target,
        body: { kind: 'inspected', sha256, lengthBytes: 2 },
        finding: { kind: 'operations', operations: [{ name: 'POST unrouted', args: {} }] },
        presented,
      })
    const [ping, other] = ['1'.repeat(64), '2'.repeat(64)]
    const id = heldBy(await ask('/exports/ping', ping))
    assert.equal((await sign(id, 'approve', maria)).state, 'approved')
    assert.notEqual(heldBy(await ask('/admin/tenants/42/wipe', ping)), id)
    assert.notEqual(heldBy(await ask('/exports/ping', other)), id)
    assert.equal((await ask('/exports/ping', ping)).verdict.kind, 'forward')
  })

  it('attack: one file is approved, and another of its length is sent', async t => {
    const { house, link, presented, sign } = await scene(t)
    const ask = (sha256: string): Promise<Asked> =>
      house.ask(link, {
        ...operation(VOID),
        body: { kind: 'inspected', sha256, lengthBytes: 200 },
        finding: {
          kind: 'operations',
          operations: [{ name: VOID, args: { id: '7', file: { filename: 'a.txt', lengthBytes: 8 } } }],
        },
        presented,
      })
    const id = heldBy(await ask('1'.repeat(64)))
    await sign(id, 'approve', maria)
    assert.notEqual(heldBy(await ask('2'.repeat(64))), id)
    assert.equal((await ask('1'.repeat(64))).verdict.kind, 'forward')
  })

  it('attack: a body that streams past is approved as if the target were all', async t => {
    const { house, link, presented, waiting } = await scene(t)
    heldBy(await house.ask(link, { ...operation(VOID), body: { kind: 'streamed' }, presented }))
    const [{ args }] = (await waiting()) as [ShownApproval]
    assert.match(JSON.stringify(args), /"\(request\)":\{.*"body":"streamed: nobody knows its content"/)
  })

  it('attack: one upload is approved, and another is sent to its key', async t => {
    const house = await House.build(t)
    house.shelf.next = uploadsPolicy()
    await house.start({ broker: new SigningBroker() })
    const client = await house.connect()
    const grant = await awsGrant(house)
    const put = async (body: string, payload?: string): Promise<string> => {
      const upload = { operation: 's3:PutObject', service: 's3', method: 'PUT', path: '/bucket/key' }
      const hashed = payload === undefined ? {} : { payload }
      const { verdict } = await client.admit(
        await signedCall({ client }, grant, { ...upload, ...hashed, body, streamed: true }),
      )
      assert.ok(verdict.kind === 'refuse' && verdict.approval !== null, JSON.stringify(verdict))
      return verdict.approval
    }
    const asked = await put('one')
    assert.equal(await put('one'), asked)
    const others = [await put('two'), await put('one', 'UNSIGNED-PAYLOAD')]
    assert.equal(new Set([asked, ...others]).size, 3)
    const shown = JSON.stringify((await house.waiting()).map(({ args }) => args))
    assert.ok(shown.includes(createHash('sha256').update('one').digest('hex')))
    assert.match(shown, /"body":"streamed: nobody knows its content"/)
  })
})

describe('what stands in the way of an approval', () => {
  it('is said while its agent is halted, and once its policy is replaced', async t => {
    const { ask, waiting, sign, house, keeper } = await scene(t)
    const id = heldBy(await ask())
    const obstacles = async () => (await waiting()).map(({ obstacle }) => obstacle)
    assert.deepEqual(await obstacles(), [null])
    await house.admin('POST', '/v1/stops/halt', { of: { scope: 'agent', agent: 'coder' }, by: 'jo' })
    assert.deepEqual(await obstacles(), ['stopped'])
    assert.equal((await sign(id, 'approve', maria)).status, 200)
    house.shelf.put(policyFor(1, 2))
    await until(() => keeper.activation.inForce()?.version === 2)
    assert.deepEqual(await obstacles(), ['superseded'])
    const { body } = await house.admin('GET', `/v1/approvals/${id}`)
    assert.equal((body.approval as unknown as ShownApproval).obstacle, 'superseded')
  })

  it('is that too few may approve it for this owner', async t => {
    const { ask, waiting } = await scene(t, 4, 'maria@acme.test')
    heldBy(await ask())
    assert.deepEqual(
      (await waiting()).map(({ obstacle }) => obstacle),
      ['unreachable'],
    )
  })

  it('takes no place from what is asked under the policy of now, and isn’t counted with it', async t => {
    const { ask, house } = await scene(t)
    for (let invoice = 0; invoice < 100; invoice++) heldBy(await ask(String(invoice)))
    const codeOf = ({ verdict }: Asked) => (verdict.kind === 'refuse' ? verdict.code : verdict.kind)
    assert.equal(codeOf(await ask('100')), 'approvals_full')
    house.shelf.put(policyFor(1, 2))
    await house.admin('POST', '/v1/policy/reload')
    assert.equal(codeOf(await ask('100')), 'approval_required')
    const { body } = await house.admin('GET', '/v1/status')
    assert.deepEqual([body.approvals, body.supersededApprovals], [1, 100])
  })

  it('is nothing once it was used, and that is told', async t => {
    const { ask, sign, house } = await scene(t)
    const id = heldBy(await ask())
    await sign(id, 'approve', maria)
    await ask()
    const { status, body } = await house.admin('GET', `/v1/approvals/${id}`)
    assert.deepEqual([status, body.code], [404, 'approval_used'])
  })
})

describe('a gate that watches an approval', () => {
  it('is told once people have approved, and not by one of two', async t => {
    const { ask, sign, link } = await scene(t, 2)
    const id = heldBy(await ask())
    const told: string[] = []
    const change = link.watch(id).then(change => told.push(change))
    await sign(id, 'approve', maria)
    await ask('8') // an answer that is behind anything the first signature could have sent
    assert.deepEqual(told, [])
    await sign(id, 'approve', jo)
    await change
    assert.deepEqual(told, ['changed'])
    assert.equal(await link.watch(id), 'changed', 'at once where they have by now')
    assert.equal((await ask()).verdict.kind, 'forward')
    assert.equal(await link.watch(id), 'ended')
  })

  it('is told of a rejection, of a halt and of a freeze', async t => {
    const { ask, sign, link, house } = await scene(t)
    const [seven, eight, nine] = [heldBy(await ask('7')), heldBy(await ask('8')), heldBy(await ask('9'))]
    const changes = [link.watch(seven), link.watch(eight), link.watch(nine)]
    await sign(seven, 'reject', maria)
    assert.equal(await changes[0], 'changed')
    await house.admin('POST', '/v1/stops/halt', { of: { scope: 'agent', agent: 'another' }, by: 'jo' })
    await house.admin('POST', '/v1/stops/halt', { of: { scope: 'agent', agent: 'coder' }, by: 'jo' })
    assert.deepEqual(await Promise.all(changes), ['changed', 'changed', 'changed'])
    const again = link.watch(eight)
    await house.admin('POST', '/v1/stops/freeze', { by: 'jo' })
    assert.equal(await again, 'changed')
  })

  it('is told when it has expired, and where the keeper stops, which doesn’t wait for people', async t => {
    const { ask, link, house, keeper } = await scene(t)
    const change = link.watch(heldBy(await ask()))
    house.aheadMs = 31 * 60_000
    assert.equal(await change, 'ended')
    const other = link.watch(heldBy(await ask('8')))
    await ask() // the answer that is behind it
    const stopped = keeper.stop()
    assert.equal(await other, 'unwatched')
    await stopped
  })
})

describe('attacks on countersignatures', () => {
  it('attack: two identical requests at once use one approval once', async t => {
    const { ask, sign, ledger } = await scene(t)
    await sign(heldBy(await ask()), 'approve', maria)
    const answers = await Promise.all([ask(), ask(), ask()])
    assert.deepEqual(answers.map(({ verdict }) => verdict.kind).sort(), ['forward', 'refuse', 'refuse'])
    assert.equal((await steps(ledger)).filter(step => step === 'consumed').length, 1)
  })

  it('attack: a key that the policy doesn’t name, and no signature at all, count for nothing', async t => {
    const { ask, sign, house, ledger } = await scene(t)
    const id = heldBy(await ask())
    assert.equal((await sign(id, 'approve', stranger)).code, 'approver_unknown')
    const bare = await house.admin('POST', `/v1/approvals/${id}/countersignatures`, {})
    assert.equal(bare.status, 400)
    heldBy(await ask())
    assert.deepEqual(await steps(ledger), ['requested'])
  })

  it('attack: a key that the trust root has revoked approves, has approved, or has approved with another one', async t => {
    const { ask, sign, house, keeper, ledger } = await scene(t)
    const [used, waits] = [heldBy(await ask('7')), heldBy(await ask('8'))]
    assert.equal((await sign(used, 'approve', maria)).state, 'approved')
    house.shelf.root = house.trustRoot({ revoked: { keys: [formatPublicKey(maria.publicKey)], ids: [] } })
    await keeper.activation.reload()
    assert.equal((await sign(waits, 'approve', maria)).code, 'approver_unknown')
    const anew = heldBy(await ask('7'))
    assert.notEqual(anew, used)
    assert.ok((await steps(ledger)).includes('voided'))
    assert.equal((await sign(anew, 'approve', jo)).state, 'approved')
    assert.equal((await ask('7')).verdict.kind, 'forward')
  })

  it('attack: a passkey whose key the trust root has revoked approves, or has approved', async t => {
    const { ask, touch, house, keeper } = await scene(t)
    const [used, waits] = [heldBy(await ask('7')), heldBy(await ask('8'))]
    assert.equal((await touch(used, 'approve', lea)).state, 'approved')
    house.shelf.root = house.trustRoot({ revoked: { keys: [lea.passkey.key], ids: [] } })
    await keeper.activation.reload()
    assert.equal((await touch(waits, 'approve', lea)).code, 'approver_unknown')
    assert.notEqual(heldBy(await ask('7')), used)
  })

  it('attack: the yes of a revoked key is one of the two that are asked for', async t => {
    const { ask, sign, house, keeper } = await scene(t, 2)
    const id = heldBy(await ask())
    assert.equal((await sign(id, 'approve', maria)).state, 'requested')
    house.shelf.root = house.trustRoot({ revoked: { keys: [formatPublicKey(maria.publicKey)], ids: [] } })
    await keeper.activation.reload()
    assert.equal((await sign(id, 'approve', jo)).state, 'requested')
    heldBy(await ask())
  })

  it('attack: the person that the agent acts for approves its request', async t => {
    const { ask, sign } = await scene(t, 1, 'maria@acme.test')
    const id = heldBy(await ask())
    assert.equal((await sign(id, 'approve', maria)).code, 'approver_is_owner')
    assert.equal((await sign(id, 'approve', jo)).state, 'approved')
  })

  it('attack: a signature of one approval is put under another', async t => {
    const { ask, sign, waiting } = await scene(t)
    const [seven, eight] = [heldBy(await ask('7')), heldBy(await ask('8'))]
    const { statement } = (await waiting()).find(({ id }) => id === eight) as ShownApproval
    assert.equal((await sign(seven, 'approve', maria, { statement })).code, 'countersignature_elsewhere')
  })

  it('attack: a signature from yesterday is sent today', async t => {
    const { ask, sign, house } = await scene(t)
    const id = heldBy(await ask())
    const old = await sign(id, 'approve', maria, { t: house.clock.nowMs() - 86_400_000 })
    assert.equal(old.code, 'countersignature_stale')
  })

  it('attack: what was approved under one policy is used under the next', async t => {
    const { ask, sign, house } = await scene(t)
    const id = heldBy(await ask())
    await sign(id, 'approve', maria)
    const other = heldBy(await ask('8'))
    house.shelf.put(policyFor(2, 2))
    await house.admin('POST', '/v1/policy/reload')
    assert.notEqual(heldBy(await ask()), id)
    assert.equal((await sign(other, 'approve', maria)).code, 'approval_superseded')
  })

  it('attack: an approval arrives while another policy is being put in force', async t => {
    const { ask, sign, house, link } = await scene(t)
    const id = heldBy(await ask())
    const watched = link.watch(id).catch(() => 'over') // where nobody was told, the test ends before the approval
    house.shelf.put(policyFor(1, 2))
    const [signed, reloaded] = await Promise.all([
      sign(id, 'approve', maria),
      house.admin('POST', '/v1/policy/reload'),
    ])
    assert.equal(reloaded.status, 200)
    // Whichever came first: under the next policy the call is asked about anew, and what was signed is worth nothing.
    assert.ok(signed.state === 'approved' || signed.code === 'approval_superseded', JSON.stringify(signed))
    assert.notEqual(heldBy(await ask()), id)
    if (signed.state === 'approved') assert.equal(await watched, 'changed')
  })

  it('attack: a header that no model declares has another value than the one that was approved', async t => {
    const house = await House.build(t)
    house.shelf.next = uploadsPolicy()
    await house.start({ broker: new SigningBroker() })
    const client = await house.connect()
    const grant = await awsGrant(house)
    const put = async (force: string, invocation: string): Promise<string> => {
      const { verdict } = await client.admit(
        await signedCall({ client }, grant, {
          operation: 's3:PutObject',
          opaque: 'a header that the model doesn’t declare',
          service: 's3',
          method: 'PUT',
          path: '/bucket/key',
          headers: { 'x-amz-force': force, 'amz-sdk-invocation-id': invocation },
          body: 'same',
        }),
      )
      assert.ok(verdict.kind === 'refuse' && verdict.approval !== null, JSON.stringify(verdict))
      return verdict.approval
    }
    const asked = await put('no', 'one')
    assert.equal(await put('no', 'two'), asked, 'what an SDK makes anew is no other call')
    assert.notEqual(await put('yes', 'three'), asked)
    const [first] = await house.waiting()
    assert.match(JSON.stringify(first?.args), /"headers":\[\["x-amz-force","no"\]\]/)
  })
})
