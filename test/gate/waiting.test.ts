import assert from 'node:assert/strict'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { type ARunningGate, aGate, BEARER, billingApi, policyOf } from './a-gate.js'
import { dial, exchangeRaw, rawRequest } from './raw-http.js'

const VOID = 'POST /invoices/{id}/void'
const APPROVAL = '0198c3a2-0000-7000-8000-000000000001'
const HELD = { effect: 'hold', code: 'approval_required', approval: APPROVAL } as const

let running: ARunningGate

beforeEach(async () => {
  running = await aGate({ limits: { maxWaitingPerAgent: 2, maxWaiting: 3 } })
  running.keeper.verdicts.set(VOID, HELD)
})
afterEach(() => running.close())

function ask(prefer: string | null = 'wait=60', body = '{"reason":"double"}'): Promise<Response> {
  const headers = {
    'content-type': 'application/json',
    ...(prefer === null ? {} : { prefer }),
  }
  return running.call('/invoices/7/void', { method: 'POST', headers, body })
}

/** Resolves when so many requests wait for people. */
function watching(count = 1): Promise<void> {
  const { keeper } = running
  return new Promise(resolve => {
    const look = (): void => {
      if (keeper.watched.length >= count) resolve()
    }
    keeper.onWatch = look
    look()
  })
}

async function codeOf(answer: Response): Promise<string> {
  return ((await answer.json()) as { code: string }).code
}

describe('a held request of an agent that would rather wait', () => {
  it('passes as soon as people have approved, with the bytes that it came with', async () => {
    const { keeper, upstream } = running
    const answer = ask()
    await watching()
    assert.equal(upstream.received.length, 0)
    keeper.verdicts.delete(VOID)
    keeper.watched[0]?.tell('changed')
    const { status, headers } = await answer
    assert.deepEqual([status, headers.get('preference-applied')], [200, 'wait=60'])
    assert.equal(upstream.received.length, 1)
    assert.equal(upstream.received[0]?.body.toString(), '{"reason":"double"}')
    assert.equal(keeper.watched[0]?.approval, APPROVAL)
    assert.equal(keeper.admitted.length, 2, 'each try is asked for, and has a receipt')
    assert.deepEqual(keeper.admitted[0], keeper.admitted[1])
  })

  it('reads why it was rejected', async () => {
    const { keeper, upstream } = running
    const answer = ask()
    await watching()
    keeper.verdicts.set(VOID, { effect: 'deny', code: 'approval_rejected', because: 'Not now.' })
    keeper.watched[0]?.tell('changed')
    const { status, text } = await answer.then(async got => ({ status: got.status, text: await got.text() }))
    assert.equal(status, 403)
    assert.match(text, /Not now\./)
    assert.equal(upstream.received.length, 0)
  })

  it('is HELD when its time is up, and told how long it was waited for', async () => {
    const answer = await ask('respond-async, wait="1"')
    assert.equal(answer.headers.get('preference-applied'), 'wait=1')
    assert.match(await answer.text(), /"HELD, nothing was executed\./)
    assert.equal(running.keeper.admitted.length, 1)
  })

  it('is told where its approval has ended meanwhile', async () => {
    const answer = ask()
    await watching()
    running.keeper.watched[0]?.tell('ended')
    assert.equal(await codeOf(await answer), 'approval_ended')
  })

  it('waits on where it is held again', async () => {
    const { keeper } = running
    const answer = ask()
    await watching()
    keeper.watched[0]?.tell('changed')
    await watching(2)
    keeper.verdicts.delete(VOID)
    keeper.watched[1]?.tell('changed')
    assert.equal((await answer).status, 200)
    assert.equal(keeper.admitted.length, 3)
  })

  it('is decided anew under the next policy', async () => {
    const { keeper, upstream } = running
    const answer = ask()
    await watching()
    keeper.verdicts.delete(VOID)
    keeper.setPolicy(policyOf('sha256:two', billingApi(upstream.origin)))
    assert.equal((await answer).status, 200)
    assert.equal(keeper.admitted[1]?.policyCid, 'sha256:two')
  })

  it('is HELD where the keeper goes away', async () => {
    const answer = ask()
    await watching()
    running.keeper.setPolicy(null)
    assert.equal(await codeOf(await answer), 'approval_required')
    assert.equal(running.keeper.admitted.length, 1)
  })

  it('is HELD where the gate stops', async () => {
    const other = await aGate()
    other.keeper.verdicts.set(VOID, HELD)
    const watched = new Promise<void>(resolve => {
      other.keeper.onWatch = resolve
    })
    const answer = other.call('/invoices/7/void', { method: 'POST', headers: { prefer: 'wait=60' } })
    await watched
    const closed = other.close()
    assert.equal(await codeOf(await answer), 'approval_required')
    await closed
  })

  it('is HELD at once where it doesn’t say that it would wait, or nothing that is a time', async () => {
    for (const prefer of [
      null,
      'wait',
      'wait=0',
      'wait=soon',
      'wait=-1',
      'return=minimal',
      'foo="a, wait=9"',
    ]) {
      const answer = await ask(prefer)
      assert.deepEqual(
        [await codeOf(answer), answer.headers.get('preference-applied')],
        ['approval_required', null],
      )
    }
    assert.equal(running.keeper.watched.length, 0)
  })

  it('waits no longer than a minute, whatever it asks for', async () => {
    const answer = ask('wait=86400')
    await watching()
    running.keeper.watched[0]?.tell('unwatched')
    assert.equal((await answer).headers.get('preference-applied'), 'wait=60')
  })
})

describe('what the upstream reads of preferences', () => {
  it('is all of them but how long to wait for people', async () => {
    const { upstream } = running
    const send = (prefer: string) =>
      running.call('/invoices', { method: 'POST', headers: { prefer }, body: null })
    await send('wait=30')
    await send('return=minimal, wait=30, note="a, wait=1"')
    await send('handling=strict')
    assert.deepEqual(
      upstream.received.map(({ headers }) => headers.prefer),
      [undefined, 'return=minimal, note="a, wait=1"', 'handling=strict'],
    )
  })
})

describe('attacks with requests that wait', () => {
  it('attack: an agent waits with more requests than it has places for: the rest is refused at once', async () => {
    const waiting = [ask(), ask()]
    await watching(2)
    const third = await ask()
    assert.deepEqual(
      [await codeOf(third), third.headers.get('preference-applied')],
      ['approval_required', null],
    )
    running.keeper.verdicts.set(VOID, { ...HELD, agent: 'another' })
    const other = ask()
    await watching(3)
    running.keeper.verdicts.set(VOID, { ...HELD, agent: 'a third' })
    assert.equal(await codeOf(await ask()), 'approval_required', 'all together have a bound as well')
    running.keeper.verdicts.delete(VOID)
    for (const { tell } of running.keeper.watched) tell('changed')
    for (const answer of [...waiting, other]) assert.equal((await answer).status, 200)
  })

  it('attack: an agent is held again and again: it is asked for a few times, and then answered', async () => {
    const { keeper } = running
    // Far beyond the bound, people let it pass: without one the request would end as well.
    keeper.onAdmit = () => void (keeper.admitted.length > 50 && keeper.verdicts.delete(VOID))
    keeper.onWatch = () => keeper.watched.at(-1)?.tell('changed')
    assert.equal(await codeOf(await ask()), 'approval_required')
    assert.equal(keeper.admitted.length, 9, 'once, and eight times more')
  })

  it('attack: an agent would wait with a body that it keeps back: it is answered at once', async () => {
    const { keeper, url } = running
    keeper.verdicts.set('PUT /blobs/{id}', HELD)
    keeper.onWatch = () => keeper.watched[0]?.tell('ended')
    const upload = ['Prefer: wait=60', 'Content-Length: 100', BEARER]
    const answer = await exchangeRaw(url, rawRequest('PUT /billing/blobs/b', upload, 'half'))
    assert.equal((JSON.parse(answer.body) as { code: string }).code, 'approval_required')
    assert.equal(keeper.watched.length, 0)
  })

  it('attack: an agent leaves while it waits: nothing is asked for or sent, and its place is free', async () => {
    const { keeper, upstream, url } = running
    const sockets = [dial(url), dial(url)]
    for (const socket of sockets)
      socket.write(
        [
          'POST /billing/invoices/7/void HTTP/1.1',
          'Host: gate.test',
          BEARER,
          'Prefer: wait=60',
          'Content-Length: 0',
          '',
          '',
        ].join('\r\n'),
      )
    await watching(2)
    for (const socket of sockets) socket.destroy()
    await Promise.all(sockets.map(socket => (socket.closed ? null : once(socket, 'close'))))
    const metrics = async () => (await fetch(`${url}/metrics`)).text()
    while (!(await metrics()).includes('countersign_waiting_requests 0\n')) await new Promise(setImmediate)
    for (const { tell } of keeper.watched) tell('changed')
    const answer = ask()
    await watching(3)
    assert.equal(keeper.admitted.length, 3, 'each of the three asked once')
    keeper.verdicts.delete(VOID)
    keeper.watched[2]?.tell('changed')
    assert.equal((await answer).status, 200)
    assert.equal(upstream.received.length, 1)
  })
})
