import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { exportJWK, generateKeyPair } from 'jose'
import type { AdmitCall } from '../../src/gate/index.js'
import { openSide, sideCipher } from '../../src/ledger/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import type { PolicyApi } from '../../src/policy/index.js'
import { commitment } from '../../src/receipt/index.js'
import { type Asked, entriesOf, House, ofType, operation, policyOf, REMIND, until } from './keeper-fixture.js'

describe('admitting a request', () => {
  it('answers an allowed one with the minted credential and a durable receipt', async t => {
    const house = await House.build(t)
    const { ledger } = await house.start()
    const client = await house.connect()
    const { verdict, seq } = await house.ask(client)
    assert.equal(verdict.kind, 'forward')
    assert.deepEqual(verdict.kind === 'forward' && verdict.headers, [['authorization', 'Bearer minted-1']])
    const [attempt] = await ofType(ledger, 'attempt')
    assert.equal(attempt?.seq, seq)
    assert.deepEqual(attempt?.decision, { effect: 'allow', code: 'allowed', rule: 'read-invoices' })
    assert.deepEqual([attempt?.credential?.minter, attempt?.credential?.mint], ['jwt', 'm-1'])
    assert.equal(attempt?.agent.id, 'coder')
    assert.equal(attempt?.id, verdict.kind === 'forward' && verdict.attempt)
    assert.equal(house.broker.minted[0]?.origin, 'https://billing.acme.test')
  })

  it('describes operations by its own catalog: a gate that calls a deletion a read gains nothing', async t => {
    const house = await House.build(t)
    const { ledger } = await house.start()
    const client = await house.connect()
    const { verdict } = await house.ask(client, operation('DELETE /invoices/{id}'))
    assert.equal(verdict.kind === 'refuse' && verdict.code, 'denied_by_rule')
    assert.equal(verdict.kind === 'refuse' && verdict.because, 'Invoices are kept for ten years.')
    const [attempt] = await ofType(ledger, 'attempt')
    assert.deepEqual(attempt?.ops[0]?.classes, ['irreversible'])
    assert.deepEqual(house.broker.minted, [], 'nothing is minted for what is denied')
  })

  const refusals: Record<string, (house: House) => Promise<Partial<AdmitCall>> | Partial<AdmitCall>> = {
    grant_missing: () => ({ presented: null }),
    grant_malformed: () => ({ presented: { slot: 'bearer', token: 'sk_live_4242' } }),
    grant_slot: async house => ({
      presented: { slot: 'project-access-token', token: await house.token() },
    }),
    agent_unknown: async house => ({ presented: { slot: 'bearer', token: await house.token('stranger') } }),
    agent_environment: async house => ({
      presented: { slot: 'bearer', token: await house.token('coder', 'production') },
    }),
    agent_identity: async house => ({ presented: { slot: 'bearer', token: await house.token('pod') } }),
    unknown_api: () => ({ api: 'payroll' }),
    classifier_mismatch: () => ({ classifier: 'rest/999' }),
    target_backslash: () => ({ target: '\\evil:80/invoices/7' }),
    operation_missing: () => ({ finding: { kind: 'operations', operations: [] } }),
    operations_too_many: () => ({
      finding: {
        kind: 'operations',
        operations: Array.from({ length: 129 }, () => ({ name: 'x', args: {} })),
      },
    }),
    unknown_operation: () => operation('PATCH /invoices/{id}'),
    foreign_credential: () => ({ foreign: ['authorization'] }),
    body_duplicate: () => ({ finding: { kind: 'refused', code: 'body_duplicate' } }),
  }
  for (const [code, changes] of Object.entries(refusals)) {
    it(`refuses with ${code}, and records it`, async t => {
      const house = await House.build(t)
      const { ledger } = await house.start()
      const client = await house.connect()
      const { verdict, seq } = await house.ask(client, await changes(house))
      assert.equal(verdict.kind === 'refuse' && verdict.code, code)
      const [attempt] = await ofType(ledger, 'attempt')
      assert.deepEqual({ ...attempt?.decision, seq: attempt?.seq }, { effect: 'deny', code, rule: null, seq })
      assert.deepEqual(house.broker.minted, [])
    })
  }

  it('attack: a foreign credential is refused whatever else is fine, and only its place is noted', async t => {
    const house = await House.build(t)
    const { ledger } = await house.start()
    const client = await house.connect()
    const { verdict } = await house.ask(client, { foreign: ['header authorization'] })
    assert.equal(verdict.kind === 'refuse' && verdict.code, 'foreign_credential')
    assert.equal((await ofType(ledger, 'attempt'))[0]?.agent.id, 'coder')
    assert.ok(house.logged.some(({ facts }) => 'places' in facts))
  })

  it('attack: a resource whose name is cut within a character keeps no denial out of the log', async t => {
    const house = await House.build(t)
    const opened = policyOf(1)
    const billing = opened.policy.apis.get('billing') as PolicyApi
    const describe: PolicyApi['catalog']['describe'] = (api, recognised) => ({
      ...billing.catalog.describe(api, recognised),
      resources: [{ type: 'invoice', id: '😀'.slice(0, 1) }],
    })
    const catalog = Object.assign(Object.create(billing.catalog), { describe })
    const apis = new Map([['billing', { ...billing, catalog }]])
    house.shelf.next = { ...opened, policy: { ...opened.policy, apis } }
    const { ledger } = await house.start()
    const client = await house.connect()
    const { verdict } = await house.ask(client, operation('DELETE /invoices/{id}'))
    assert.equal(verdict.kind === 'refuse' && verdict.code, 'arguments_too_complex')
    const [attempt] = await ofType(ledger, 'attempt')
    assert.equal(attempt?.decision.code, 'arguments_too_complex')
  })

  it('says which of several resources a refusal is about, and how many more there are', async t => {
    const house = await House.build(t)
    const opened = policyOf(1)
    const billing = opened.policy.apis.get('billing') as PolicyApi
    const resources = ['in_1', 'in_2', 'in_3'].map(id => ({ type: 'invoice', id }))
    const describe: PolicyApi['catalog']['describe'] = (api, recognised) => ({
      ...billing.catalog.describe(api, recognised),
      resources,
    })
    const catalog = Object.assign(Object.create(billing.catalog), { describe })
    const apis = new Map([['billing', { ...billing, catalog }]])
    house.shelf.next = { ...opened, policy: { ...opened.policy, apis, tellingResource: () => 1 } }
    await house.start()
    const { verdict } = await house.ask(await house.connect(), operation('DELETE /invoices/{id}'))
    assert.ok(verdict.kind === 'refuse')
    assert.deepEqual([verdict.resource, verdict.others], ['invoice in_2', 2])
  })

  it('attack: a name of an API or an operation that nobody knows is not written where the agent chose it', async t => {
    const house = await House.build(t)
    const { ledger } = await house.start()
    const client = await house.connect()
    await house.ask(client, { api: 'ignore-all-previous' })
    assert.equal((await ofType(ledger, 'attempt'))[0]?.req.api, '')
  })

  it('sends a gate with another policy back, and writes nothing', async t => {
    const house = await House.build(t)
    const { ledger } = await house.start()
    const client = await house.connect()
    const { verdict } = await house.ask(client, { policyCid: `sha256:${'0'.repeat(64)}` })
    assert.deepEqual(verdict, { kind: 'stale' })
    assert.deepEqual(await ofType(ledger, 'attempt'), [])
  })

  it('denies what it can’t mint for, gives the reservation back, and says so in the receipt', async t => {
    const house = await House.build(t)
    const { ledger } = await house.start()
    const client = await house.connect()
    house.broker.failure = new Error('vault entry for another origin')
    for (let i = 0; i < 4; i++) {
      const { verdict } = await house.ask(client, operation(REMIND))
      assert.equal(verdict.kind === 'refuse' && verdict.code, 'credential_unavailable')
    }
    house.broker.failure = null
    const { verdict } = await house.ask(client, operation(REMIND))
    assert.equal(verdict.kind, 'forward', 'failed mints use up no limit')
    const codes = (await ofType(ledger, 'attempt')).map(({ decision }) => decision.code)
    assert.deepEqual(codes, [
      'credential_unavailable',
      'credential_unavailable',
      'credential_unavailable',
      'credential_unavailable',
      'allowed',
    ])
  })

  it('answers nothing before the receipt is on disk, and mints nothing into an answer that never comes', async t => {
    const house = await House.build(t)
    const real = await house.openLedger()
    let release: () => void = () => undefined
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    const appended: string[] = []
    const ledger = new Proxy(real, {
      get: (target, name) => {
        const member = Reflect.get(target, name)
        if (name !== 'append') return typeof member === 'function' ? member.bind(target) : member
        return async (
          body: Parameters<typeof real.append>[0],
          companion: Parameters<typeof real.append>[1],
        ) => {
          appended.push(body.type)
          const done = await real.append(body, companion)
          if (body.type === 'attempt') await held
          return done
        }
      },
    })
    await house.start({ ledger })
    const client = await house.connect()
    let answered = false
    const asked = house.ask(client).then(answer => {
      answered = true
      return answer
    })
    const denied = house.ask(client, operation('DELETE /invoices/{id}')).then(() => {
      answered = true
    })
    while (appended.filter(type => type === 'attempt').length < 2) await new Promise(setImmediate)
    for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate)
    assert.equal(answered, false)
    release()
    assert.equal((await asked).verdict.kind, 'forward')
    await denied
  })

  it('admits nothing once the ledger can’t write', async t => {
    const house = await House.build(t)
    const real = await house.openLedger()
    await house.start({
      ledger: new Proxy(real, {
        get: (target, name) => {
          const member = Reflect.get(target, name)
          if (name === 'append')
            return (body: Parameters<typeof real.append>[0], companion: Parameters<typeof real.append>[1]) =>
              body.type === 'attempt' ? Promise.reject(new Error('EIO')) : real.append(body, companion)
          return typeof member === 'function' ? member.bind(target) : member
        },
      }),
    })
    const client = await house.connect()
    await assert.rejects(house.ask(client), { code: 'keeper_fault', status: 503 })
  })

  it('commits to target, body and inputs so that the auditor can open them, and nobody can guess them', async t => {
    const house = await House.build(t)
    const { publicKey, privateKey } = await generateKeyPair('ECDH-ES+A256KW', {
      crv: 'X25519',
      extractable: true,
    })
    const cipher = await sideCipher(await exportJWK(publicKey))
    const ledger = await house.openLedger({ side: cipher })
    await house.start({ ledger, side: cipher })
    const client = await house.connect()
    const sha256 = randomBytes(32).toString('hex')
    await house.ask(client, { body: { kind: 'inspected', sha256, lengthBytes: 9 } })
    const [attempt] = await ofType(ledger, 'attempt')
    const record = await ledger.side.get(attempt?.id ?? '')
    const { inputs, secret } = await openSide(await exportJWK(privateKey)).open(
      cipher.wrappedKey,
      attempt?.id ?? '',
      record as Uint8Array,
    )
    assert.equal(inputs.target, '/invoices/7')
    assert.equal(inputs.body, sha256)
    assert.equal(
      attempt?.req.target_c,
      commitment(nativeCrypto, secret, 'target', Buffer.from('/invoices/7')),
    )
    assert.equal(attempt?.req.body_c, commitment(nativeCrypto, secret, 'body', Buffer.from(sha256, 'hex')))
    assert.equal(attempt?.req.body_len, 9)
  })

  it('writes operations that are too long for an entry as a count and a commitment', async t => {
    const house = await House.build(t)
    const { ledger } = await house.start()
    const client = await house.connect()
    const { verdict } = await house.ask(client, operation('GET /invoices/{id}', 'i'.repeat(8_000)))
    assert.equal(verdict.kind, 'forward')
    const ops = (await ofType(ledger, 'attempt'))[0]?.ops ?? []
    assert.match(ops[0]?.more?.all_c ?? '', /^[0-9a-f]{64}$/)
    assert.deepEqual(ops[0]?.classes, ['read'])
  })
})

describe('limits', () => {
  it('attack: of ten requests at once exactly as many pass as the limit has left', async t => {
    const house = await House.build(t)
    const { ledger } = await house.start()
    const [one, two] = [await house.connect(), await house.connect()]
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => house.ask(i % 2 === 0 ? one : two, operation(REMIND))),
    )
    assert.deepEqual(codesOf(answers), { forward: 3, over_limit: 7 })
    const reserved = (await ofType(ledger, 'attempt')).flatMap(attempt => attempt.reserved ?? [])
    assert.equal(reserved.length, 3)
  })

  it('are counted from the ledger after a restart', async t => {
    const house = await House.build(t)
    const first = await house.start()
    const client = await house.connect()
    await house.ask(client, operation(REMIND))
    await house.ask(client, operation(REMIND))
    await client.close()
    await first.keeper.stop()
    await house.start()
    const again = await house.connect()
    assert.equal((await house.ask(again, operation(REMIND))).verdict.kind, 'forward')
    const { verdict } = await house.ask(again, operation(REMIND))
    assert.equal(verdict.kind === 'refuse' && verdict.code, 'over_limit')
  })

  it('free themselves when the window has passed, and leave no state behind', async t => {
    const house = await House.build(t)
    const { ledger } = await house.start()
    const client = await house.connect()
    const presented = { slot: 'bearer', token: await house.token() } as const
    for (let i = 0; i < 3; i++) await house.ask(client, operation(REMIND))
    house.aheadMs = 3_590_000
    assert.equal((await house.ask(client, { ...operation(REMIND), presented })).verdict.kind, 'refuse')
    house.aheadMs = 3_601_000
    const { token } = { token: await freshToken(house) }
    const later = await house.ask(client, { ...operation(REMIND), presented: { slot: 'bearer', token } })
    assert.equal(later.verdict.kind, 'forward')
    assert.equal((await ledger.state.list('limit/')).length, 1)
  })

  it('are given back for what was not sent', async t => {
    const house = await House.build(t)
    await house.start()
    const client = await house.connect()
    for (let i = 0; i < 5; i++) {
      const { seq, verdict } = await house.ask(client, operation(REMIND))
      assert.equal(verdict.kind, 'forward')
      await client.settle({
        attempt: seq as number,
        status: 'not_sent',
        http: 0,
        upstreamId: null,
        bodySha256: null,
        responseSha256: null,
        responseBytes: 0,
      })
    }
  })
})

describe('strangers and floods', () => {
  it('attack: unauthenticated refusals fill no disk: ten entries, then one count', async t => {
    const house = await House.build(t)
    const { keeper, ledger } = await house.start()
    const client = await house.connect()
    for (let i = 0; i < 60; i++) await house.ask(client, { presented: null })
    assert.equal((await ofType(ledger, 'attempt')).length, 10)
    const { seq } = await house.ask(client, { presented: null })
    assert.equal(seq, null)
    await keeper.stop()
    const reopened = await house.reopenLedger()
    assert.deepEqual(
      (await ofType(reopened, 'suppressed')).map(({ data }) => [data.code, data.count]),
      [
        ['grant_missing', 1],
        ['grant_missing', 50],
      ],
    )
  })

  it('attack: that refusals are counted is in the log when a keeper is killed before it has counted them', async t => {
    const house = await House.build(t)
    const { ledger } = await house.start()
    const client = await house.connect()
    for (let i = 0; i < 12; i++) await house.ask(client, { presented: null })
    await until(async () => (await ofType(ledger, 'suppressed')).length > 0)
    const [begun] = await ofType(ledger, 'suppressed')
    assert.deepEqual([begun?.data.code, begun?.data.count], ['grant_missing', 1])
  })

  it('denials of an authenticated agent are recorded every one, until its grant is slowed down', async t => {
    const house = await House.build(t)
    const { ledger } = await house.start({ refusalRate: { burst: 30, perSecond: 0.01, maxGrants: 10 } })
    const client = await house.connect()
    const answers: Asked[] = []
    for (let i = 0; i < 31; i++) answers.push(await house.ask(client, operation('DELETE /invoices/{id}')))
    assert.deepEqual(codesOf(answers), { denied_by_rule: 30, grant_rate_limited: 1 })
    const last = answers.at(-1)?.verdict
    assert.ok(last?.kind === 'refuse' && (last.retryAfterMs ?? 0) > 0)
    assert.equal(
      (await ofType(ledger, 'attempt')).filter(a => a.decision.code === 'denied_by_rule').length,
      30,
    )
  })

  it('attack: what is refused at length slows its grant down the sooner', async t => {
    const house = await House.build(t)
    const side = { seal: (_id: string, record: Uint8Array) => record }
    await house.start({ refusalRate: { burst: 100, perSecond: 1, maxGrants: 10 }, side })
    const client = await house.connect()
    const args = { id: '7', note: 'n'.repeat(1_000_000) }
    const operations = [{ name: 'DELETE /invoices/{id}', args }]
    const denied = {
      ...operation('DELETE /invoices/{id}'),
      finding: { kind: 'operations', operations } as const,
    }
    const answers = [await house.ask(client, denied), await house.ask(client, denied)]
    assert.deepEqual(codesOf(answers), { denied_by_rule: 1, grant_rate_limited: 1 })
    const last = answers.at(-1)?.verdict
    assert.ok(last?.kind === 'refuse' && (last.retryAfterMs ?? 0) > 10_000)
  })

  it('attack: an agent that is refused before any decision is slowed down all the same', async t => {
    const house = await House.build(t)
    await house.start({ refusalRate: { burst: 3, perSecond: 0.01, maxGrants: 10 } })
    const client = await house.connect()
    const answers: Asked[] = []
    for (let i = 0; i < 3; i++) answers.push(await house.ask(client, { foreign: ['x-api-key'] }))
    answers.push(await house.ask(client, { finding: { kind: 'refused', code: 'body_duplicate' } }))
    assert.deepEqual(codesOf(answers), { foreign_credential: 3, grant_rate_limited: 1 })
  })

  it('attack: a lying gate that invents refusal codes gets a bounded number of entries', async t => {
    const house = await House.build(t)
    const { ledger } = await house.start({ suppression: { recorded: 2, intervalMs: 60_000, maxCodes: 4 } })
    const client = await house.connect()
    for (let i = 0; i < 30; i++)
      await house.ask(client, { presented: null, finding: { kind: 'refused', code: `invented_${i}` } })
    assert.ok((await ofType(ledger, 'attempt')).length <= 10)
  })
})

describe('held requests', () => {
  it('are recorded as one approval however often the agent repeats the call', async t => {
    const house = await House.build(t)
    const { ledger } = await house.start()
    const client = await house.connect()
    const held = operation('POST /invoices/{id}/void')
    const answers = await Promise.all([1, 2, 3].map(() => house.ask(client, held)))
    const ids = answers.map(({ verdict }) => (verdict.kind === 'refuse' ? verdict.approval : null))
    assert.equal(new Set(ids).size, 1)
    assert.deepEqual(codesOf(answers), { approval_required: 3 })
    const [approval, ...others] = await ofType(ledger, 'approval')
    assert.equal(others.length, 0)
    assert.deepEqual(
      { id: approval?.data.id, state: approval?.data.state, owner: approval?.data.owner },
      { id: ids[0], state: 'requested', owner: 'maria' },
    )
    const entries = await entriesOf(ledger)
    const order = entries.map(({ type }) => type).filter(type => type === 'approval' || type === 'attempt')
    assert.equal(order[0], 'approval', 'an attempt cites an approval that is there')
    assert.deepEqual(house.broker.minted, [])
  })

  it('attack: the request of a second owner is not approved as the first one’s', async t => {
    const house = await House.build(t)
    await house.start()
    const client = await house.connect()
    const held = operation('POST /invoices/{id}/void')
    const marias = await house.ask(client, held)
    const presented = { slot: 'bearer', token: await house.token('coder', 'staging', 'jo') } as const
    const jos = await house.ask(client, { ...held, presented })
    assert.notEqual(approvalOf(jos), approvalOf(marias))
  })

  it('are bound to their arguments, survive a restart, and expire', async t => {
    const house = await House.build(t)
    const first = await house.start()
    const client = await house.connect()
    const seven = await house.ask(client, operation('POST /invoices/{id}/void', '7'))
    const eight = await house.ask(client, operation('POST /invoices/{id}/void', '8'))
    assert.notEqual(approvalOf(seven), approvalOf(eight))
    await client.close()
    await first.keeper.stop()
    const { ledger } = await house.start()
    const again = await house.connect()
    assert.equal(
      approvalOf(await house.ask(again, operation('POST /invoices/{id}/void', '7'))),
      approvalOf(seven),
    )
    house.aheadMs = 1_800_001
    const renewed = await house.ask(again, operation('POST /invoices/{id}/void', '7'))
    assert.notEqual(approvalOf(renewed), approvalOf(seven))
    assert.ok((await ledger.state.list('approval/')).length <= 2)
  })
})

function approvalOf({ verdict }: Asked): string | null {
  return verdict.kind === 'refuse' ? verdict.approval : null
}

function codesOf(answers: readonly Asked[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { verdict } of answers) {
    const code = verdict.kind === 'refuse' ? verdict.code : verdict.kind
    counts[code] = (counts[code] ?? 0) + 1
  }
  return counts
}

/** A grant for the same agent, for use after the first has expired. */
async function freshToken(house: House): Promise<string> {
  const { body } = await house.admin('POST', '/v1/grants', { order: wire(house) })
  return body.token as string
}

function wire(house: House) {
  const envelope = house.order()
  return {
    payload: Buffer.from(envelope.payload).toString('base64'),
    payloadType: envelope.payloadType,
    signatures: envelope.signatures.map(({ keyid, sig }) => ({
      keyid,
      sig: Buffer.from(sig).toString('base64'),
    })),
  }
}
