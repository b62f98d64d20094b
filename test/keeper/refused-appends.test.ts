import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { CountersignError } from '../../src/canon/index.js'
import { loadRevocations, type ShownApproval } from '../../src/keeper/index.js'
import type { Ledger } from '../../src/ledger/index.js'
import { RAILWAY_IDS } from '../../src/sandbox/index.js'
import { aSettle } from '../link/messages.js'
import { askedCloud, unmount } from './asked-cloud.js'
import { type Asked, House, ofType, onTheWire, operation, policyOf, REMIND, until } from './keeper-fixture.js'

const VOID = 'POST /invoices/{id}/void'

/** A real ledger that refuses, while it is told to, what a busy one refuses: before it has taken anything. */
function refusing(ledger: Ledger): { readonly ledger: Ledger; busy: boolean } {
  const state = {
    busy: false,
    ledger: new Proxy(ledger, {
      get(target, name) {
        if (name === 'append')
          return (...args: Parameters<Ledger['append']>) =>
            state.busy
              ? Promise.reject(
                  new CountersignError('ledger_busy', {
                    status: 503,
                    sentence: 'too much is waiting',
                    mend: 'wait',
                  }),
                )
              : target.append(...args)
        const value = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    }),
  }
  return state
}

async function scene(t: TestContext) {
  const house = await House.build(t)
  const over = refusing(await house.openLedger())
  await house.start({ ledger: over.ledger })
  const link = await house.connect()
  return {
    house,
    over,
    ask: (name: string): Promise<Asked> => house.ask(link, operation(name)),
    waiting: async () =>
      (await house.admin('GET', '/v1/approvals')).body.approvals as unknown as readonly ShownApproval[],
  }
}

describe('a receipt that the ledger doesn’t take', () => {
  it('leaves nobody asked: the same request asks anew, and the log has one approval', async t => {
    const { over, ask, waiting } = await scene(t)
    over.busy = true
    await assert.rejects(ask(VOID))
    assert.deepEqual(await waiting(), [])
    over.busy = false
    const { verdict } = await ask(VOID)
    assert.equal(verdict.kind === 'refuse' && verdict.effect, 'hold')
    assert.equal((await waiting()).length, 1)
    const entries = await ofType(over.ledger, 'approval')
    assert.deepEqual(
      entries.map(({ data }) => [data.state, data.id]),
      [['requested', verdict.kind === 'refuse' && verdict.approval]],
    )
  })

  it('refuses whoever would cite an approval that was not written down either', async t => {
    const { over, ask } = await scene(t)
    over.busy = true
    const both = await Promise.allSettled([ask(VOID), ask(VOID)])
    assert.deepEqual(
      both.map(({ status }) => status),
      ['rejected', 'rejected'],
    )
    over.busy = false
    const [one, other] = await Promise.all([ask(VOID), ask(VOID)])
    const idOf = ({ verdict }: Asked) => verdict.kind === 'refuse' && verdict.approval
    assert.equal(idOf(one), idOf(other))
    assert.equal((await ofType(over.ledger, 'approval')).length, 1)
  })

  it('uses up no limit', async t => {
    const { over, ask } = await scene(t)
    over.busy = true
    for (let i = 0; i < 4; i++) await assert.rejects(ask(REMIND))
    over.busy = false
    const kinds = []
    for (let i = 0; i < 4; i++) kinds.push((await ask(REMIND)).verdict.kind)
    assert.deepEqual(kinds, ['forward', 'forward', 'forward', 'refuse'])
  })

  it('uses up no limit where it could not be written at all either', async t => {
    const house = await House.build(t)
    const state = { broken: true }
    const seal = (_id: string, record: Uint8Array): Uint8Array => {
      if (state.broken) throw new Error('nothing can be sealed')
      return record
    }
    await house.start({ side: { seal } })
    const link = await house.connect()
    for (let i = 0; i < 4; i++) await assert.rejects(house.ask(link, operation(REMIND)))
    state.broken = false
    const kinds = []
    for (let i = 0; i < 4; i++) kinds.push((await house.ask(link, operation(REMIND))).verdict.kind)
    assert.deepEqual(kinds, ['forward', 'forward', 'forward', 'refuse'])
  })

  it('uses up no approval, and revives none that the API has outdated', async t => {
    const over: { state?: ReturnType<typeof refusing> } = {}
    const cloud = await askedCloud(t, {
      rules: `
  - id: volumes-wait
    hold: { api: railway, operations: [volumeDelete] }
    to: [coder]
    probe: volume
    approvers: platform
`,
      ledger: ledger => {
        over.state = refusing(ledger)
        return over.state.ledger
      },
    })
    const state = over.state ?? assert.fail()
    const { ask, approve, ledger } = cloud
    const idOf = ({ verdict }: Asked) => (verdict.kind === 'refuse' && verdict.approval) || assert.fail()
    const first = idOf(await ask())
    await approve(first)
    unmount(cloud.cloud, RAILWAY_IDS.production)
    state.busy = true
    await assert.rejects(ask())
    state.busy = false
    const second = idOf(await ask())
    assert.notEqual(second, first)
    assert.deepEqual(
      (await ofType(ledger, 'approval')).map(({ data }) => [data.state, data.id]),
      [
        ['requested', first],
        ['approved', first],
        ['voided', first],
        ['requested', second],
      ],
    )
  })
})

async function revokedInVain(house: House, over: ReturnType<typeof refusing>): Promise<string> {
  const issued = await house.admin('POST', '/v1/grants', { order: onTheWire(house.order()) })
  const { jti } = issued.body as { readonly jti: string }
  over.busy = true
  assert.equal((await house.admin('POST', `/v1/grants/${jti}/revoke`)).status, 503)
  over.busy = false
  return jti
}

describe('an outcome that the ledger doesn’t take', () => {
  const completed = (seq: number | null) => {
    const { type: _, call: __, ...settle } = aSettle({ attempt: seq ?? assert.fail(), status: 'completed' })
    return settle
  }

  it('is written down by itself when the ledger is less busy, once and as the gate told it', {
    timeout: 20_000,
  }, async t => {
    const { house, over } = await scene(t)
    const link = await house.connect()
    const { seq } = await house.ask(link, operation(REMIND))
    over.busy = true
    await assert.rejects(link.settle(completed(seq)))
    over.busy = false
    await until(async () => (await ofType(over.ledger, 'outcome')).length === 1)
    assert.equal((await link.settle(completed(seq))).recorded, false)
    assert.deepEqual(
      (await ofType(over.ledger, 'outcome')).map(({ attempt, status }) => [attempt, status]),
      [[seq, 'completed']],
    )
  })

  it('is written down at the latest when the keeper stops', async t => {
    const house = await House.build(t)
    const over = refusing(await house.openLedger())
    const { keeper } = await house.start({ ledger: over.ledger })
    const link = await house.connect()
    const { seq } = await house.ask(link, operation(REMIND))
    over.busy = true
    await assert.rejects(link.settle(completed(seq)))
    over.busy = false
    await keeper.stop()
    const again = await house.openLedger()
    const outcomes = await ofType(again, 'outcome')
    assert.deepEqual(
      outcomes.map(({ attempt, status }) => [attempt, status]),
      [[seq, 'completed']],
    )
    await again.close()
  })
})

describe('a revocation that the ledger doesn’t take', () => {
  it('is written down when it is asked for again, and once, so that it outlives a restart', async t => {
    const { house, over } = await scene(t)
    const jti = await revokedInVain(house, over)
    assert.equal((await house.admin('POST', `/v1/grants/${jti}/revoke`)).status, 200)
    await house.admin('POST', `/v1/grants/${jti}/revoke`)
    const entries = await ofType(over.ledger, 'grant')
    assert.deepEqual(
      entries.map(({ data }) => [data.action, data.jti]),
      [
        ['issued', jti],
        ['revoked', jti],
      ],
    )
    assert.equal((await loadRevocations(over.ledger)).has(jti), true)
  })

  it('is written down by itself as well, and ends what was minted', { timeout: 20_000 }, async t => {
    const { house, over } = await scene(t)
    const jti = await revokedInVain(house, over)
    assert.deepEqual(house.broker.revoked, [])
    await until(async () => (await loadRevocations(over.ledger)).has(jti))
    await until(() => house.broker.revoked.length === 1)
  })
})

describe('what ends while a credential is minted', () => {
  it('attack: a grant that is revoked meanwhile gets nothing any more', async t => {
    const house = await House.build(t)
    const { ledger } = await house.start()
    const link = await house.connect()
    const issued = await house.admin('POST', '/v1/grants', { order: onTheWire(house.order()) })
    const { jti } = issued.body as { readonly jti: string }
    const token = issued.body.token as string
    const minting = house.broker.pause()
    const asked = house.ask(link, { presented: { slot: 'bearer', token } })
    await minting.asked
    await house.admin('POST', `/v1/grants/${jti}/revoke`)
    minting.goOn()
    const { verdict } = await asked
    assert.equal(verdict.kind === 'refuse' && verdict.code, 'grant_revoked')
    const attempts = await ofType(ledger, 'attempt')
    assert.deepEqual(
      attempts.map(({ decision }) => [decision.effect, decision.code]),
      [['deny', 'grant_revoked']],
    )
  })

  it('attack: a policy that is replaced meanwhile decides nothing any more', async t => {
    const house = await House.build(t)
    const { ledger, keeper } = await house.start()
    const link = await house.connect()
    const minting = house.broker.pause()
    const asked = house.ask(link, operation(REMIND))
    await minting.asked
    house.shelf.put(policyOf(2))
    await new Promise<void>(resolve => {
      const look = () => (keeper.activation.inForce()?.version === 2 ? resolve() : setImmediate(look))
      look()
    })
    minting.goOn()
    assert.deepEqual((await asked).verdict, { kind: 'stale' })
    assert.deepEqual(await ofType(ledger, 'attempt'), [])
  })

  it('attack: a grant and a policy that run out meanwhile let nothing pass', async t => {
    const house = await House.build(t)
    await house.start()
    const link = await house.connect()
    const call = await house.call(link)
    const minting = house.broker.pause()
    const asked = link.admit(call)
    await minting.asked
    house.aheadMs = 3_600_000
    minting.goOn()
    const { verdict } = await asked
    assert.equal(verdict.kind === 'refuse' && verdict.code, 'grant_expired')
  })
})
