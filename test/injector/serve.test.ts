import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { ClientRequest } from 'node:http'
import { createServer, request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import {
  type Certificates,
  type InjectorLog,
  type InjectorServer,
  ownCertificates,
  publishCa,
  type ServerTls,
  startInjector,
} from '../../src/injector/index.js'
import { MAX_BODY_BYTES } from '../../src/injector/review-bodies.js'
import { TestCa } from '../certificates.js'
import { holdConnection } from '../gate/raw-http.js'
import { agentPod, PARTS, reviewOf } from './agents.js'

const QUIET: InjectorLog = { info: () => undefined, warn: () => undefined, error: () => undefined }
const NAMES = ['countersign-injector.countersign.svc']

async function serve(t: TestContext, certificates: Certificates): Promise<InjectorServer> {
  const server = await startInjector({
    host: '127.0.0.1',
    port: 0,
    certificates,
    parts: () => PARTS,
    log: QUIET,
  })
  t.after(() => server.close())
  return server
}

interface Answer {
  readonly status: number
  readonly body: {
    readonly [member: string]: unknown
    readonly response?: { readonly allowed: boolean; readonly patch?: string }
  }
}

/** Asks as the API server does: by the service's name, and believing one bundle. */
function ask(url: string, ca: string, path: string, body?: string | Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = httpsRequest(
      new URL(path, url),
      {
        method: body === undefined ? 'GET' : 'POST',
        ca,
        servername: NAMES[0],
        agent: false,
        headers: { 'content-type': 'application/json' },
      },
      response => {
        let text = ''
        response.on('data', chunk => {
          text += chunk
        })
        response.once('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }))
      },
    )
    asked.once('error', reject)
    asked.end(body)
  })
}

function own(published: string[], nowMs = Date.now): Promise<Certificates> {
  return ownCertificates({
    dnsNames: NAMES,
    publish: async ca => void published.push(ca),
    nowMs,
    log: QUIET,
    everyMs: 1,
  })
}

describe('the injector as a server', () => {
  it('injects over HTTPS with a certificate of its own CA', async t => {
    const published: string[] = []
    const server = await serve(t, await own(published))
    const { status, body } = await ask(
      server.url,
      published[0] as string,
      '/inject',
      JSON.stringify(reviewOf(agentPod())),
    )
    assert.equal(status, 200)
    assert.equal(body.response?.allowed, true)
    assert.match(Buffer.from(body.response?.patch ?? '', 'base64').toString(), /countersign-keeper/)
  })

  it('says that it lives and is ready', async t => {
    const published: string[] = []
    const server = await serve(t, await own(published))
    for (const path of ['/livez', '/readyz', '/readyz?verbose'])
      assert.equal((await ask(server.url, published[0] as string, path)).status, 200)
  })

  for (const [what, path, body, status] of [
    ['what is no JSON', '/inject', '{', 400],
    ['what is no review', '/inject', '{}', 400],
    ['another path', '/mutate', '{}', 404],
    ['a body that would be much to parse', '/inject', Buffer.alloc(1_000_000, '['), 400],
    ['more values than a pod has', '/validate', Buffer.from(`[${'[],'.repeat(500_000)}1]`), 400],
    ['a body without end', '/inject', Buffer.alloc(9_000_000, 0x20), 400],
  ] as const)
    it(`answers ${what} with an error, which is a no`, async t => {
      const published: string[] = []
      const server = await serve(t, await own(published))
      const answer = await ask(server.url, published[0] as string, path, body).catch(error => error)
      // The client may still be sending when it is answered.
      if (answer instanceof Error)
        assert.match(String((answer as NodeJS.ErrnoException).code), /ECONNRESET|EPIPE/)
      else assert.equal(answer.status, status)
    })

  it('attack: says of megabytes of brackets what is wrong, and doesn’t parse them', async t => {
    const published: string[] = []
    const server = await serve(t, await own(published))
    const { body } = await ask(server.url, published[0] as string, '/inject', '['.repeat(10_000))
    assert.match(String(body.message), /deeper than 64/)
  })

  it('attack: who sends bodies that never end takes the room of his own address alone', async t => {
    const published: string[] = []
    const server = await serve(t, await own(published))
    const ca = published[0] as string
    const unfinished = `"${'a'.repeat(MAX_BODY_BYTES - 10)}`
    const open: ClientRequest[] = []
    const answers = [1, 2, 3].map(
      () =>
        new Promise<string>(resolve => {
          const asked = httpsRequest(
            new URL('/inject', server.url),
            {
              ...{ method: 'POST', ca, servername: NAMES[0], agent: false, localAddress: '127.0.0.2' },
              headers: { 'content-length': MAX_BODY_BYTES },
            },
            response => {
              let text = ''
              response.on('data', chunk => {
                text += chunk
              })
              response.once('end', () => resolve(text))
            },
          )
          // It may be cut off while it still sends.
          asked.on('error', error => resolve(String((error as NodeJS.ErrnoException).code)))
          asked.write(unfinished)
          open.push(asked)
        }),
    )
    assert.match(await Promise.race(answers), /reviews_crowded|ECONNRESET|EPIPE/)
    const { status } = await ask(server.url, ca, '/inject', JSON.stringify(reviewOf(agentPod())))
    assert.equal(status, 200)
    for (const each of open) each.destroy()
  })

  it('attack: nobody takes all of its connections', async t => {
    const published: string[] = []
    const server = await serve(t, await own(published))
    let closed = 0
    for (let i = 0; i < 300; i++) {
      const socket = await holdConnection(t, server.url, '127.0.0.2')
      socket.once('close', () => closed++)
    }
    while (closed < 300 - 256) await tick()
    assert.equal((await ask(server.url, published[0] as string, '/livez')).status, 200)
  })

  it('refuses to be read without a body', async t => {
    const published: string[] = []
    const server = await serve(t, await own(published))
    assert.equal((await ask(server.url, published[0] as string, '/inject')).status, 405)
  })

  it('answers the reviews that are open when it is stopped', async () => {
    const published: string[] = []
    const server = await startInjector({
      host: '127.0.0.1',
      port: 0,
      certificates: await own(published),
      parts: () => PARTS,
      log: QUIET,
    })
    const text = JSON.stringify(reviewOf(agentPod()))
    const answered = new Promise<number>((resolve, reject) => {
      const asked = httpsRequest(
        new URL('/inject', server.url),
        { method: 'POST', ca: published[0], servername: NAMES[0], agent: false },
        response => resolve(response.resume().statusCode ?? 0),
      )
      asked.once('error', reject)
      asked.write(text.slice(0, 10), async () => {
        await ask(server.url, published[0] as string, '/livez')
        const closed = server.close()
        asked.end(text.slice(10))
        await closed
      })
    })
    assert.equal(await answered, 200)
  })
})

describe('certificates of the injector’s own CA', () => {
  it('are renewed before they end, and the CA is published before a certificate of it is shown', async t => {
    const published: string[] = []
    let now = Date.now()
    const certificates = await own(published, () => now)
    const shown: ServerTls[] = []
    const end = certificates.watch(tls => void shown.push(tls))
    t.after(end)
    now += 20 * 3_600_000
    while (shown.length < 1) await tick()
    assert.equal(new Set(published).size, 1)
    now += 5 * 86_400_000
    while (shown.length < 2) await tick()
    assert.equal(new Set(published).size, 2)
    assert.notEqual(shown[0]?.cert, shown[1]?.cert)
  })

  it('stay as they are while the API server takes no CA', async t => {
    let now = Date.now()
    const refusals: object[] = []
    let refuse = false
    const certificates = await ownCertificates({
      dnsNames: NAMES,
      publish: async () => {
        if (refuse) throw new Error('no')
      },
      nowMs: () => now,
      log: { ...QUIET, error: facts => void refusals.push(facts) },
      everyMs: 1,
    })
    const shown: ServerTls[] = []
    t.after(certificates.watch(tls => void shown.push(tls)))
    refuse = true
    now += 5 * 86_400_000
    while (refusals.length === 0) await tick()
    assert.deepEqual(shown, [])
  })

  it('that follow serve the next connection', async t => {
    const published: string[] = []
    let now = Date.now() - 5 * 86_400_000
    const server = await serve(t, await own(published, () => now))
    now = Date.now()
    while (published.at(-1) === published[0]) await tick()
    const ca = published.at(-1) as string
    let status = 0
    while (status === 0) status = await ask(server.url, ca, '/livez').then(answer => answer.status, tick)
    assert.equal(status, 200)
  })
})

/** Lets whatever is under way go on. */
const tick = () => setImmediate(0)

/** An API server with two webhook configurations, as far as the injector asks it. */
async function apiServer(t: TestContext, races = 0) {
  const authority = new TestCa(t)
  const { cert, key } = authority.issue('kubernetes', { names: 'IP:127.0.0.1', usage: 'serverAuth' })
  const state = { version: 1, bundles: ['', ''] as string[], patches: 0, tokens: [] as string[], left: races }
  const server = createServer({ cert, key }, (request, response) => {
    state.tokens.push(request.headers.authorization ?? '')
    let text = ''
    request.on('data', chunk => {
      text += chunk
    })
    request.once('end', () => {
      const i = request.url?.includes('/validating') ? 1 : 0
      const name = request.url?.split('/').at(-1)
      if (name !== 'countersign') return response.writeHead(404).end('{}')
      const configuration = {
        metadata: { resourceVersion: String(state.version) },
        webhooks: [{ name: 'a', clientConfig: { caBundle: state.bundles[i] } }],
      }
      if (request.method === 'GET') return response.end(JSON.stringify(configuration))
      const [test, add] = JSON.parse(text)
      if (state.left > 0) {
        state.left--
        state.version++
      }
      if (test.value !== String(state.version)) return response.writeHead(422).end('{}')
      assert.equal(add.path, '/webhooks/0/clientConfig/caBundle')
      state.bundles[i] = add.value
      state.version++
      state.patches++
      return response.end('{}')
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => void server.close())
  const folder = mkdtempSync(join(tmpdir(), 'countersign-api-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const tokenFile = `${folder}/token`
  writeFileSync(tokenFile, 'service-account-token\n')
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const at = { url, tokenFile, caFile: authority.certFile }
  const bundle = (i: number) => Buffer.from(state.bundles[i] ?? '', 'base64').toString()
  return { state, at, bundle }
}

describe('the CA in the webhook configurations', () => {
  it('is written into both, with the pod’s own token, and not again', async t => {
    const { state, at, bundle } = await apiServer(t)
    const [ca] = await publishedCas(1)
    await publishCa(at, 'countersign', ca as string, Date.now())
    await publishCa(at, 'countersign', ca as string, Date.now())
    assert.equal(state.patches, 2)
    assert.equal(bundle(0).trim(), ca?.trim())
    assert.equal(bundle(1).trim(), ca?.trim())
    assert.deepEqual([...new Set(state.tokens)], ['Bearer service-account-token'])
  })

  it('stands beside those of other replicas, without what has ended', async t => {
    const { at, bundle } = await apiServer(t)
    const [first, second] = await publishedCas(2)
    await publishCa(at, 'countersign', first as string, Date.now())
    await publishCa(at, 'countersign', second as string, Date.now())
    assert.match(bundle(0), new RegExp(`^${second?.trim()}\\n${first?.trim()}\\n$`.replaceAll('+', '\\+')))
    const [third] = await publishedCas(1)
    await publishCa(at, 'countersign', third as string, Date.now() + 7 * 86_400_000)
    assert.equal(bundle(0).trim(), third?.trim())
  })

  it('of two replicas lets the API server believe both, whichever it asks', async t => {
    const { at, bundle } = await apiServer(t)
    const replica = async () =>
      serve(
        t,
        await ownCertificates({
          dnsNames: NAMES,
          publish: ca => publishCa(at, 'countersign', ca, Date.now()),
          nowMs: Date.now,
          log: QUIET,
        }),
      )
    for (const { url } of [await replica(), await replica()])
      assert.equal((await ask(url, bundle(1), '/readyz')).status, 200)
  })

  it('comes back where a replica that starts over and over has pushed it out', async t => {
    const { at, bundle } = await apiServer(t)
    let now = Date.now()
    const [ca, ...others] = await publishedCas(41)
    for (const each of [ca, ...others]) await publishCa(at, 'countersign', each as string, now)
    assert.equal(bundle(0).match(/BEGIN/g)?.length, 32)
    assert.ok(!bundle(0).includes((ca as string).trim()))
    await publishCa(at, 'countersign', ca as string, now)
    assert.equal(bundle(0).match(/BEGIN/g)?.length, 32)
    assert.ok(bundle(0).includes((ca as string).trim()))
    // What has ended goes with the next look of a replica that still runs, whether or not it has another CA.
    const [young] = await publishedCas(1, now + 3 * 86_400_000)
    now += 7 * 86_400_000
    await publishCa(at, 'countersign', young as string, now - 2 * 86_400_000)
    await publishCa(at, 'countersign', young as string, now)
    assert.equal(bundle(0).trim(), (young as string).trim())
  })

  it('attack: drops what is no CA of an injector from the bundle', async t => {
    const { at, bundle, state } = await apiServer(t)
    const [ca] = await publishedCas(1)
    await publishCa(at, 'countersign', ca as string, Date.now())
    const foreign = new TestCa(t).cert
    state.bundles = state.bundles.map(() => Buffer.from(`${foreign}${ca}`).toString('base64'))
    await publishCa(at, 'countersign', ca as string, Date.now())
    assert.equal(bundle(0).trim(), ca?.trim())
  })

  it('is written again where another replica was faster', async t => {
    const { at, bundle } = await apiServer(t, 2)
    const [ca] = await publishedCas(1)
    await publishCa(at, 'countersign', ca as string, Date.now())
    assert.equal(bundle(0).trim(), ca?.trim())
  })

  it('keeps the injector from starting where there is no configuration', async t => {
    const { at } = await apiServer(t)
    const [ca] = await publishedCas(1)
    await assert.rejects(publishCa(at, 'another', ca as string, Date.now()), { code: 'api_server_refused' })
  })
})

async function publishedCas(count: number, nowMs = Date.now()): Promise<readonly string[]> {
  const published: string[] = []
  for (let i = 0; i < count; i++) await own(published, () => nowMs)
  return published
}
