import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it, type TestContext } from 'node:test'
import { encodeEnvelope, type JsonObject, parseStrictJson, type SigningKey } from '../../src/canon/index.js'
import { Stops, type StopsParts } from '../../src/keeper/stops.js'
import type { CutOrder } from '../../src/link/index.js'
import { type SignedOperateOrder, sealOperateOrder } from '../../src/policy/index.js'
import { type ControlBody, References } from '../../src/receipt/index.js'
import {
  type Asked,
  entriesOf,
  House,
  ORIGIN,
  ofType,
  onTheWire,
  operation,
  REMIND,
  signingKey,
  slowIssuer,
  slowLedger,
} from './keeper-fixture.js'

async function scene(t: TestContext) {
  const house = await House.build(t)
  const { ledger, keeper } = await house.start()
  const link = await house.connect()
  const presented = { slot: 'bearer', token: await house.token() } as const
  const order = (action: object, key: SigningKey = house.enrolKey) => {
    const whole = {
      v: 1,
      origin: ORIGIN,
      by: 'jo',
      because: 'sorted out',
      t: house.clock.nowMs(),
      nonce: randomUUID(),
    }
    const sealed = sealOperateOrder({ ...whole, ...action } as SignedOperateOrder, [key])
    return { order: parseStrictJson(encodeEnvelope(sealed)) as JsonObject }
  }
  return {
    house,
    ledger,
    link,
    keeper,
    order,
    ask: (changes = operation('GET /invoices/{id}', '7')) => house.ask(link, { ...changes, presented }),
    stop: (what: string, body: object) => house.admin('POST', `/v1/stops/${what}`, body),
  }
}

function codeOf({ verdict }: Asked): string {
  return verdict.kind === 'stale' ? verdict.kind : verdict.code
}

const CODER = { of: { scope: 'agent', agent: 'coder' }, by: 'maria', because: 'It goes on deleting.' }

describe('a halt', () => {
  it('has no grant issued, and none written down', async t => {
    const { house, ledger, stop } = await scene(t)
    await stop('halt', CODER)
    const { body } = await house.admin('POST', '/v1/grants', { order: onTheWire(house.order()) })
    assert.equal(body.code, 'grant_order_halted')
    assert.deepEqual(await ofType(ledger, 'grant'), [])
  })

  it('keeps back what was being written down when it came, and closes it as not sent', async t => {
    const house = await House.build(t)
    const opened = await house.openLedger()
    const { ledger, asked, goOn } = slowLedger(opened, ({ type }) => type === 'attempt')
    await house.start({ ledger })
    const answer = house.ask(await house.connect(), operation(REMIND))
    await asked
    assert.equal((await house.admin('POST', '/v1/stops/halt', CODER)).status, 200)
    goOn()
    assert.equal(codeOf(await answer), 'agent_halted')
    assert.deepEqual(
      (await ofType(ledger, 'outcome')).map(({ status }) => status),
      ['not_sent'],
    )
  })

  it('attack: ends a grant that was being signed when it came', async t => {
    const house = await House.build(t)
    const { issuer, asked, goOn } = slowIssuer(house)
    const { ledger } = await house.start({ issuer })
    const issued = house.admin('POST', '/v1/grants', { order: onTheWire(house.order()) })
    await asked
    assert.equal((await house.admin('POST', '/v1/stops/halt', CODER)).status, 200)
    goOn()
    assert.equal((await issued).body.code, 'grant_order_halted')
    const actions = (await ofType(ledger, 'grant')).map(({ data }) => data.action)
    assert.deepEqual(actions, ['issued', 'revoked'])
  })

  for (const of of [{ scope: 'agent', agent: 'coder' }, { scope: 'all' }])
    it(`of ${of.scope} stops the next request, and the agent reads why`, async t => {
      const { ask, stop, ledger } = await scene(t)
      assert.equal(codeOf(await ask()), 'allowed')
      assert.equal((await stop('halt', { ...CODER, of })).status, 200)
      const { verdict } = await ask()
      assert.ok(verdict.kind === 'refuse')
      assert.deepEqual([verdict.code, verdict.because], ['agent_halted', 'It goes on deleting.'])
      const [entry] = await ofType(ledger, 'halt')
      assert.deepEqual(entry?.data, { action: 'halted', ...of, by: 'maria', because: 'It goes on deleting.' })
    })

  it('of a task stops that task alone', async t => {
    const { ask, stop } = await scene(t)
    await stop('halt', { of: { scope: 'task', task: 'another' }, by: 'maria' })
    assert.equal(codeOf(await ask()), 'allowed')
    await stop('halt', { of: { scope: 'task', task: 't-1' }, by: 'maria' })
    assert.equal(codeOf(await ask()), 'agent_halted')
  })

  it('ends what was issued: credentials at once, grants for good, and none is issued meanwhile', async t => {
    const { ask, stop, house, order } = await scene(t)
    const grant = await house.admin('POST', '/v1/grants', {
      order: parseStrictJson(encodeEnvelope(house.order())),
    })
    assert.equal(grant.status, 200, JSON.stringify(grant.body))
    await stop('halt', CODER)
    assert.ok(house.broker.revoked.length > 0)
    const refused = await house.admin('POST', '/v1/grants', {
      order: parseStrictJson(encodeEnvelope(house.order({ nonce: randomUUID() }))),
    })
    assert.equal(refused.body.code, 'grant_order_halted')
    assert.equal((await stop('resume', order({ action: 'resume', of: CODER.of }))).status, 200)
    const listed = (await house.admin('GET', '/v1/grants')).body.grants as unknown as readonly {
      revoked: boolean
    }[]
    assert.ok(listed.length > 0 && listed.every(({ revoked }) => revoked))
    assert.equal(codeOf(await ask()), 'allowed', 'a grant that was issued elsewhere is not known here')
  })

  it('attack: no flood of harmless requests hides what a halted agent tries next', async t => {
    const { house, ledger, link, stop } = await scene(t)
    const { body } = await house.admin('POST', '/v1/grants', {
      order: parseStrictJson(encodeEnvelope(house.order())),
    })
    const presented = { slot: 'bearer', token: body.token as string } as const
    await stop('halt', CODER)
    for (let i = 0; i < 12; i++)
      await house.ask(link, { ...operation('GET /invoices/{id}', String(i)), presented })
    const { verdict } = await house.ask(link, { ...operation('DELETE /invoices/{id}', '7'), presented })
    assert.equal(verdict.kind === 'refuse' && verdict.code, 'agent_halted')
    const entries = await entriesOf(ledger)
    const attempts = entries.filter(entry => entry.type === 'attempt')
    assert.deepEqual(
      attempts.map(({ agent }) => agent.id),
      Array.from({ length: 13 }, () => 'coder'),
    )
    const found: string[] = []
    const references = new References()
    for (const entry of entries) references.audit(entry, (code, seq) => found.push(`${code} ${seq}`))
    assert.deepEqual(found, [], 'who verifies finds nothing in it')
  })

  it('of a name that nobody has is in force, and said to be of nobody', async t => {
    const { stop } = await scene(t)
    const known = async (of: object) => (await stop('halt', { ...CODER, of })).body.known
    assert.equal(await known({ scope: 'agent', agent: 'codr' }), false)
    assert.equal(await known({ scope: 'agent', agent: 'coder' }), true)
    assert.equal(await known({ scope: 'task', task: 't-unheard-of' }), false)
    assert.equal(await known({ scope: 'all' }), true)
  })

  it('survives a restart, and only an order of the operate role ends it', async t => {
    const { stop, house, order, link, keeper } = await scene(t)
    await stop('halt', CODER)
    await link.close()
    await keeper.stop()
    await house.start()
    const again = await house.connect()
    const ask = () => house.ask(again, operation('GET /invoices/{id}', '7'))
    assert.equal(codeOf(await ask()), 'agent_halted')
    const forged = await stop('resume', order({ action: 'resume', of: CODER.of }, signingKey()))
    assert.equal(forged.body.code, 'signing_key_unknown')
    assert.equal((await stop('resume', {})).body.code, 'operate_order_malformed')
    assert.equal(codeOf(await ask()), 'agent_halted')
    assert.equal((await stop('resume', order({ action: 'resume', of: CODER.of }))).status, 200)
    assert.equal(codeOf(await ask()), 'allowed')
  })

  it('attack: halts without end fill neither memory nor log, and everything can be halted all the same', async t => {
    const { stop, ask, ledger } = await scene(t)
    const halted = (of: object) => stop('halt', { ...CODER, of })
    const tasks = Array.from({ length: 1_000 }, (_, index) => ({ scope: 'task', task: `t-${index}` }))
    for (let at = 0; at < tasks.length; at += 50) await Promise.all(tasks.slice(at, at + 50).map(halted))
    const size = ledger.head().size
    assert.equal((await halted({ scope: 'task', task: 't-7' })).status, 200)
    const refused = await halted({ scope: 'task', task: 't-one-more' })
    assert.deepEqual([refused.status, refused.body.code], [409, 'halts_full'])
    assert.equal(ledger.head().size, size)
    assert.equal((await halted({ scope: 'all' })).status, 200)
    assert.equal(codeOf(await ask()), 'agent_halted')
  })

  it('attack: an order from before a recovery resumes nothing after it', async t => {
    const { house, keeper, order, stop } = await scene(t)
    await stop('halt', CODER)
    const resume = () => order({ action: 'resume', of: CODER.of })
    const old = resume()
    await keeper.stop()
    await house.recover(2)
    house.aheadMs += 2_000
    await house.start()
    assert.equal((await stop('resume', old)).body.code, 'operate_order_stale')
    assert.equal((await stop('resume', resume())).status, 200)
  })

  it('attack: an order to do something else, or a used one, resumes nothing', async t => {
    const { ask, stop, order } = await scene(t)
    await stop('halt', CODER)
    for (const action of [
      { action: 'thaw' },
      { action: 'resume', of: { scope: 'agent', agent: 'reader' } },
      { action: 'resume', of: { scope: 'all' } },
    ])
      assert.notEqual((await stop('resume', order(action))).status, 200)
    const good = order({ action: 'resume', of: CODER.of })
    assert.equal((await stop('resume', good)).status, 200)
    await stop('halt', CODER)
    assert.equal((await stop('resume', good)).body.code, 'operate_order_replayed')
    assert.equal(codeOf(await ask()), 'agent_halted')
  })

  it('attack: a clock that is set back makes no order fresh whose nonce is forgotten', async t => {
    const { stop, house, order } = await scene(t)
    const resume = () => order({ action: 'resume', of: CODER.of })
    const first = resume()
    await stop('halt', CODER)
    assert.equal((await stop('resume', first)).status, 200)
    house.aheadMs = 3 * 60_000
    await stop('halt', CODER)
    assert.equal((await stop('resume', resume())).status, 200)
    await stop('halt', CODER)
    house.aheadMs = 0
    assert.equal((await stop('resume', first)).body.code, 'operate_order_stale')
  })

  it('attack: words that would turn a line around are not taken', async t => {
    const { stop } = await scene(t)
    assert.equal((await stop('halt', { ...CODER, because: 'a\u202eb' })).status, 400)
    assert.equal((await stop('halt', { ...CODER, of: { scope: 'everyone' } })).status, 400)
  })
})

describe('a halt that cuts', () => {
  it('tells every gate which of its own attempts to end, and says in the ledger how many', async t => {
    const { house, link, ledger, stop } = await scene(t)
    const other = await house.connect()
    const orders: [string, CutOrder][] = []
    link.onCut(order => orders.push(['one', order]))
    other.onCut(order => orders.push(['other', order]))
    const presented = { slot: 'bearer', token: await house.token('reader') } as const
    const [first, second] = [await house.ask(link), await house.ask(other)]
    assert.deepEqual([codeOf(first), codeOf(second)], ['allowed', 'allowed'])
    await house.ask(link, { presented })
    const { body } = await stop('halt', { ...CODER, cut: true })
    assert.equal(body.cut, 2)
    // Behind the orders on either link: refused by both gates.
    assert.equal(codeOf(await house.ask(link)), 'agent_halted')
    assert.equal(codeOf(await house.ask(other)), 'agent_halted')
    const because = 'It goes on deleting.'
    assert.deepEqual(orders, [
      ['one', { type: 'cut', attempts: [first.seq], because }],
      ['other', { type: 'cut', attempts: [second.seq], because }],
    ])
    const [entry] = await ofType(ledger, 'halt')
    assert.equal(entry?.data.cut, 2)
  })

  it('cuts nothing unless it is asked to', async t => {
    const { ask, link, stop } = await scene(t)
    let orders = 0
    link.onCut(() => orders++)
    await ask()
    assert.equal((await stop('halt', CODER)).body.cut, null)
    assert.equal(codeOf(await ask()), 'agent_halted')
    assert.equal(orders, 0)
    assert.equal((await stop('halt', { ...CODER, cut: 'yes' })).status, 400)
  })
})

describe('a request that is being admitted while somebody stops it', () => {
  for (const [what, body, code] of [
    ['halt', CODER, 'agent_halted'],
    ['freeze', { by: 'maria' }, 'frozen'],
  ] as const)
    it(`is refused, and nothing is admitted behind the ${what} in the ledger`, async t => {
      const { ask, stop, house, ledger } = await scene(t)
      const minting = house.broker.pause()
      const answer = ask(operation(REMIND, '7'))
      await minting.asked
      assert.equal((await stop(what, body)).status, 200)
      minting.goOn()
      assert.equal(codeOf(await answer), code)
      const attempts = await ofType(ledger, 'attempt')
      assert.deepEqual(
        attempts.map(({ decision }) => decision.effect),
        ['deny'],
      )
      assert.ok(house.broker.revoked.length > 0, 'what was minted meanwhile is ended')
    })
})

describe('a freeze', () => {
  it('lets reads pass and nothing else, until it is thawed', async t => {
    const { ask, stop, order } = await scene(t)
    const remind = () => ask(operation(REMIND, '7'))
    assert.equal(codeOf(await remind()), 'allowed')
    assert.equal((await stop('freeze', { by: 'maria', because: 'The release goes out.' })).status, 200)
    assert.equal(codeOf(await ask()), 'allowed')
    const { verdict } = await remind()
    assert.ok(verdict.kind === 'refuse')
    assert.deepEqual([verdict.code, verdict.because], ['frozen', 'The release goes out.'])
    assert.equal((await stop('thaw', order({ action: 'thaw' }))).status, 200)
    assert.equal(codeOf(await remind()), 'allowed')
  })

  it('attack: who may freeze doesn’t end a freeze by freezing again', async t => {
    const { stop, house } = await scene(t)
    const ends = async (untilMs?: number) => {
      const { status, body } = await stop('freeze', {
        by: 'jo',
        ...(untilMs === undefined ? {} : { untilMs }),
      })
      return status === 200 ? (body.freeze as { untilMs: number | null }).untilMs : body.code
    }
    const nowMs = house.clock.nowMs()
    assert.equal(await ends(1), 'freeze_past')
    assert.equal(await ends(nowMs + 60_000), nowMs + 60_000)
    assert.equal(await ends(nowMs + 30_000), nowMs + 60_000)
    assert.equal(await ends(), null)
    assert.equal(await ends(nowMs + 90_000), null)
  })

  it('ends by itself where it has an end', async t => {
    const { ask, stop, house } = await scene(t)
    await stop('freeze', { by: 'maria', untilMs: house.clock.nowMs() + 60_000 })
    assert.equal(codeOf(await ask(operation(REMIND, '7'))), 'frozen')
    house.aheadMs = 60_001
    assert.equal(codeOf(await ask(operation(REMIND, '7'))), 'allowed')
  })
})

describe('the log of a keeper that was stopped and went on', () => {
  it('holds against its own stops, however requests, stops and their ends ran into each other', async t => {
    const { ask, stop, order, ledger } = await scene(t)
    const of = { scope: 'task', task: 't-1' }
    const steps: readonly (() => Promise<unknown>)[] = [
      () => ask(),
      () => ask(operation(REMIND, '7')),
      () => stop('halt', CODER),
      () => ask(),
      () => stop('halt', { of, by: 'maria' }),
      () => ask(operation(REMIND, '7')),
      () => stop('resume', order({ action: 'resume', of: CODER.of })),
      () => stop('resume', order({ action: 'resume', of: CODER.of })),
      () => ask(),
      () => stop('resume', order({ action: 'resume', of })),
      () => ask(operation(REMIND, '7')),
      () => stop('freeze', { by: 'maria' }),
      () => ask(operation(REMIND, '7')),
      () => stop('thaw', order({ action: 'thaw' })),
      () => stop('thaw', order({ action: 'thaw' })),
      () => ask(operation(REMIND, '7')),
    ]
    const running: Promise<unknown>[] = []
    for (const wait of [false, true, false, true])
      for (const step of steps) {
        running.push(step())
        if (wait) await running.at(-1)
      }
    await Promise.all(running)
    const entries = await entriesOf(ledger)
    const references = new References()
    const found: string[] = []
    for (const entry of entries)
      references.audit(entry, (code, seq) => {
        if (/^halt_|^freeze_|^stop_/.test(code)) found.push(`${code} ${seq}`)
      })
    assert.deepEqual(found, [])
    const { halted, resumed, frozen, thawed } = references.summary().stops
    assert.ok(halted >= 4 && resumed >= 4 && frozen >= 2 && thawed >= 2, 'something was stopped and went on')
    const effects = entries.map(entry => (entry.type === 'attempt' ? entry.decision.effect : ''))
    assert.ok(effects.includes('allow') && effects.includes('deny'))
  })
})

describe('ends of stops', () => {
  async function alone(append: (bodies: readonly ControlBody[]) => Promise<void>) {
    const agent = { scope: 'agent', agent: 'coder' } as const
    const parts = {
      ledger: {
        state: { list: async () => [], get: async () => undefined },
        append: async (body: ControlBody, { before = [] }: { before?: readonly ControlBody[] }) => {
          await append([...before, body])
          return { seq: 1, t: 1 }
        },
      },
      clock: { nowMs: () => 1 },
      log: { warn: () => {} },
      orders: {
        accept: () => ({
          order: { of: agent, by: 'jo', because: 'sorted out' },
          cid: 'sha256:0',
          changes: [],
        }),
      },
      interrupt: () => {},
      grants: { list: () => [] },
    } as unknown as StopsParts
    const stops = await Stops.load(parts)
    const halt = () => stops.halt(agent, { by: 'maria', because: null, cut: false })
    const freeze = () => stops.freeze('maria', null, null)
    return { stops, halt, freeze }
  }
  const notStopped = { code: 'not_stopped' }

  it('stand in the log once, however many orders come at once', async () => {
    const written: string[] = []
    const { stops, halt, freeze } = await alone(async bodies => {
      written.push(...bodies.map(({ data }) => String(data.action)))
    })
    await halt()
    await freeze()
    const order = new Uint8Array()
    const [first, second] = [stops.resume(order), stops.resume(order)]
    await assert.rejects(second, notStopped)
    await first
    const [third, fourth] = [stops.thaw(order), stops.thaw(order)]
    await assert.rejects(fourth, notStopped)
    await third
    assert.deepEqual(written, ['halted', 'frozen', 'resumed', 'thawed'])
    await assert.rejects(stops.resume(order), notStopped)
    await assert.rejects(stops.thaw(order), notStopped)
  })

  it('bring what they end into the log, where the ledger was too busy to take it', async () => {
    const written: string[] = []
    let busy = true
    const { stops, halt, freeze } = await alone(async bodies => {
      if (busy) throw new Error('busy')
      written.push(...bodies.map(({ data }) => String(data.action)))
    })
    await assert.rejects(halt(), /busy/)
    await assert.rejects(freeze(), /busy/)
    assert.ok(stops.haltOf({ agent: 'coder', task: 't-1' }) !== null && stops.frozen() !== null, 'in force')
    const order = new Uint8Array()
    await assert.rejects(stops.resume(order), /busy/)
    assert.ok(stops.haltOf({ agent: 'coder', task: 't-1' }) !== null, 'still in force')
    busy = false
    await stops.resume(order)
    await stops.thaw(order)
    assert.deepEqual(written, ['halted', 'resumed', 'frozen', 'thawed'])
    await halt()
    await stops.resume(order)
    assert.deepEqual(written.slice(4), ['halted', 'resumed'])
  })
})
