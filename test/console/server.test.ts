import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { text } from 'node:stream/consumers'
import { describe, it, type TestContext } from 'node:test'
import { type ConsoleServer, serveConsole } from '../../src/console/index.js'

const PAGE = Buffer.from('<!doctype html>')

interface Asked {
  readonly method: string
  readonly path: string
  readonly body: unknown
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
  readonly code: string | undefined
}

interface KeeperAnswer {
  readonly status: number
  readonly value: unknown
}

interface Scene {
  readonly server: ConsoleServer
  readonly port: number
  readonly token: string
  /** What the keeper was asked. */
  readonly asked: readonly Asked[]
  /** What the keeper answers, 200 unless told, and how late it is. */
  readonly set: { aheadMs: number; keeper: (asked: Asked) => KeeperAnswer }
  get(path: string, headers?: Headers): Promise<Answer>
  post(path: string, body: unknown, headers?: Headers): Promise<Answer>
  /** Headers of a tab that was let in. */
  enter(): Promise<Headers>
}

type Headers = Readonly<Record<string, string>>

async function scene(t: TestContext, behind: string | null = null): Promise<Scene> {
  const asked: Asked[] = []
  const set = { aheadMs: 0, keeper: (_: Asked): KeeperAnswer => ({ status: 200, value: { ok: true } }) }
  const server = await serveConsole({
    keeper: {
      ask: async (method, path, body) => {
        const sent = body === undefined ? undefined : JSON.parse(JSON.stringify(body))
        const question = { method, path, body: sent }
        asked.push(question)
        return set.keeper(question)
      },
    },
    port: 0,
    behind,
    by: 'maria',
    files: new Map([['/', { type: 'text/html', bytes: PAGE }]]),
    random: randomBytes,
    nowMs: () => 1_800_000_000_000 + set.aheadMs,
  })
  t.after(() => server.close())
  const [, token] = server.link.split('/#') as [string, string]
  const local = `localhost:${server.port}`
  const stage: Scene = {
    set,
    server,
    port: server.port,
    token,
    asked,
    get: (path, headers = {}) => send('GET', path, { host: local, ...headers }),
    post: (path, body, headers = {}) =>
      send(
        'POST',
        path,
        { host: local, origin: `http://${local}`, 'content-type': 'application/json', ...headers },
        JSON.stringify(body),
      ),
    enter: async () => {
      const { headers, body } = await stage.post('/api/enter', { token })
      const [cookie] = headers['set-cookie'] as [string]
      return { cookie: cookie.split(';')[0] as string, 'x-console-session': JSON.parse(body).secret }
    },
  }
  const send = (method: string, path: string, headers: Headers, body?: string): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const sent = request(
        { host: '127.0.0.1', port: stage.port, method, path, headers, setHost: false },
        answer => {
          text(answer).then(body => {
            const { code } = (body.startsWith('{') ? JSON.parse(body) : {}) as { code?: string }
            resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body, code })
          }, reject)
        },
      )
      sent.once('error', reject)
      sent.end(body)
    })
  return stage
}

describe('the console', () => {
  it('attack: another program of this machine holds all connections, and the person still gets in and halts', async t => {
    const { port, enter, post } = await scene(t)
    for (let count = 0; count < 100; count++) {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => undefined)
      t.after(() => socket.destroy())
      await once(socket, 'connect')
    }
    const tab = await enter()
    assert.equal((await post('/api/halts', { of: { scope: 'all' } }, tab)).status, 200)
  })

  it('serves its page with a policy that lets nothing else in, and nothing about the sidecar with it', async t => {
    const { get } = await scene(t)
    const { status, headers, body } = await get('/')
    assert.deepEqual([status, body], [200, '<!doctype html>'])
    assert.equal(
      headers['content-security-policy'],
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    )
    const more = ['cache-control', 'referrer-policy', 'x-content-type-options', 'x-frame-options']
    assert.deepEqual(
      [...more, 'cross-origin-opener-policy', 'cross-origin-resource-policy'].map(name => headers[name]),
      ['no-store', 'no-referrer', 'nosniff', 'DENY', 'same-origin', 'same-origin'],
    )
  })

  it('lets one tab in, once, and asks the keeper for it', async t => {
    const { get, post, enter, asked, token } = await scene(t)
    const entered = await post('/api/enter', { token })
    assert.match(
      String(entered.headers['set-cookie']),
      /^countersign-console-\d+=[\w-]{43}; Path=\/api; HttpOnly; SameSite=Strict$/,
    )
    assert.equal((await post('/api/enter', { token })).code, 'console_link_spent')
    await assert.rejects(enter())
    assert.deepEqual(asked, [])
    assert.equal((await get('/api/status')).code, 'console_session')
  })

  it('passes on what is asked, and what the keeper refuses as it is', async t => {
    const stage = await scene(t)
    const tab = await stage.enter()
    assert.equal((await stage.get('/api/status', tab)).body, '{"ok":true}')
    assert.equal((await stage.get('/api/receipts?from=7&limit=100', tab)).status, 200)
    await stage.get('/api/approvals/0198c3a2-0000-7000-8000-000000000000', tab)
    await stage.post('/api/halts', { of: { scope: 'all' }, because: 'Stop.', by: 'somebody else' }, tab)
    await stage.post('/api/freezes', { untilMs: 7, by: 'somebody else', because: 'Wait.' }, tab)
    const id = '0198c3a2-0000-7000-8000-000000000000'
    stage.set.keeper = () => ({ status: 409, value: { code: 'approval_decided', message: 'm', mend: 'n' } })
    const refused = await stage.post(`/api/approvals/${id}/countersignatures`, { countersignature: {} }, tab)
    assert.deepEqual([refused.status, refused.code], [409, 'approval_decided'])
    assert.deepEqual(stage.asked, [
      { method: 'GET', path: '/v1/status', body: undefined },
      { method: 'GET', path: '/v1/receipts?from=7&limit=100', body: undefined },
      { method: 'GET', path: '/v1/approvals/0198c3a2-0000-7000-8000-000000000000', body: undefined },
      {
        method: 'POST',
        path: '/v1/stops/halt',
        body: { of: { scope: 'all' }, by: 'maria', because: 'Stop.' },
      },
      {
        method: 'POST',
        path: '/v1/stops/freeze',
        body: { by: 'maria', because: 'Wait.', untilMs: 7 },
      },
      { method: 'POST', path: `/v1/approvals/${id}/countersignatures`, body: { countersignature: {} } },
    ])
  })

  it('says that the keeper is away, and goes on', async t => {
    const stage = await scene(t)
    const tab = await stage.enter()
    stage.set.keeper = () => {
      throw new Error('no socket')
    }
    assert.deepEqual((await stage.get('/api/status', tab)).code, 'console_keeper_away')
    stage.set.keeper = () => ({ status: 200, value: {} })
    assert.equal((await stage.get('/api/status', tab)).status, 200)
  })

  it('is also itself under the origin of a proxy in front of it, and makes its cookie for https alone there', async t => {
    const stage = await scene(t, 'https://console.acme.test')
    assert.match(stage.server.link, /^https:\/\/console\.acme\.test\/#[\w-]{43}$/)
    const proxied = { host: 'console.acme.test', origin: 'https://console.acme.test' }
    const crossed = { host: 'console.acme.test', origin: `http://localhost:${stage.port}` }
    assert.equal((await stage.post('/api/enter', { token: stage.token }, crossed)).code, 'console_origin')
    const { headers } = await stage.post('/api/enter', { token: stage.token }, proxied)
    assert.match(String(headers['set-cookie']), /; SameSite=Strict; Secure$/)
  })

  it('forgets a tab after twelve hours, and a link after ten minutes', async t => {
    const one = await scene(t)
    const tab = await one.enter()
    one.set.aheadMs = 43_199_000
    assert.equal((await one.get('/api/self', tab)).status, 200)
    one.set.aheadMs = 43_200_000
    assert.equal((await one.get('/api/self', tab)).code, 'console_session')
    const other = await scene(t)
    other.set.aheadMs = 600_000
    assert.equal((await other.post('/api/enter', { token: other.token })).code, 'console_link_spent')
  })

  it('refuses a port that another has, on either of the loopback addresses', async t => {
    const own = Object.values(networkInterfaces()).flatMap(each => (each ?? []).map(({ address }) => address))
    for (const host of ['127.0.0.1', ...own.filter(address => address === '::1')]) {
      const taken = createServer()
      await new Promise<void>(resolve => taken.listen(0, host, resolve))
      t.after(() => taken.close())
      const options = {
        ...{ keeper: null, behind: null, by: 'maria', files: new Map() },
        ...{ random: randomBytes, nowMs: Date.now, port: (taken.address() as AddressInfo).port },
      }
      await assert.rejects(serveConsole(options), { code: 'console_listen_failed' })
    }
  })
})

describe('attacks on the console', () => {
  it('attack: a name that somebody points at this machine', async t => {
    const { get, enter } = await scene(t)
    const tab = await enter()
    for (const host of ['evil.test', 'localhost', '127.0.0.1', 'localhost.evil.test:80', '']) {
      assert.equal((await get('/', { host })).status === 200, false, host)
      assert.equal((await get('/api/status', { ...tab, host })).status === 200, false, host)
    }
  })

  it('attack: another page asks with the operator’s cookie, from another port of localhost too', async t => {
    const stage = await scene(t)
    const tab = await stage.enter()
    for (const origin of [
      'https://evil.test',
      'http://localhost:1',
      'null',
      `https://localhost:${stage.port}`,
    ]) {
      assert.equal((await stage.get('/api/status', { ...tab, origin })).code, 'console_origin', origin)
      assert.equal((await stage.post('/api/halts', {}, { ...tab, origin })).code, 'console_origin', origin)
    }
    for (const site of ['cross-site', 'same-site', 'none'])
      assert.equal(
        (await stage.get('/api/status', { ...tab, 'sec-fetch-site': site })).code,
        'console_origin',
      )
    assert.equal((await stage.get('/api/status', { ...tab, 'sec-fetch-site': 'same-origin' })).status, 200)
    assert.equal(stage.asked.length, 1)
  })

  it('attack: a form of another page, which can’t say that it is JSON', async t => {
    const stage = await scene(t)
    const tab = await stage.enter()
    const form = { ...tab, 'content-type': 'text/plain' }
    assert.equal((await stage.post('/api/halts', { of: { scope: 'all' } }, form)).code, 'console_malformed')
    assert.deepEqual(stage.asked, [])
  })

  it('attack: a server on another port of localhost has been sent the cookie, and lacks the other half', async t => {
    const { get, enter } = await scene(t)
    const { cookie = '', ...secret } = await enter()
    assert.equal((await get('/api/status', { cookie })).code, 'console_session')
    assert.equal((await get('/api/status', secret)).code, 'console_session')
    const twice = `${cookie}; ${cookie.split('=')[0]}=other`
    assert.equal((await get('/api/status', { ...secret, cookie: twice })).code, 'console_session')
    const other = { ...secret, cookie, 'x-console-session': 'x'.repeat(43) }
    assert.equal((await get('/api/status', other)).code, 'console_session')
    assert.equal((await get('/api/status', { ...secret, cookie: `theme=dark; ${cookie}` })).status, 200)
  })

  it('attack: a token is guessed, and is no text', async t => {
    const { post, enter } = await scene(t)
    for (const token of ['', 'x'.repeat(43), 7, null, ['x']])
      assert.equal((await post('/api/enter', { token })).code, 'console_link_spent')
    assert.ok(await enter())
  })

  it('attack: the page asks for what it has no business to ask', async t => {
    const stage = await scene(t)
    const tab = await stage.enter()
    for (const path of [
      '/api/grants/7/revoke',
      '/api/inputs/0198c3a2-0000-7000-8000-000000000000',
      '/api/receipts?from=0&limit=100&limit=9',
      '/api/status/../policy',
      '/v1/status',
      '/api/approvals/..%2f..%2fv1/countersignatures',
    ])
      assert.equal((await stage.get(path, tab)).code, 'console_malformed', path)
    for (const path of ['/api/grants', '/api/status', '/api/erasures', '/api/policy/reload'])
      assert.equal((await stage.post(path, {}, tab)).code, 'console_malformed', path)
    assert.deepEqual(stage.asked, [])
  })

  it('attack: a body that is too long', async t => {
    const stage = await scene(t)
    const tab = await stage.enter()
    const long = { of: 'x'.repeat(200_000) }
    assert.equal((await stage.post('/api/halts', long, tab)).code, 'console_malformed')
    assert.deepEqual(stage.asked, [])
  })
})
