import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { Cuts } from '../../src/gate/cuts.js'
import { type ARunningGate, aGate } from './a-gate.js'

let running: ARunningGate

beforeEach(async () => {
  running = await aGate()
})
afterEach(() => running.close())

/** Resolves with the upstream's half of the next exchange, which is then left to the test. */
function reached(): Promise<ServerResponse> {
  return new Promise(resolve => {
    running.upstream.answer = (_request, response) => resolve(response)
  })
}

describe('a request that a halt breaks off', () => {
  it('is refused with the reason where the upstream has not answered, and its outcome is aborted', async () => {
    const { keeper, call } = running
    const upstream = reached()
    const answer = call('/invoices/7/void', { method: 'POST' })
    const ended = once(await upstream, 'close')
    keeper.cut([1], 'It goes on deleting.')
    const { status, headers } = await answer
    assert.deepEqual([status, headers.get('countersign-decision')], [403, 'effect=deny, code=agent_halted'])
    const text = await (await answer).text()
    assert.match(text, /BROKEN OFF by a halt, the operation may have been executed\./)
    assert.match(text, /Their reason: “It goes on deleting\.”/)
    const { attempt, status: outcome, http } = await keeper.outcome()
    assert.deepEqual([attempt, outcome, http], [1, 'aborted', 0])
    await ended // the upstream's connection is closed as well
  })

  it('loses its connection where the answer has begun', async () => {
    const { keeper, call } = running
    const upstream = reached()
    const answer = call('/invoices')
    const response = await upstream
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
    const { body } = await answer
    const reader = body?.getReader()
    assert.equal(Buffer.from((await reader?.read())?.value ?? []).toString(), 'data: 1\n\n')
    const ended = once(response, 'close')
    keeper.cut([1])
    await assert.rejects(async () => reader?.read())
    const { status, http, responseBytes } = await keeper.outcome()
    assert.deepEqual([status, http, responseBytes], ['aborted', 200, 9])
    await ended
  })

  it('never leaves where the order comes before it does', async () => {
    const { keeper, call, upstream } = running
    keeper.onAdmit = () => keeper.cut([1], null)
    const answer = await call('/invoices')
    assert.match(await answer.text(), /REFUSED, nothing was executed\./)
    assert.equal((await keeper.outcome()).status, 'not_sent')
    assert.equal(upstream.received.length, 0)
    keeper.onAdmit = () => {}
    assert.equal((await call('/invoices')).status, 200, 'and only that one')
  })

  it('never leaves either where its policy is withdrawn at the same moment', async () => {
    const { keeper, call, upstream } = running
    const view = keeper.policy()
    keeper.onAdmit = () => {
      keeper.cut([1], null)
      keeper.setPolicy(null)
      keeper.setPolicy(view)
    }
    assert.match(await (await call('/invoices')).text(), /REFUSED, nothing was executed\./)
    assert.equal(upstream.received.length, 0)
  })

  it('is not one that another keeper has under the same number', async () => {
    const { keeper, call } = running
    const view = keeper.policy()
    keeper.cut([1], null)
    keeper.gone = true
    keeper.setPolicy(null)
    keeper.gone = false
    keeper.setPolicy(view)
    assert.equal((await call('/invoices')).status, 200)
  })

  it('leaves every other alone', async () => {
    const { keeper, call } = running
    const first = reached()
    const one = call('/invoices/1')
    const held = await first
    const second = reached()
    const two = call('/invoices/2')
    await second
    keeper.cut([2, 3, 99], null)
    assert.equal((await two).status, 403)
    held.writeHead(200).end('{}')
    assert.equal((await one).status, 200)
  })
})

describe('a request that is halted while it waits for a connection', () => {
  it('never leaves, and its agent reads that nothing was executed', async () => {
    await running.close()
    running = await aGate({ limits: { maxUpstreamConnections: 1 } })
    const { keeper, call, upstream } = running
    const busy = reached()
    const first = call('/invoices')
    const response = await busy
    const admitted = new Promise<void>(resolve => {
      keeper.onAdmit = () => resolve()
    })
    const second = call('/invoices/7/void', { method: 'POST' })
    await admitted
    await new Promise(setImmediate)
    keeper.cut([2], 'It goes on deleting.')
    response.end('done')
    assert.equal(await (await first).text(), 'done')
    assert.match(await (await second).text(), /REFUSED, nothing was executed\./)
    assert.deepEqual(
      upstream.received.map(({ method }) => method),
      ['GET'],
    )
  })
})

describe('orders that come before what they are about', () => {
  it('attack: are kept for it, and the oldest are let go of where there are too many', () => {
    const cuts = new Cuts(new Set())
    const attempts = Array.from({ length: 4_097 }, (_, attempt) => attempt)
    cuts.cut(attempts, { because: 'halted' })
    assert.equal(cuts.take(0), null)
    assert.deepEqual(cuts.take(1), { because: 'halted' })
    assert.deepEqual(cuts.take(4_096), { because: 'halted' })
    assert.equal(cuts.take(1), null)
  })
})
