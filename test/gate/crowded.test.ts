import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { afterEach, describe, it } from 'node:test'
import { GrantShares } from '../../src/gate/grant-shares.js'
import { InspectionRoom } from '../../src/gate/inspection.js'
import { type AGateOptions, type ARunningGate, aGate, BEARER, encoded, GRANT } from './a-gate.js'
import { dial, exchangeRaw, rawRequest } from './raw-http.js'

const OTHER_GRANT = `${encoded({ typ: 'at+jwt', alg: 'Ed25519' })}.${encoded({ sub: 'other' })}.c2ln`

const opened: ARunningGate[] = []
const open = async (options: AGateOptions): Promise<ARunningGate> => {
  const running = await aGate(options)
  opened.push(running)
  return running
}
afterEach(async () => {
  for (const running of opened.splice(0)) await running.close()
})

/** Connected, and known to the gate: it has had an answer. */
async function used(url: string): Promise<Socket> {
  const socket = dial(url)
  socket.write('GET /livez HTTP/1.1\r\nHost: gate.test\r\n\r\n')
  await once(socket, 'data')
  return socket
}

describe('attack: an agent that holds every connection', () => {
  it('loses the one that was idle for longest to the next agent', async () => {
    const { url, call } = await open({ limits: { maxConnections: 2 } })
    const first = await used(url)
    const second = await used(url)
    const gone = once(first, 'close')
    const answer = await call('/invoices', { headers: { connection: 'close' } })
    assert.equal(answer.status, 200)
    await gone
    assert.equal(second.readableEnded, false)
    second.destroy()
    const metrics = await (await fetch(`${url}/metrics`)).text()
    assert.match(metrics, /^countersign_crowded_connections_total [1-9]/m)
  })

  it('loses those that send half a request, and those that send nothing', async () => {
    const { url } = await open({ limits: { maxConnections: 2 } })
    const half = dial(url)
    half.write('GET /billing/invoices HTTP/1.1\r\n')
    const silent = dial(url)
    const gone = Promise.all([half, silent].map(socket => once(socket, 'close')))
    for (let call = 0; call < 4; call++) {
      const answer = await exchangeRaw(url, rawRequest('GET /billing/invoices', [BEARER]))
      assert.equal(answer.status, 200)
      await used(url).then(socket => socket.unref())
    }
    await gone
  })

  it('keeps those whose requests are under way, and a further one is closed', async () => {
    const { url, upstream } = await open({ limits: { maxConnections: 2 } })
    const answers: (() => void)[] = []
    upstream.answer = (_request, response) => void answers.push(() => response.end('done'))
    const asked = [1, 2].map(() => exchangeRaw(url, rawRequest('GET /billing/invoices', [BEARER])))
    while (answers.length < 2) await new Promise(resolve => setImmediate(resolve))
    const third = await exchangeRaw(url, rawRequest('GET /billing/invoices', [BEARER]))
    assert.equal(third.status, 0)
    for (const answer of answers) answer()
    for (const { status } of await Promise.all(asked)) assert.equal(status, 200)
  })

  it('keeps one with an upload that waited to be asked for', async () => {
    const { url, call, upstream } = await open({ limits: { maxConnections: 2 } })
    const uploading = dial(url)
    const head = rawRequest('PUT /billing/blobs/b', [BEARER, 'Content-Length: 5', 'Expect: 100-continue'])
    uploading.write(head)
    const [invitation] = (await once(uploading, 'data')) as [Buffer]
    assert.match(invitation.toString(), /^HTTP\/1\.1 100 /)
    const idle = await used(url)
    const gone = Promise.race([idle, uploading].map(socket => once(socket, 'close').then(() => socket)))
    assert.equal((await call('/invoices')).status, 200)
    assert.equal(await gone, idle)
    uploading.write('hello')
    assert.match(String(await once(uploading, 'data')), /^HTTP\/1\.1 200 /)
    assert.equal(upstream.received.at(-1)?.body.toString(), 'hello')
  })
})

describe('attack: long bodies that arrive together', () => {
  it('are taken apart one in each turn of the event loop', async () => {
    const { keeper, url } = await open({})
    let turns = 0
    const count = (): void => {
      if (++turns < 100_000) setImmediate(count)
    }
    count()
    const admittedIn: number[] = []
    keeper.onAdmit = () => void admittedIn.push(turns)
    const body = `{"note":"${'n'.repeat(70_000)}"}`
    const head = ['Content-Type: application/json', `Content-Length: ${body.length}`, BEARER]
    const asked = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const socket = await used(url)
        socket.write(rawRequest('POST /billing/invoices', head, body.slice(0, -1)))
        return socket
      }),
    )
    // Answered behind them, so that what came before has arrived.
    for (let request = 0; request < 8; request++) await used(url).then(socket => socket.destroy())
    const answered = asked.map(socket => once(socket, 'data'))
    for (const socket of asked) socket.write('}')
    await Promise.all(answered)
    turns = 100_000
    assert.equal(new Set(admittedIn).size, 8)
    for (const socket of asked) socket.destroy()
  })
})

describe('attack: a body of a hundred thousand empty objects', () => {
  it('is refused where it has more values than are taken apart', async () => {
    const { keeper, call } = await open({})
    const findings: unknown[] = []
    keeper.onAdmit = ({ finding }) => void findings.push(finding)
    const body = `{"note":[${'{},'.repeat(100_000)}{}]}`
    const answer = await call('/invoices', {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    })
    assert.equal(answer.status, 413)
    assert.deepEqual(findings, [{ kind: 'refused', code: 'arguments_too_complex' }])
  })
})

describe('attack: a grant whose requests hang', () => {
  it('leaves room for the bodies of the others', async () => {
    const limits = { maxInspectingBytes: 4_000, maxInspectingBytesPerGrant: 2_000, upstreamMs: 10_000 }
    const { upstream, url } = await open({ limits })
    const answers: (() => void)[] = []
    upstream.answer = (_request, response) => void answers.push(() => response.end('done'))
    const post = (grant: string): Promise<Response> =>
      fetch(`${url}/billing/invoices`, {
        method: 'POST',
        body: `{"note":"${'n'.repeat(1_500)}"}`,
        headers: { authorization: `Bearer ${grant}`, 'content-type': 'application/json' },
      })
    const hanging = [post(GRANT)]
    while (answers.length < 1) await new Promise(resolve => setImmediate(resolve))
    const second = await post(GRANT)
    assert.deepEqual([second.status, ((await second.json()) as { code: string }).code], [503, 'gate_busy'])
    hanging.push(post(OTHER_GRANT))
    while (answers.length < 2) await new Promise(resolve => setImmediate(resolve))
    for (const answer of answers) answer()
    for (const response of await Promise.all(hanging)) assert.equal(await response.text(), 'done')
    upstream.answer = (_request, response) => void response.end('done')
    assert.equal((await post(GRANT)).status, 200)
  })

  it('has room for whole bodies that are announced, and not for a part of each of many', async () => {
    const { url } = await open({ limits: { maxInspectingBytes: 8_000, maxInspectingBytesPerGrant: 4_000 } })
    const body = `{"note":"${'n'.repeat(1_500)}"}`
    const headers = [BEARER, 'Content-Type: application/json', `Content-Length: ${body.length}`]
    const request = rawRequest('POST /billing/invoices', headers, body)
    const half = request.length - body.length / 2
    const begun = [1, 2, 3, 4].map(() => {
      const socket = dial(url)
      socket.write(request.slice(0, half))
      return socket
    })
    const statusOf = async (socket: Socket): Promise<string> => {
      const [answer] = await once(socket, 'data')
      return String(answer).slice(9, 12)
    }
    const statuses = begun.map(statusOf)
    const answered = new Set<number>()
    const refused = statuses.map((status, at) => status.then(code => answered.add(at) && code))
    assert.equal(await Promise.race(refused), '503')
    while (answered.size < 2) await new Promise(resolve => setImmediate(resolve))
    for (const [at, socket] of begun.entries()) if (!answered.has(at)) socket.write(request.slice(half))
    assert.deepEqual((await Promise.all(statuses)).sort(), ['200', '200', '503', '503'])
  })

  it('holds nothing of others’ room with what it announces and never sends', () => {
    const room = new InspectionRoom({
      maxInspectingBytes: 1_000,
      maxInspectingBytesPerGrant: 600,
      maxArriving: 10,
    })
    const holdingOf = (grant: string) => {
      const holding = room.open()
      holding.belongTo(grant)
      return holding
    }
    const [silent, other, third] = [holdingOf('silent'), holdingOf('other'), holdingOf('third')]
    assert.equal(silent.announce(600), true)
    assert.equal(holdingOf('silent').announce(1), false)
    assert.equal(holdingOf('silent').take(1), false)
    assert.ok(other.announce(500) && other.take(500))
    assert.ok(third.announce(500) && third.take(500))
    for (const holding of [silent, other, third]) holding.release()
    assert.equal(room.size, 0)
    assert.ok(holdingOf('silent').announce(600))
  })

  it('leaves places to the others', async () => {
    const { call, upstream, url } = await open({ limits: { maxOpenPerGrant: 2, upstreamMs: 10_000 } })
    const answers: (() => void)[] = []
    upstream.answer = (_request, response) => void answers.push(() => response.end('done'))
    const hanging = [call('/invoices'), call('/invoices')]
    while (answers.length < 2) await new Promise(resolve => setImmediate(resolve))
    const third = await call('/invoices')
    assert.deepEqual([third.status, ((await third.json()) as { code: string }).code], [503, 'gate_busy'])
    upstream.answer = (_request, response) => void response.end('done')
    const other = { authorization: `Bearer ${OTHER_GRANT}` }
    assert.equal((await fetch(`${url}/billing/invoices`, { headers: other })).status, 200)
    for (const answer of answers) answer()
    for (const response of await Promise.all(hanging)) assert.equal(await response.text(), 'done')
    assert.equal((await call('/invoices', { headers: { authorization: `Bearer ${GRANT}` } })).status, 200)
  })
})

describe('attack: a grant of its own for each request, forged', () => {
  const forged = Array.from({ length: 100 }, (_, i) => `${GRANT}${i}`)

  it('is nothing that a gate remembers once the request is through', () => {
    const shares = new GrantShares(2)
    const open = forged.flatMap(token => [shares.open(), shares.open()].map(share => ({ token, share })))
    for (const { token, share } of open) assert.equal(share.claim(token), true)
    assert.equal(shares.size, 100)
    for (const { share } of open) share.release()
    assert.equal(shares.size, 0)
  })

  it('is nothing that a gate remembers once its body is let go of', () => {
    const room = new InspectionRoom({
      maxInspectingBytes: 100_000,
      maxInspectingBytesPerGrant: 1_000,
      maxArriving: 10,
    })
    const held = forged.map(token => {
      const holding = room.open()
      holding.belongTo(token)
      assert.equal(holding.take(500), true)
      return holding
    })
    assert.equal(room.size, 100)
    for (const holding of held) holding.release()
    assert.equal(room.size, 0)
    for (const holding of held) holding.release()
    assert.equal(room.size, 0)
  })
})
