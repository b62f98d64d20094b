import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, beforeEach, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { type ARunningGate, aGate, BEARER, GRANT } from './a-gate.js'
import { dial, exchangeRaw, type RawAnswer, rawRequest } from './raw-http.js'

let running: ARunningGate
before(async () => {
  running = await aGate({ limits: { maxInspectBytes: 4_096, inspectedBodyMs: 200, headersMs: 500 } })
})
after(() => running.close())
beforeEach(() => {
  running.keeper.admitted.length = 0
  running.upstream.received.length = 0
})

const send = (line: string, headers: readonly string[] = [], body = ''): Promise<RawAnswer> =>
  exchangeRaw(running.url, rawRequest(line, headers, body))

/** The attack never reached the upstream, and the keeper recorded it under this code before it was answered. */
function assertRefused(answer: RawAnswer, code: string, status: number): void {
  assert.equal(answer.status, status, answer.head)
  assert.equal((JSON.parse(answer.body) as { code: string }).code, code)
  assert.deepEqual(
    running.keeper.admitted.map(({ finding }) => finding),
    [{ kind: 'refused', code }],
  )
  assert.equal(running.upstream.received.length, 0)
}

describe('attacks on the target', () => {
  for (const [target, code] of [
    ['/billing/./invoices', 'target_dot_segment'],
    ['/billing/../admin', 'target_dot_segment'],
    ['/billing/%2e%2e/admin', 'target_percent'],
    ['/billing/invoices/%2E%2E', 'target_encoded_plain'],
    ['/billing/..;/admin', 'target_semicolon'],
    ['/billing/invoices/a%2Fb', 'target_encoded_slash'],
    ['/billing/invoices/a%5Cb', 'target_backslash'],
    ['/billing/a\\..\\b', 'target_backslash'],
    ['/billing/invoices/%00', 'target_control'],
    ['/billing//evil.test/invoices', 'target_empty_segment'],
    ['/billing/invoices#/../x', 'target_fragment'],
    ['/billing/%69nvoices', 'target_encoded_plain'],
    ['/billing/invoices;x=1', 'target_semicolon'],
    ['/billing/invoices/%zz', 'target_percent'],
    ['/billing/invoices/%252e%252e', 'target_double_encoding'],
    [`/billing/invoices/${'a'.repeat(9_000)}`, 'target_too_long'],
  ] as const) {
    it(`refuses ${target.slice(0, 40)} as ${code}`, async () => {
      const answer = await send(`GET ${target}`, [BEARER])
      assertRefused(answer, code, code === 'target_too_long' ? 414 : 400)
    })
  }

  for (const target of [
    'http://evil.test/billing/invoices',
    '//evil.test/billing/invoices',
    '/%62illing/invoices',
    '/BILLING/invoices',
    '/other/invoices',
    '/',
    '*',
  ]) {
    it(`names no API with ${target}, and is refused with the grant's name on it`, async () => {
      const answer = await send(`${target === '*' ? 'OPTIONS' : 'GET'} ${target}`, [BEARER])
      assertRefused(answer, 'unknown_api', 404)
      const [call] = running.keeper.admitted
      assert.deepEqual([call?.api, call?.policyCid, call?.presented?.token], ['', '', GRANT])
    })
  }

  it('sends the raw bytes of an admitted target, in no other spelling', async () => {
    const target = "/invoices/a%C3%BC'(x)?b=1&a=%2B+%20&c"
    await send(`GET /billing${target}`, [BEARER])
    assert.equal(running.upstream.received[0]?.url, target)
    assert.equal(running.keeper.admitted[0]?.target, target)
  })

  it('closes on tab and CR in the request line, and on what is no HTTP, without a word about why', async () => {
    for (const bytes of [
      'GET /billing/a\tb HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET /billing/a\rb HTTP/1.1\r\nHost: x\r\n\r\n',
      '\x16\x03\x01 hello',
      'GET /billing/invoices HTTP/1.1\r\n\r\n',
    ]) {
      const answer = await exchangeRaw(running.url, bytes)
      assert.equal(answer.status, 400)
      assert.equal(answer.body, '')
    }
    assert.equal(running.upstream.received.length, 0)
  })
})

describe('attacks with headers and framing', () => {
  for (const [what, headers, code, status] of [
    ['two Host headers', ['Host: other.test', BEARER], 'header_duplicate', 400],
    ['Connection: authorization', [BEARER, 'Connection: authorization'], 'connection_option', 400],
    ['Upgrade: h2c', [BEARER, 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'], 'upgrade_refused', 400],
    ['Upgrade: websocket', [BEARER, 'Upgrade: websocket'], 'upgrade_refused', 400],
    ['an unknown Expect', [BEARER, 'Expect: 200-ok'], 'expectation_refused', 417],
    ['X_Agent_Id beside X-Agent-Id', [BEARER, 'X-Agent-Id: a', 'X_Agent_Id: b'], 'header_name', 400],
    ['X-HTTP-Method-Override', [BEARER, 'X-HTTP-Method-Override: DELETE'], 'method_override', 400],
    ['agent-supplied Countersign-Decision', [BEARER, 'Countersign-Decision: allow'], 'header_reserved', 400],
    ['no grant', [], 'grant_missing', 401],
    ['a Bearer of a variable that is empty', ['Authorization: Bearer '], 'grant_missing', 401],
  ] as const) {
    it(`refuses ${what}`, async () => {
      assertRefused(await send('GET /billing/invoices', headers), code, status)
    })
  }

  for (const [what, headers, code, status] of [
    [
      'two Content-Types',
      ['Content-Type: application/json', 'Content-Type: text/plain'],
      'header_duplicate',
      400,
    ],
    ['a tab in the Content-Type', ['Content-Type: application/json\ta'], 'content_type_invalid', 400],
    [
      'a Content-Type that the operation does not take',
      ['Content-Type: text/plain'],
      'content_type_mismatch',
      400,
    ],
    [
      'gzip within gzip',
      ['Content-Type: application/json', 'Content-Encoding: gzip, gzip'],
      'content_encoding',
      400,
    ],
    [
      'an unknown encoding',
      ['Content-Type: application/json', 'Content-Encoding: zstd'],
      'content_encoding',
      400,
    ],
    [
      'a body that isn’t what its encoding says',
      ['Content-Type: application/json', 'Content-Encoding: gzip'],
      'content_encoding_malformed',
      400,
    ],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const answer = await send('POST /billing/invoices', [BEARER, ...headers, 'Content-Length: 2'], '{}')
      assertRefused(answer, code, status)
    })
  }

  it('refuses methods that are not forwarded, CONNECT among them', async () => {
    for (const line of ['TRACE /billing/invoices', 'PROPFIND /billing/invoices', 'CONNECT evil.test:443']) {
      running.keeper.admitted.length = 0
      assertRefused(await send(line, [BEARER]), 'method_refused', 405)
    }
  })

  it('reads one request out of smuggling shapes, or none', async () => {
    const smuggled = 'GET /billing/invoices/smuggled HTTP/1.1\r\nHost: x\r\n\r\n'
    for (const headers of [
      ['Content-Length: 4', 'Transfer-Encoding: chunked'],
      ['Content-Length: 4', 'Content-Length: 5'],
      ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
      ['Transfer-Encoding: xchunked'],
      ['Content-Length : 4'],
      ['Content-Length: +4'],
      ['Transfer-Encoding:\x0bchunked'],
    ]) {
      const answer = await send(
        'POST /billing/invoices',
        [BEARER, 'Content-Type: application/json', ...headers],
        `0\r\n\r\n${smuggled}`,
      )
      assert.equal(answer.status, 400, headers.join())
    }
    assert.equal(running.upstream.received.length, 0)
    assert.ok(running.keeper.admitted.every(({ target }) => !target.includes('smuggled')))
  })

  it('closes on headers beyond 16 KiB with 431', async () => {
    const answer = await send('GET /billing/invoices', [BEARER, `X-Pad: ${'a'.repeat(20_000)}`])
    assert.equal(answer.status, 431)
  })

  it('does not let Connection: close, TE or a grant through to the upstream', async () => {
    await send('GET /billing/invoices', [BEARER, 'TE: trailers', 'Keep-Alive: 5'])
    const [received] = running.upstream.received
    assert.equal(received?.headers.te, undefined)
    assert.equal(received?.headers.connection, 'keep-alive')
    assert.equal(received?.headers.authorization, 'Bearer minted-credential-0123456789')
  })
})

describe('attacks with credentials', () => {
  const FOUND = 'sk_live_4eC39HqLyjWDarjtT1zdp7dc'

  it('reports a found key with the operation it was meant for, and never its value', async () => {
    const answer = await send('DELETE /billing/invoices/in_1', [`Authorization: Bearer ${FOUND}`])
    assert.equal(answer.status, 403)
    assert.match(answer.body, /"code":"foreign_credential"/)
    const [call] = running.keeper.admitted
    assert.deepEqual([call?.foreign, call?.presented], [['authorization'], null])
    assert.equal(call?.finding.kind, 'operations')
    assert.equal(running.upstream.received.length, 0)
    for (const text of [
      JSON.stringify(running.keeper.admitted),
      running.log.join(),
      answer.head,
      answer.body,
    ])
      assert.ok(!text.includes(FOUND))
  })

  it('refuses a found key beside a good grant, in a header, a cookie or the query', async () => {
    for (const [target, header] of [
      ['/billing/invoices', `X-Api-Key: ${FOUND}`],
      ['/billing/invoices', 'Cookie: session=1'],
      ['/billing/invoices?access_token=x', 'Accept: */*'],
      [`/billing/invoices?q=${FOUND}`, 'Accept: */*'],
      ['/billing/invoices', `Countersign-Grant: ${GRANT}`],
    ] as const) {
      assert.equal((await send(`GET ${target}`, [BEARER, header])).status, 403)
    }
    assert.equal(running.upstream.received.length, 0)
  })

  it('forwards nothing for a foreign credential even if the keeper were to admit it', async () => {
    const verdictOn = running.keeper.admit
    running.keeper.admit = async call => {
      running.keeper.admit = verdictOn
      return running.keeper.admit({ ...call, foreign: [] })
    }
    const settled = running.keeper.settled.length
    const answer = await send('GET /billing/invoices', [BEARER, 'X-Api-Key: found'])
    assert.equal(answer.status, 500)
    assert.equal((await running.keeper.outcome(settled)).status, 'not_sent')
    assert.equal(running.upstream.received.length, 0)
  })
})

describe('attacks with the body', () => {
  const json = (length: number, ...more: string[]): string[] => [
    BEARER,
    'Content-Type: application/json',
    `Content-Length: ${length}`,
    ...more,
  ]

  it('refuses padding past the inspection limit unread, and answers before the upload is through', async () => {
    assertRefused(await send('POST /billing/invoices', json(10_000_000), '{"pad":'), 'body_too_large', 413)
  })

  it('refuses a chunked body that grows past the limit', async () => {
    const chunk = `800\r\n${' '.repeat(0x800)}\r\n`
    const answer = await send(
      'POST /billing/invoices',
      [BEARER, 'Content-Type: application/json', 'Transfer-Encoding: chunked'],
      chunk.repeat(3),
    )
    assertRefused(answer, 'body_too_large', 413)
  })

  it('refuses a decompression bomb at the limit', async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000, 0x20))
    const response = await running.call('/invoices', {
      method: 'POST',
      body: bomb.subarray(0, 4_000_000),
      headers: { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' },
    })
    assert.equal(response.status, 413)
    assert.equal(running.upstream.received.length, 0)
  })

  const assertSlow = ({ status, body }: RawAnswer): void => {
    assert.deepEqual([status, (JSON.parse(body) as { code: string }).code], [408, 'body_slow'])
  }
  const slowTo = (gate: ARunningGate, body: string): Promise<RawAnswer> =>
    exchangeRaw(
      gate.url,
      [
        'POST /billing/invoices HTTP/1.1',
        'Host: gate.test',
        ...json(4_000),
        'Connection: close',
        '',
        body,
      ].join('\r\n'),
    )
  const postTo = (gate: ARunningGate, bytes: number): Promise<Response> =>
    gate.call('/invoices', {
      method: 'POST',
      body: `{"note":"${'n'.repeat(bytes - 11)}"}`,
      headers: { 'Content-Type': 'application/json' },
    })

  it('bounds the memory of all bodies together, and the slowest gives it back', async () => {
    const small = await aGate({ limits: { maxInspectingBytes: 4_096 } })
    try {
      const slow = slowTo(small, ' '.repeat(3_000))
      let given: RawAnswer | null = null
      void slow.then(answer => {
        given = answer
      })
      while (given === null) assert.equal((await postTo(small, 2_000)).status, 200)
      assertSlow(await slow)
      const larger = await postTo(small, 5_000)
      assert.equal(larger.status, 503)
      assert.equal(((await larger.json()) as { code: string }).code, 'gate_busy')
      assert.deepEqual(small.keeper.admitted.at(-1)?.finding, { kind: 'refused', code: 'gate_busy' })
      assert.equal((await postTo(small, 4_000)).status, 200)
    } finally {
      await small.close()
    }
  })

  it('bounds the number of bodies that trickle: the longest gives way', async () => {
    const small = await aGate({ limits: { maxArriving: 2 } })
    try {
      const slow = [slowTo(small, '{'), slowTo(small, '{')]
      const gaveWay = (): boolean =>
        small.keeper.admitted.some(
          ({ finding }) => finding.kind === 'refused' && finding.code === 'body_slow',
        )
      for (let post = 0; post < 50 && !gaveWay(); post++) assert.equal((await postTo(small, 100)).status, 200)
      assert.ok(gaveWay())
      assertSlow(await Promise.race(slow))
    } finally {
      await small.close()
    }
  })

  it('refuses a body where the operation takes none', async () => {
    const answer = await send('GET /billing/invoices', json(2), '{}')
    assertRefused(answer, 'body_unexpected', 400)
  })

  it('refuses duplicate members, a byte order mark and trailing bytes', async () => {
    for (const body of ['{"a":1,"a":2}', '\ufeff{}', '{} {}', '{"a":1}x']) {
      running.keeper.admitted.length = 0
      const answer = await send('POST /billing/invoices', json(Buffer.byteLength(body, 'utf8')), body)
      assert.ok(answer.status >= 400 && answer.status < 500, body)
    }
    assert.equal(running.upstream.received.length, 0)
  })

  it('gives up on a body that trickles', async () => {
    const answer = await send('POST /billing/invoices', json(100), '{')
    assertRefused(answer, 'body_slow', 408)
  })

  it('gives up on an upload that trickles', async () => {
    // A connection without a sign of life is let go of after the last two, and then without an answer.
    const limits = { requestMs: 500, headersMs: 500, upstreamMs: 5_000, keepAliveMs: 5_000 }
    const small = await aGate({ limits })
    try {
      const upload = rawRequest('PUT /billing/blobs/b', [BEARER, 'Content-Length: 100'], 'half')
      const answer = await exchangeRaw(small.url, upload)
      assert.equal(answer.status, 408)
      assert.notEqual((await small.keeper.outcome()).status, 'completed')
      assert.equal(small.upstream.received.length, 0)
    } finally {
      await small.close()
    }
  })

  it('asks for a held-back body only after the grant was looked at', async () => {
    const refused = await send('PUT /billing/blobs/b', ['Content-Length: 5', 'Expect: 100-continue'])
    assert.equal(refused.status, 401)
    const socket = dial(running.url)
    socket.write(rawRequest('PUT /billing/blobs/b', [BEARER, 'Content-Length: 5', 'Expect: 100-continue']))
    const [invitation] = (await once(socket, 'data')) as [Buffer]
    assert.match(invitation.toString(), /^HTTP\/1\.1 100 Continue\r\n/)
    socket.write('hello')
    await once(socket, 'close', { signal: AbortSignal.timeout(5_000) }).catch(() => socket.destroy())
    assert.equal(running.upstream.received[0]?.body.toString(), 'hello')
  })

  it('lets go of a connection that says nothing, without a word', async () => {
    const answer = await exchangeRaw(running.url, '')
    assert.deepEqual([answer.status, answer.head], [0, ''])
  })

  it('lets go of headers that trickle', async () => {
    const answer = await exchangeRaw(running.url, 'GET /billing/invoices HTTP/1.1\r\nHost: x\r\nX-A: ')
    assert.equal(answer.status, 408)
  })
})
