import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CountersignError } from '../../src/canon/index.js'
import { type Evidence, EvidenceAlarm, type Trouble, troublesOf } from '../../src/keeper/evidence-alarm.js'
import type { Notice, NoticePlace } from '../../src/keeper/index.js'
import { NOTICES, Notices } from '../../src/keeper/notices.js'
import { ledgerErrors } from '../../src/ledger/error-table.js'
import { House, operation, until } from './keeper-fixture.js'

const VOID = 'POST /invoices/{id}/void'
const log = { info: () => {}, warn: () => {}, error: () => {} }

/** A place that remembers, and fails as often as it is told. */
class APlace implements NoticePlace {
  readonly name = 'pager'
  readonly tried: Notice[] = []
  readonly arrived: Notice[] = []
  failures = 0
  closed = false
  /** While it is set, tries end only with their signal. */
  hangs = false

  async deliver(notice: Notice, signal: AbortSignal): Promise<void> {
    this.tried.push(notice)
    if (this.hangs)
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    if (this.failures-- > 0) throw Object.assign(new Error('down'), { code: 'http_503' })
    this.arrived.push(notice)
  }

  async close(): Promise<void> {
    this.closed = true
  }
}

function aNotice(id: string, t = Date.now()): Notice {
  return { id, type: 'halt.halted', t, data: {} }
}

function notices(place: NoticePlace, changes: Partial<typeof NOTICES> = {}, clock = { nowMs: Date.now }) {
  const bounds = { ...NOTICES, firstPauseMs: 1, longestPauseMs: 2, ...changes }
  return new Notices({ places: [place], clock, log, bounds })
}

describe('notices', () => {
  it('are tried again until they arrive, in order, each under the same id', async () => {
    const place = new APlace()
    place.failures = 3
    const told = notices(place)
    for (const id of ['one', 'two']) told.raise(aNotice(id))
    await until(() => place.arrived.length === 2)
    assert.deepEqual(
      place.tried.map(({ id }) => id),
      ['one', 'one', 'one', 'one', 'two'],
    )
    await until(() => told.status()[0]?.delivered === 2)
    assert.deepEqual(told.status(), [{ name: 'pager', delivered: 2, queued: 0, dropped: 0, failing: null }])
    await told.stop()
    assert.ok(place.closed)
  })

  it('say what is wrong while they fail', async () => {
    const place = new APlace()
    place.failures = Number.POSITIVE_INFINITY
    const told = notices(place)
    told.raise(aNotice('one'))
    await until(() => (told.status()[0]?.failing?.tries ?? 0) >= 3)
    assert.equal(told.status()[0]?.failing?.code, 'http_503')
    await told.stop()
  })

  it('are given up when they are old', async () => {
    const place = new APlace()
    let nowMs = 0
    const told = notices(place, { maxAgeMs: 1_000 }, { nowMs: () => nowMs })
    place.failures = 2
    told.raise(aNotice('one', 0))
    await until(() => place.tried.length === 1)
    nowMs = 1_001
    await until(() => told.status()[0]?.dropped === 1)
    assert.deepEqual(place.arrived, [])
    await told.stop()
  })

  it('attack: approvals beyond the room there is don’t push a halt out', async () => {
    const place = new APlace()
    place.failures = 1
    const told = notices(place, { maxQueued: 3, firstPauseMs: 20 })
    told.raise(aNotice('halt'))
    for (const id of ['a', 'b', 'c', 'd', 'e']) told.raise({ ...aNotice(id), type: 'approval.requested' })
    await until(() => told.status()[0]?.delivered === 3)
    assert.deepEqual(
      place.arrived.map(({ id }) => id),
      ['halt', 'd', 'e'],
    )
    await told.stop()
  })

  it('attack: more than there is room for: the oldest makes room, it is counted, and a stop waits for nothing', async () => {
    const place = new APlace()
    place.hangs = true
    const told = notices(place, { maxQueued: 3 })
    for (const id of ['one', 'two', 'three', 'four', 'five']) told.raise(aNotice(id))
    const [status] = told.status()
    assert.deepEqual([status?.queued, status?.dropped], [3, 2])
    await told.stop()
    assert.deepEqual(
      place.tried.map(({ id }) => id),
      ['one'],
    )
  })
})

describe('what a keeper tells of', () => {
  it('is who asks for what, with nothing of its arguments, and the same again after a restart', async t => {
    const house = await House.build(t)
    const place = new APlace()
    const first = await house.start({ noticePlaces: [place] })
    const link = await house.connect()
    const id = 'in_\u202e7'
    const asked = { ...operation(VOID, id), target: `/invoices/${encodeURIComponent(id)}/void` }
    const { verdict } = await house.ask(link, asked)
    assert.ok(verdict.kind === 'refuse' && verdict.approval !== null)
    await until(() => place.arrived.length === 1)
    const [requested] = place.arrived
    assert.equal(requested?.id, `${verdict.approval}.requested`)
    assert.equal(requested?.type, 'approval.requested')
    const { data } = requested
    assert.deepEqual(
      [data.agent, data.environment, data.task, data.owner, data.rule],
      ['coder', 'staging', 't-1', 'maria', 'finance-voids'],
    )
    assert.match(JSON.stringify(data.operations), /⟦U\+202E⟧/)
    assert.doesNotMatch(JSON.stringify(requested), /\u202e|"args|salt|match|Bearer/)

    await house.admin('POST', '/v1/stops/halt', {
      of: { scope: 'agent', agent: 'coder' },
      by: 'jo',
      because: 'It deletes.',
    })
    await house.admin('POST', '/v1/stops/freeze', { by: 'jo' })
    await until(() => place.arrived.length === 3)
    for (const { data } of place.arrived) assert.match(String(data.log), /^acme\.test\/countersign\//)
    const stops = place.arrived.slice(1).map(({ type, data: { by, because } }) => [type, by, because])
    assert.deepEqual(stops, [
      ['halt.halted', 'jo', 'It deletes.'],
      ['freeze.frozen', 'jo', undefined],
    ])
    await link.close()
    await first.keeper.stop()

    const again = new APlace()
    await house.start({ noticePlaces: [again] })
    await until(() => again.arrived.length === 1)
    assert.deepEqual(again.arrived[0]?.id, requested.id)
  })

  it('attack: a place that never answers holds up no request and no stop', async t => {
    const house = await House.build(t)
    const place = new APlace()
    place.hangs = true
    const { keeper } = await house.start({ noticePlaces: [place] })
    const link = await house.connect()
    for (const id of ['7', '8']) {
      const { verdict } = await house.ask(link, operation(VOID, id))
      assert.equal(verdict.kind === 'refuse' && verdict.code, 'approval_required')
    }
    const { body } = await house.admin('GET', '/v1/status')
    assert.deepEqual(body.notices, [{ name: 'pager', delivered: 0, queued: 2, dropped: 0, failing: null }])
    await link.close()
    await keeper.stop()
  })
})

describe('alarms about the evidence', () => {
  const trouble = { alarm: 'witness_failing', name: 'w1', code: 'witness_timeout', sinceMs: 0 } as const

  function alarm() {
    const told: string[] = []
    const evidence = new EvidenceAlarm(({ type, data }) => told.push(`${type} ${data.alarm} ${data.name}`))
    return { told, look: (nowMs: number, ...troubles: Trouble[]) => evidence.look(troubles, nowMs) }
  }

  it('are told once a witness has failed for a minute, and once when it has been well for one', () => {
    const { told, look } = alarm()
    for (const nowMs of [0, 59_999]) look(nowMs, trouble)
    assert.deepEqual(told, [])
    for (const nowMs of [60_000, 61_000, 500_000]) look(nowMs, trouble)
    assert.deepEqual(told, ['alarm.raised witness_failing w1'])
    for (const nowMs of [501_000, 560_999]) look(nowMs)
    assert.equal(told.length, 1)
    look(561_000)
    assert.deepEqual(told, ['alarm.raised witness_failing w1', 'alarm.ended witness_failing w1'])
  })

  it('attack: something that comes and goes fills nobody’s pager', () => {
    const { told, look } = alarm()
    for (let nowMs = 0; nowMs < 3_600_000; nowMs += 2_000) {
      look(nowMs, { ...trouble, alarm: 'unshipped', name: null, sinceMs: nowMs })
      look(nowMs + 1_000)
    }
    assert.deepEqual(told, [], 'shorter than the grace each time')
    for (let nowMs = 3_600_000; nowMs < 7_200_000; nowMs += 60_000) {
      look(nowMs, trouble)
      look(nowMs + 30_000)
    }
    assert.deepEqual(told, ['alarm.raised witness_failing w1'])
  })

  it('are about each place and bound by itself', async t => {
    const house = await House.build(t)
    const failing = {
      code: 'ship_unreachable',
      message: 'at https://user:secret@there',
      sinceMs: 5,
      tries: 2,
    }
    const lag = { entries: 200, seconds: 0 }
    const shipping = {
      lag: () => lag,
      status: () => [
        { name: 'bucket', failing },
        { name: 'fine', failing: null },
      ],
    }
    const witnesses = { lag: () => null }
    const parts = { shipping, followers: { shipping, witnesses } } as unknown as Evidence
    const bounds = {
      maxUnshipped: { entries: 100, seconds: null },
      maxUnwitnessed: { entries: null, seconds: 5 },
    }
    const found = troublesOf(parts, bounds, house.clock.nowMs())
    assert.deepEqual(
      found.map(({ alarm, name, code }) => [alarm, name, code]),
      [
        ['shipping_failing', 'bucket', 'ship_unreachable'],
        ['unshipped', null, 'evidence_unshipped'],
        ['unwitnessed', null, 'evidence_unwitnessed'],
      ],
    )
    assert.doesNotMatch(JSON.stringify(found), /secret/)
    assert.deepEqual(troublesOf(parts, null, 0).length, 1, 'without bounds nobody stands still')
  })
})

describe('the last words of a keeper', () => {
  it('are that it ends in order', async t => {
    const house = await House.build(t)
    const place = new APlace()
    const { keeper, ledger } = await house.start({ noticePlaces: [place] })
    const { size } = ledger.head()
    await keeper.stop()
    assert.deepEqual(
      place.arrived.map(({ type, data }) => [type, data]),
      [['keeper.closing', { log: ledger.chain, size }]],
    )
    assert.ok(place.closed)
  })

  it('are that the ledger takes nothing more', async t => {
    const house = await House.build(t)
    const place = new APlace()
    const opened = await house.openLedger()
    let fail = (_: CountersignError): void => undefined
    const failed = new Promise<CountersignError>(resolve => {
      fail = resolve
    })
    const ledger = new Proxy(opened, {
      get: (target, name) => {
        const value = name === 'failed' ? failed : Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const { keeper } = await house.start({ ledger, noticePlaces: [place] })
    fail(
      new CountersignError('ledger_write_failed', ledgerErrors.ledger_write_failed, 'at /srv/secret-place'),
    )
    await failed
    await keeper.told(5_000)
    const [notice] = place.arrived
    assert.deepEqual(
      [notice?.type, notice?.data.alarm, notice?.data.code],
      ['alarm.raised', 'ledger_refused', 'ledger_write_failed'],
    )
    assert.equal(notice?.id, `alarm.ledger_refused.${ledger.chain}.${ledger.head().size}.ledger_write_failed`)
    assert.doesNotMatch(JSON.stringify(notice), /secret-place/)
  })
})
