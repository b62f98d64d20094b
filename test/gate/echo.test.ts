import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { EchoGuard } from '../../src/gate/echo.js'
import { type ARunningGate, aGate } from './a-gate.js'

const SECRET = 'minted-credential-0123456789'

function masked(parts: readonly string[], value = `Bearer ${SECRET}`): string {
  const guard = new EchoGuard([['authorization', value]])
  const out = parts.map(part => guard.push(Buffer.from(part)).toString())
  return out.join('') + (guard.end()?.toString() ?? '')
}

describe('the guard against an echoed credential', () => {
  it('masks every occurrence with as many asterisks', () => {
    assert.equal(
      masked([`a ${SECRET} b ${SECRET}`]),
      `a ${'*'.repeat(SECRET.length)} b ${'*'.repeat(SECRET.length)}`,
    )
  })

  it('masks an occurrence cut into parts at any place, also byte by byte', () => {
    const text = `{"x":"${SECRET}","minted-":1}`
    const expected = text.replace(SECRET, '*'.repeat(SECRET.length))
    for (let at = 0; at <= text.length; at++) {
      assert.equal(masked([text.slice(0, at), text.slice(at)]), expected)
    }
    assert.equal(masked([...text]), expected)
  })

  it('lets what only begins like the credential through, unchanged', () => {
    for (const text of [
      'minted-credential',
      'minted-credential-012345678',
      'mminted-credential-01234567889',
      '',
    ])
      assert.equal(masked([...text]), text)
  })

  it('holds back no more than what could be the beginning of the credential', () => {
    const guard = new EchoGuard([['authorization', `Bearer ${SECRET}`]])
    assert.equal(guard.push(Buffer.from('data: 1\n\n')).toString(), 'data: 1\n\n')
    assert.equal(guard.push(Buffer.from('data: mint')).toString(), 'data: ')
  })

  it('knows the spellings that a JSON or URL writer makes of it', () => {
    const value = 'abc/def+ghi=='
    assert.equal(masked(['<abc\\/def+ghi==>'], value), `<${'*'.repeat(14)}>`)
    assert.equal(masked(['<abc%2Fdef%2Bghi%3D%3D>'], value), `<${'*'.repeat(21)}>`)
  })

  it('attack: knows it without the name that it was sent behind', () => {
    for (const value of [`session=${SECRET}`, `Token token=${SECRET}`, `ApiKey key-1:${SECRET}`])
      assert.equal(masked([`{"it":"${SECRET}"}`], value), `{"it":"${'*'.repeat(SECRET.length)}"}`, value)
  })

  it('attack: knows it with its characters escaped as Gson, .NET, Python or a template writes them', () => {
    const value = '/abc/def+ghi=='
    for (const echo of [
      '/abc/def+ghi\\u003d\\u003d',
      '/abc/def\\u002Bghi==',
      '\\/abc\\/def\\u002bghi\\u003D=',
      '/abc/def%2Bghi%3D%3D',
      '%2fabc%2fdef%2bghi%3d%3d',
      '/abc/def&#43;ghi==',
      '&#x2F;abc&#x2F;def+ghi&#x3D;&#x3D;',
    ]) {
      const [text, expected] = [`<${echo}>=`, `<${'*'.repeat(echo.length)}>=`]
      assert.equal(masked([text], value), expected, echo)
      assert.equal(masked([...text], value), expected, echo)
      assert.equal(new EchoGuard([['x-key', value]]).isEchoedIn(text), true, echo)
    }
    for (const other of ['/abc/def+ghi=\\u003', '/abc/def\\u002', '/abc/def+ghi=\\u003e', '%2', '&#x2F;abc'])
      assert.equal(masked([...other], value), other)
  })

  it('attack: a credential whose own characters begin an escape is found as it is, and escaped', () => {
    const value = 'p&amp;q%2Fr\\u0026s'
    for (const echo of [value, value.replaceAll('&', '&amp;'), encodeURIComponent(value)])
      assert.equal(masked([...`<${echo}>`], value), `<${'*'.repeat(echo.length)}>`, echo)
  })

  it('masks user and password of a Basic credential as well', () => {
    const basic = `Basic ${Buffer.from('account-user:password-123').toString('base64')}`
    assert.equal(masked(['user=account-user&password=password-123'], basic).includes('account-user'), false)
    assert.equal(masked(['password-123'], basic), '*'.repeat(12))
  })
})

describe('the guard of a request that was signed', () => {
  const signature = 'ab12'.repeat(16)
  const headers = [
    [
      'authorization',
      `AWS4-HMAC-SHA256 Credential=ASIA1/20260422/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=${signature}`,
    ],
    ['x-amz-content-sha256', 'cd34'.repeat(16)],
    ['x-amz-date', '20260422T101500Z'],
    ['x-amz-security-token', 'session/token+of=the-upstream'],
  ] as const
  const through = (text: string): string => {
    const guard = new EchoGuard(headers)
    return guard.push(Buffer.from(text)).toString() + (guard.end()?.toString() ?? '')
  }

  it('masks the session token and the signature', () => {
    assert.equal(through(`<a>${signature}</a>`), `<a>${'*'.repeat(64)}</a>`)
    assert.equal(through(`t=${headers[3][1]}`), `t=${'*'.repeat(29)}`)
  })

  it('lets date, digest and access key id through, which are no secrets', () => {
    for (const text of [headers[1][1], headers[2][1], 'ASIA1/20260422/eu-west-1/s3/aws4_request'])
      assert.equal(through(text), text)
    assert.equal(new EchoGuard(headers).isEchoedIn(headers[1][1]), false)
  })
})

describe('an upstream that echoes', () => {
  let running: ARunningGate
  beforeEach(async () => {
    running = await aGate()
  })
  afterEach(() => running.close())

  it('the request in its body shows asterisks to the agent, and the receipt has what really came', async () => {
    running.upstream.answer = (request, response) => response.end(JSON.stringify(request.headers))
    const text = await (await running.call('/invoices')).text()
    assert.match(text, /"authorization":"Bearer \*{28}"/)
    assert.ok(!text.includes(SECRET))
    const outcome = await running.keeper.outcome()
    assert.equal(outcome.status, 'completed')
    assert.equal(outcome.responseBytes, text.length)
    assert.ok(!running.log.join('').includes(SECRET))
  })

  it('the credential in a header is answered 502 that says the operation was executed', async () => {
    running.upstream.answer = (_request, response) =>
      void response.writeHead(200, { ETag: `"${SECRET}"` }).end('body')
    const response = await running.call('/invoices')
    const text = await response.text()
    assert.equal(response.status, 502)
    assert.match(text, /"code":"credential_echoed"/)
    assert.match(text, /the operation was executed/)
    assert.ok(!text.includes(SECRET) && !JSON.stringify([...response.headers]).includes(SECRET))
    assert.equal((await running.keeper.outcome()).http, 200)
  })

  it('the credential as its id of the request finds it in no receipt', async () => {
    const answers = ['x-github-request-id', 'request-id']
    running.upstream.answer = (_request, response) =>
      void response.writeHead(200, { [answers.shift() ?? '']: SECRET }).end('body')
    for (const n of [0, 1]) {
      const response = await running.call('/invoices')
      assert.ok(![...response.headers].flat().includes(SECRET))
      assert.equal((await running.keeper.outcome(n)).upstreamId, null)
    }
  })

  it('in an encoding that was not asked for is not passed on unread', async () => {
    const { gzipSync } = await import('node:zlib')
    running.upstream.answer = (_request, response) =>
      void response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(gzipSync(SECRET))
    const response = await running.call('/invoices')
    assert.equal(response.status, 502)
    assert.match(await response.text(), /"code":"upstream_encoding"/)
    assert.equal((await running.keeper.outcome()).status, 'completed')
  })

  it('attack: in a charset that the agent has asked for, where its letters are not the bytes of ASCII', async () => {
    const utf16 = Buffer.from(SECRET, 'utf16le')
    for (const type of ['application/json;charset=UTF-16LE', 'text/plain; format=flowed; charset="utf-32"']) {
      running.upstream.answer = (_request, response) =>
        void response.writeHead(200, { 'Content-Type': type }).end(utf16)
      const response = await running.call('/invoices', { headers: { Accept: type } })
      assert.equal(response.status, 502)
      assert.match(await response.text(), /"code":"upstream_encoding"/)
    }
    for (const type of [
      'text/html; charset=iso-8859-15',
      'text/csv;header=absent;charset="utf-8"',
      'text/plain',
    ]) {
      running.upstream.answer = (_request, response) =>
        void response.writeHead(200, { 'Content-Type': type }).end('ok')
      assert.equal((await running.call('/invoices')).status, 200, type)
    }
  })

  it('in a coding of the transfer is not passed on unread either', async () => {
    const { gzipSync } = await import('node:zlib')
    running.upstream.answer = (_request, response) =>
      void response.writeHead(200, { 'Transfer-Encoding': 'gzip, chunked' }).end(gzipSync(SECRET))
    const response = await running.call('/invoices')
    assert.equal(response.status, 502)
    assert.match(await response.text(), /"code":"upstream_encoding"/)
  })
})
