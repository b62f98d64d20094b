import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Notice, NoticePlace } from '../../src/keeper/index.js'
import { NOTICES, Notices } from '../../src/keeper/notices.js'
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
