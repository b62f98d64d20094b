import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type ARunningGate, aGate, BEARER, GRANT } from './a-gate.js'
import { exchangeRaw, rawRequest } from './raw-http.js'
import { ORIGIN } from './table-keeper.js'

let running: ARunningGate

beforeEach(async () => {
  running = await aGate()
})
afterEach(() => running.close())

const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex')

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function retainedBytes(): number {
  collectGarbage()
  return process.memoryUsage().arrayBuffers
}

describe('an admitted request', () => {
  it('reaches the upstream with the minted credential in place of the grant', async () => {
    const response = await running.call('/invoices/in_1?expand=lines')
    assert.equal(response.status, 200)
    assert.equal(await response.text(), '{"ok":true}')
    const [received] = running.upstream.received
    assert.equal(received?.url, '/invoices/in_1?expand=lines')
    assert.equal(received?.headers.authorization, 'Bearer minted-credential-0123456789')
    assert.equal(received?.headers.host, `127.0.0.1:${running.upstream.port}`)
    assert.ok(!JSON.stringify(received?.rawHeaders).includes(GRANT))
  })

  it('is asked for before the first upstream byte, with grant, target and operations', async () => {
    running.keeper.onAdmit = () => assert.equal(running.upstream.received.length, 0)
    await running.call('/invoices/in_1')
    assert.deepEqual(running.keeper.admitted, [
      {
        policyCid: 'sha256:one',
        api: 'billing',
        method: 'GET',
        target: '/invoices/in_1',
        presented: { slot: 'bearer', token: GRANT },
        signed: null,
        foreign: [],
        body: { kind: 'none' },
        classifier: 'rest/3',
        finding: {
          kind: 'operations',
          operations: [
            { name: 'GET /invoices/{id}', args: Object.assign(Object.create(null), { id: 'in_1' }) },
          ],
        },
      },
    ])
  })

  it('carries decision and receipt on its answer', async () => {
    const { headers } = await running.call('/invoices')
    assert.equal(headers.get('countersign-decision'), 'effect=allow, code=allowed')
    assert.equal(headers.get('countersign-receipt'), `origin="${ORIGIN}", seq=1, leaf="${'ab'.repeat(32)}"`)
  })

  it('says of what passes only because its agent observes that it was observed', async () => {
    running.keeper.observed.add('GET /invoices')
    const { headers } = await running.call('/invoices')
    running.keeper.observed.clear()
    assert.equal(headers.get('countersign-decision'), 'effect=allow, code=observed')
    const metrics = await (await fetch(`${running.url}/metrics`)).text()
    assert.match(metrics, /^countersign_requests_total\{api="billing",effect="allow",code="observed"\} 1$/m)
  })

  it('is settled once, with what came back', async () => {
    running.upstream.answer = (_request, response) =>
      void response.writeHead(404, { 'Request-Id': 'req_42' }).end('gone')
    await (await running.call('/invoices/in_1')).text()
    assert.deepEqual(await running.keeper.outcome(), {
      attempt: 1,
      status: 'completed',
      http: 404,
      upstreamId: 'req_42',
      bodySha256: null,
      responseSha256: sha256('gone'),
      responseBytes: 4,
    })
    assert.equal(running.keeper.settled.length, 1)
  })

  for (const [path, type, body] of [
    ['/invoices', 'application/json', '{"b":1, "a":[1.0,2e3], "u":"\\u0064\\u00fc"}\n'],
    ['/invoices', 'application/json; charset=utf-8', '{"text":"grüße"}'],
    ['/forms', 'application/x-www-form-urlencoded', 'a=1&b[c]=%C3%BC&b[d]=x+y'],
    [
      '/attachments',
      'multipart/form-data; boundary=XX',
      '--XX\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n--XX--\r\n',
    ],
  ] as const) {
    it(`arrives byte for byte as ${type}`, async () => {
      const response = await running.call(path, { method: 'POST', body, headers: { 'Content-Type': type } })
      assert.equal(response.status, 200, await response.text())
      const [received] = running.upstream.received
      assert.equal(received?.body.toString(), body)
      assert.equal(received?.headers['content-type'], type)
      assert.equal(received?.headers['content-length'], String(Buffer.byteLength(body)))
      assert.deepEqual(running.keeper.admitted[0]?.body, {
        kind: 'inspected',
        sha256: sha256(body),
        lengthBytes: Buffer.byteLength(body),
      })
    })
  }

  it('streams a body that the decision does not need, with its digest in the outcome', async () => {
    const body = randomBytes(300_000)
    const response = await running.call('/blobs/b1', { method: 'PUT', body })
    assert.equal(response.status, 200)
    const [received] = running.upstream.received
    assert.equal(received?.bodySha256, sha256(body))
    assert.equal(received?.headers['content-length'], '300000')
    assert.deepEqual(running.keeper.admitted[0]?.body, { kind: 'streamed' })
    assert.equal((await running.keeper.outcome()).bodySha256, sha256(body))
  })

  it('keeps memory bounded while 128 MiB go up', async () => {
    const part = Buffer.alloc(1 << 20, 7)
    const whole = createHash('sha256')
    let peakBytes = 0
    async function* parts(): AsyncGenerator<Buffer> {
      for (let i = 0; i < 128; i++) {
        whole.update(part)
        if (i % 8 === 0) peakBytes = Math.max(peakBytes, retainedBytes())
        yield part
      }
    }
    const before = retainedBytes()
    // Not fetch, which takes in a whole iterable without waiting.
    const upload = request(`${running.url}/billing/blobs/big`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${GRANT}` },
    })
    const answered = once(upload, 'response')
    await pipeline(parts(), upload)
    const [response] = (await answered) as [IncomingMessage]
    assert.equal(response.resume().statusCode, 200)
    const [received] = running.upstream.received
    assert.equal(received?.bodyBytes, 128 << 20)
    assert.equal(received?.bodySha256, whole.digest('hex'))
    assert.ok(peakBytes - before < 48 << 20, `${(peakBytes - before) >> 20} MiB at the peak`)
  })

  it('answers HEAD, 204 and 304 without a body', async () => {
    running.upstream.answer = (request, response) => {
      const status = Number(request.headers['if-none-match'] ?? 200)
      response.writeHead(status, status === 200 ? { 'Content-Length': 11 } : {}).end()
    }
    const head = await exchangeRaw(running.url, rawRequest('HEAD /billing/invoices/in_1', [BEARER]))
    assert.equal(head.status, 200)
    assert.match(head.head, /content-length: 11/i)
    assert.equal(head.body, '')
    for (const status of [204, 304]) {
      const answer = await exchangeRaw(
        running.url,
        rawRequest('GET /billing/invoices/in_1', [BEARER, `If-None-Match: ${status}`]),
      )
      assert.equal(answer.status, status)
      assert.equal(answer.body, '')
    }
    assert.equal((await running.keeper.outcome(2)).status, 'completed')
  })

  it('attack: a file name with letters beyond ASCII behind the length of the answer', async () => {
    const disposition = 'attachment; filename="\u00e9.pdf"'
    running.upstream.answer = (_request, response) =>
      void response.socket?.end(
        Buffer.from(
          `HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Disposition: ${disposition}\r\n\r\nok`,
          'latin1',
        ),
      )
    for (const awaitMark of [false, true]) {
      running.keeper.awaitMark = awaitMark
      const answer = await exchangeRaw(running.url, rawRequest('GET /billing/invoices/in_1', [BEARER]))
      assert.deepEqual([answer.status, answer.body], [200, 'ok'])
      assert.ok(answer.head.includes(`Content-Disposition: ${disposition}`), answer.head)
    }
  })

  it('is answered 304 under the length of the answer that it stands for', async () => {
    running.upstream.answer = (_request, response) =>
      void response.writeHead(304, { 'Content-Length': 11, ETag: '"a"' }).end()
    const line = rawRequest('GET /billing/invoices/in_1', [BEARER, 'If-None-Match: "a"'])
    const { status, head, body } = await exchangeRaw(running.url, line)
    assert.deepEqual([status, body], [304, ''])
    assert.match(head, /^ETag: "a"\r?$/m)
    assert.equal((await running.keeper.outcome()).status, 'completed')
  })

  it('gets its answer part by part, not at the end', async () => {
    let finish = (): void => {}
    running.upstream.answer = (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: 1\n\n')
      finish = () => void response.end('data: 2\n\n')
    }
    const response = await running.call('/invoices')
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    assert.equal(Buffer.from((await reader.read()).value ?? []).toString(), 'data: 1\n\n')
    finish()
    assert.equal(Buffer.from((await reader.read()).value ?? []).toString(), 'data: 2\n\n')
  })

  it('ignores informational responses and drops trailers', async () => {
    running.upstream.answer = (_request, response) => {
      response.writeEarlyHints({ link: '</style.css>; rel=preload' })
      response.writeHead(200, { Trailer: 'X-Sum', 'Content-Type': 'text/plain' })
      response.write('body')
      response.addTrailers({ 'X-Sum': '1' })
      response.end()
    }
    const answer = await exchangeRaw(running.url, rawRequest('GET /billing/invoices', [BEARER]))
    assert.equal(answer.status, 200)
    assert.equal(answer.body, 'body')
    assert.doesNotMatch(answer.head, /trailer|link|103/i)
  })

  it('waits for the mark before the last byte where the policy asks for it', async () => {
    running.keeper.awaitMark = true
    let release = (): void => {}
    const marked = new Promise<void>(resolve => {
      release = resolve
    })
    running.keeper.onSettle = () => marked
    let answered = false
    const pending = running.call('/invoices').then(async response => {
      answered = true
      return response.text()
    })
    await running.keeper.outcome()
    await new Promise(resolve => setImmediate(resolve))
    assert.equal(answered, false)
    release()
    assert.equal(await pending, '{"ok":true}')
  })

  it('is answered 503 where the mark is wanted and the keeper cannot confirm it', async () => {
    running.keeper.awaitMark = true
    running.keeper.onSettle = () => Promise.reject(new Error('gone'))
    const response = await running.call('/invoices')
    assert.equal(response.status, 503)
    const { message } = (await response.json()) as { message: string }
    assert.match(message, /^FAILED on the way back, the operation was executed\./)
  })

  it('passes headers by the allow-list in both directions', async () => {
    running.upstream.answer = (_request, response) =>
      void response
        .writeHead(200, {
          ETag: '"v1"',
          'Set-Cookie': 'session=1',
          'X-Internal-Host': 'db-7',
          Server: 'nginx',
          'Countersign-Receipt': 'forged',
        })
        .end()
    const response = await running.call('/invoices', {
      headers: {
        'If-None-Match': '"v0"',
        'X-Forwarded-For': '10.0.0.1',
        'X-Secret-Debug': '1',
        Forwarded: 'for=1.2.3.4',
      },
    })
    const names = running.upstream.received[0]?.rawHeaders
      .filter((_, i) => i % 2 === 0)
      .map(n => n.toLowerCase())
    assert.deepEqual(
      names?.sort(),
      [
        'accept',
        'accept-encoding',
        'accept-language',
        'authorization',
        'connection',
        'host',
        'if-none-match',
        'user-agent',
      ].sort(),
    )
    assert.equal(running.upstream.received[0]?.headers['accept-encoding'], 'identity')
    assert.equal(response.headers.get('etag'), '"v1"')
    for (const name of ['set-cookie', 'x-internal-host', 'server'])
      assert.equal(response.headers.get(name), null, name)
    assert.match(response.headers.get('countersign-receipt') ?? '', /^origin=/)
  })

  it('is sent at most once, also where the upstream answers 503 or breaks off', async () => {
    running.upstream.answer = (_request, response) => void response.writeHead(503).end('busy')
    assert.equal((await running.call('/invoices')).status, 503)
    running.upstream.answer = request => void request.socket.destroy()
    assert.equal((await running.call('/invoices')).status, 502)
    assert.equal(running.upstream.received.length, 2)
    assert.equal((await running.keeper.outcome(1)).status, 'upstream_error')
  })
})

describe('encoded bodies', () => {
  it('are decoded, classified and forwarded decoded', async () => {
    const { gzipSync, deflateSync, brotliCompressSync } = await import('node:zlib')
    const body = '{"amount":5}'
    for (const [coding, compress] of [
      ['gzip', gzipSync],
      ['deflate', deflateSync],
      ['br', brotliCompressSync],
    ] as const) {
      const response = await running.call('/invoices', {
        method: 'POST',
        body: compress(body),
        headers: { 'Content-Type': 'application/json', 'Content-Encoding': coding },
      })
      assert.equal(response.status, 200, coding)
      const received = running.upstream.received.at(-1)
      assert.equal(received?.body.toString(), body)
      assert.equal(received?.headers['content-encoding'], undefined)
      assert.equal(received?.headers['content-length'], String(body.length))
    }
  })
})
