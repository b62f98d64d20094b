import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import { type OutboundOptions, outbound } from '../../src/credential/index.js'
import { selfSigned, upstream } from './upstream.js'

const SECRET = 'planted-secret-77aa'

function network(t: TestContext, options: OutboundOptions = { allowPlaintextLoopback: true }) {
  const made = outbound(options)
  t.after(() => made.close())
  return made
}

async function codeOf(t: TestContext, url: string, options?: OutboundOptions, privateUpstream = true) {
  try {
    const headers = { authorization: `Bearer ${SECRET}` }
    const call = { method: 'POST', url, headers, body: SECRET, privateUpstream } as const
    return String((await network(t, options).send(call)).status)
  } catch (error) {
    assert.doesNotMatch(`${inspect(error, { depth: 9 })}${(error as Error).stack}`, /planted-secret/)
    return (error as { code: string }).code
  }
}

test('attack: a 302 to another origin with the secret', async t => {
  const thief = await upstream(t, () => ({ status: 200, body: {} }))
  const { origin } = await upstream(t, () => ({ status: 302, headers: { location: thief.origin } }))
  assert.equal(await codeOf(t, origin), '302')
  assert.deepEqual(thief.received, [])
})

test('attack: an upstream that rebinds to loopback, to an API whose policy names no private one', async t => {
  const inside = await upstream(t, () => ({ status: 200, body: {} }))
  const { port } = new URL(inside.origin)
  const lookup: NonNullable<OutboundOptions['lookup']> = (_host, _options, done) =>
    done(null, [{ address: '127.0.0.1', family: 4 }])
  assert.equal(await codeOf(t, `https://api.example.com:${port}/`, { lookup }, false), 'mint_address')
  assert.equal(await codeOf(t, inside.origin, { allowPlaintextLoopback: true }, false), 'mint_address')
  assert.deepEqual(inside.received, [])
})

test('attack: a secret in clear text, where no test audience takes it and to a host that is not this one', async t => {
  const inside = await upstream(t, () => ({ status: 200, body: {} }))
  assert.equal(await codeOf(t, inside.origin, {}), 'mint_address')
  for (const url of ['http://api.example.com/', 'http://10.0.0.1/', 'file:///etc/passwd', 'ftp://127.0.0.1/'])
    assert.equal(await codeOf(t, url), 'mint_address', url)
  assert.deepEqual(inside.received, [])
})

test('attack: an upstream without a certificate that the system trusts', async t => {
  const tls = selfSigned()
  if (tls === null) return t.skip('the openssl command is missing')
  const server = await upstream(t, () => ({ status: 200, body: {} }), tls)
  assert.equal(await codeOf(t, server.origin, {}), 'mint_unreachable')
  assert.deepEqual(server.received, [])
  assert.equal(await codeOf(t, server.origin, { ca: tls.cert }), '200')
  const { port } = new URL(server.origin)
  assert.equal(await codeOf(t, `https://localhost:${port}/`, { ca: tls.cert }), 'mint_unreachable')
})

test('attack: an answer that never ends, one that never comes, one that is cut', async t => {
  const bomb = await upstream(t, () => ({ status: 200, body: ' '.repeat(3_000_000) }))
  assert.equal(await codeOf(t, bomb.origin), 'mint_answer')
  const silent = await upstream(t, () => new Promise(() => undefined))
  assert.equal(
    await codeOf(t, silent.origin, { allowPlaintextLoopback: true, timeoutMs: 50 }),
    'mint_timeout',
  )
  const cut = await upstream(t, () => ({ status: 200, body: '{}', headers: { 'content-length': '99' } }))
  const code = await codeOf(t, cut.origin, { allowPlaintextLoopback: true, timeoutMs: 500 })
  assert.ok(['mint_unreachable', 'mint_timeout'].includes(code), code)
})

test('an upstream that is down is said to be unreachable', async t => {
  assert.equal(await codeOf(t, 'http://127.0.0.1:1/'), 'mint_unreachable')
})
