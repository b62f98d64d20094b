import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { canonicalBytes, contentId, encodeEnvelope, type JsonObject, utf8 } from '../../src/canon/index.js'
import type { HighestPolicy, SealedSource } from '../../src/keeper/activation.js'
import { policyFetch, policyUrl } from '../../src/keeper/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { openPolicy, openTrustRoot, sealPolicy, type TrustRoot } from '../../src/policy/index.js'
import { compiled, idOf, keyNamed, NOW, sealedChain, trustRoot } from '../policy/trust-fixture.js'
import { startPolicyServer } from './policy-server.js'

const CATALOG = canonicalBytes({ name: 'billing', padding: 'x'.repeat(1_000) })
const DIGEST = contentId(nativeCrypto, CATALOG)
const CATALOG_PATH = `/team/catalogs/${DIGEST.slice('sha256:'.length)}.json`
const POLICY_PATH = '/team/policy.sealed.json'
const SIGNERS = [keyNamed('p1'), keyNamed('p2')]

function sealed(change: JsonObject = {}): Uint8Array {
  const payload = compiled({ apis: { billing: { catalog: DIGEST } }, ...change })
  return encodeEnvelope(sealPolicy(payload, SIGNERS))
}

interface Line {
  readonly level: string
  readonly facts: object
  readonly sentence: string
}

async function scene(t: TestContext, timeoutMs = 20_000) {
  const server = await startPolicyServer(t)
  server.files.set(POLICY_PATH, sealed())
  server.files.set(CATALOG_PATH, CATALOG)
  const folder = mkdtempSync(join(tmpdir(), 'policy-url-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const root = trustRoot()
  const trustRootFile = join(folder, 'root.json')
  writeFileSync(trustRootFile, `[${Buffer.from(sealedChain([root, ['root']])[0] as Uint8Array)}]`)
  const lines: Line[] = []
  const say = (level: string) => (facts: object, sentence: string) => lines.push({ level, facts, sentence })
  const cacheFolder = join(folder, 'cache')
  const start = (every = 30_000): SealedSource => {
    const fetch = policyFetch({ timeoutMs })
    t.after(() => fetch.close())
    return policyUrl({
      trustRootFile,
      openTrust: chain => openTrustRoot(chain, idOf(root), nativeCrypto),
      openSealed: (bytes, against) =>
        openPolicy(bytes, { ...against, crypto: nativeCrypto, audience: 'staging' }),
      activate: (payload, cid, catalogs) => {
        assert.deepEqual(catalogs.get(DIGEST)?.name, 'billing', 'catalog_missing')
        return { cid, version: payload.version } as never
      },
      url: server.origin + POLICY_PATH,
      cacheFolder,
      everyMs: every,
      fetch,
      crypto: nativeCrypto,
      clock: { nowMs: () => NOW },
      log: { info: say('info'), warn: say('warn'), error: say('error') },
      random: () => 0.5,
    })
  }
  const ask = async (source: SealedSource, highest: HighestPolicy | null = null, trust: TrustRoot = root) =>
    (await source.policy(trust, highest, NOW)).policy.version
  return { server, start, ask, root, cacheFolder, lines }
}

test('a policy is fetched once with its catalog, and afterwards only asked for by its ETag', async t => {
  const { server, start, ask } = await scene(t)
  const source = start()
  assert.equal(await ask(source), 7)
  assert.equal(await ask(source), 7)
  assert.deepEqual(
    server.served.map(({ path, status }) => [path, status]),
    [
      [POLICY_PATH, 200],
      [CATALOG_PATH, 200],
      [POLICY_PATH, 304],
    ],
  )
  server.files.set(POLICY_PATH, sealed({ version: 8 }))
  assert.equal(await ask(source), 8)
  assert.equal(server.served.filter(({ path }) => path === CATALOG_PATH).length, 1)
})

test('Last-Modified serves where a server has no ETag', async t => {
  const { server, start, ask } = await scene(t)
  const at = 'Sun, 01 Nov 2026 10:00:00 GMT'
  const bytes = sealed()
  server.instead.set(POLICY_PATH, response => {
    if (response.req.headers['if-modified-since'] === at) response.writeHead(304).end()
    else response.writeHead(200, { 'last-modified': at }).end(bytes)
  })
  const source = start()
  assert.equal(await ask(source), 7)
  assert.equal(await ask(source), 7)
  assert.deepEqual(
    server.served.filter(({ path }) => path === POLICY_PATH).map(({ status }) => status),
    [200, 304],
  )
})

test('the trust root stays a file, and the policy is asked for at intervals', async t => {
  const { start, root } = await scene(t)
  const source = start(20)
  assert.equal((await source.trust(null)).version, root.version)
  const alive = setInterval(() => undefined, 1_000)
  t.after(() => clearInterval(alive))
  await new Promise<void>(resolve => t.after(source.watch(resolve)))
})

const FAILURES: readonly {
  title: string
  answer: (response: import('node:http').ServerResponse) => void
  says: RegExp
  timeoutMs?: number
}[] = [
  {
    title: 'answers 500',
    answer: response => response.writeHead(500).end('{"token":"x"}'),
    says: /status 500/,
  },
  {
    title: 'redirects elsewhere',
    answer: response => response.writeHead(302, { location: 'http://127.0.0.1:1/policy' }).end(),
    says: /status 302/,
  },
  {
    title: 'cuts the body off',
    answer: response => {
      response.writeHead(200, { 'content-length': '5000' }).write('{"payload"')
      setImmediate(() => response.destroy())
    },
    says: /UND_ERR|ECONNRESET|no answer/,
  },
  {
    title: 'sends one byte and then nothing',
    answer: response => {
      response.writeHead(200).write('{')
    },
    says: /too slow/,
    timeoutMs: 1_000,
  },
  {
    title: 'sends slowly for ever',
    answer: response => {
      response.writeHead(200)
      const timer = setInterval(() => response.write(' '), 20)
      response.once('close', () => clearInterval(timer))
    },
    says: /too slow/,
    timeoutMs: 1_000,
  },
  {
    title: 'sends more than a policy can be',
    answer: response => response.writeHead(200).end(Buffer.alloc(9 * 1024 * 1024, 0x20)),
    says: /longer than/,
  },
  {
    title: 'encodes what it sends',
    answer: response => response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
    says: /encoded/,
  },
  {
    title: 'says unchanged to who asked for the whole',
    answer: response => response.writeHead(304).end(),
    says: /304/,
  },
  { title: 'has no policy', answer: response => response.writeHead(404).end(), says: /has no policy/ },
]

for (const { title, answer, says, timeoutMs } of FAILURES) {
  test(`a server that ${title} costs nothing that was good, and says so`, async t => {
    const { server, start, ask, lines } = await scene(t, timeoutMs)
    server.instead.set(POLICY_PATH, answer)
    await assert.rejects(ask(start()), { code: 'policy_unreachable', message: says })
    server.instead.delete(POLICY_PATH)
    const source = start()
    assert.equal(await ask(source), 7)
    server.files.set(POLICY_PATH, sealed({ version: 8 }))
    server.instead.set(POLICY_PATH, answer)
    if (title.startsWith('says unchanged'))
      server.instead.set(POLICY_PATH, response => response.writeHead(500).end())
    assert.equal(await ask(source), 7)
    assert.equal(await ask(source), 7)
    assert.equal(source.distribution?.()?.failing?.polls, 2)
    assert.equal(lines.filter(({ sentence }) => sentence.includes('does not answer')).length, 3 - 1)
    assert.doesNotMatch(JSON.stringify(lines), /token/)
    // A start while the server fails: from the cache, verified again.
    assert.equal(await ask(start()), 7)
    server.instead.delete(POLICY_PATH)
    assert.equal(await ask(source), 8)
    assert.equal(source.distribution?.()?.failing, null)
  })
}

test('attack: content that nobody sealed is refused each time, and the good one stays', async t => {
  const { server, start, ask } = await scene(t)
  const source = start()
  await ask(source)
  const forged = Buffer.from(sealed({ version: 9 }))
    .toString()
    .replace(/"sig":"...../, '"sig":"AAAAA')
  server.files.set(POLICY_PATH, utf8(forged))
  await assert.rejects(ask(source), { code: 'signature_invalid' })
  await assert.rejects(ask(source), { code: 'signature_invalid' })
  server.files.set(POLICY_PATH, utf8('<html>'))
  await assert.rejects(ask(source), { code: 'json_syntax' })
  await server.close()
  assert.equal(await ask(source), 7)
})

test('attack: the server goes back to an older version that was validly signed', async t => {
  const { server, start, ask } = await scene(t)
  const highest = { version: 7, cid: 'sha256:the-one-in-the-ledger' }
  server.files.set(POLICY_PATH, sealed({ version: 6 }))
  await assert.rejects(ask(start(), highest), { code: 'version_below_highest' })
  server.files.set(POLICY_PATH, sealed({ version: 7, rules: [{ id: 'other' }] }))
  await assert.rejects(ask(start(), highest), { code: 'version_reused' })
})

test('attack: a catalog that was swapped on the server has another digest', async t => {
  const { server, start, ask } = await scene(t)
  server.files.set(CATALOG_PATH, canonicalBytes({ name: 'billing', classes: 'read' }))
  await assert.rejects(ask(start()), { code: 'policy_unreadable' })
})

test('attack: a cache that was written to is held against the seal and the digests like the server', async t => {
  const { server, start, ask, cacheFolder } = await scene(t)
  await ask(start())
  const [catalog] = readdirSync(join(cacheFolder, 'catalogs'))
  const catalogFile = join(cacheFolder, 'catalogs', catalog as string)
  writeFileSync(catalogFile, canonicalBytes({ name: 'billing', classes: 'read' }))
  // Fetched anew while the server is there, and put right.
  assert.equal(await ask(start()), 7)
  assert.deepEqual(new Uint8Array(readFileSync(catalogFile)), CATALOG)
  const policyFile = join(cacheFolder, 'policy.sealed.json')
  writeFileSync(policyFile, readFileSync(policyFile, 'utf8').replace(/"sig":"...../, '"sig":"AAAAA'))
  await server.close()
  await assert.rejects(ask(start()), { code: 'signature_invalid' })
})

test('a policy whose catalog is not there yet is refused until it is, and the last good one serves a start', async t => {
  const { server, start, ask } = await scene(t)
  const first = start()
  await ask(first)
  const later = canonicalBytes({ name: 'later' })
  const digest = contentId(nativeCrypto, later)
  const path = `/team/catalogs/${digest.slice('sha256:'.length)}.json`
  const apis = { billing: { catalog: DIGEST }, later: { catalog: digest } }
  server.files.set(POLICY_PATH, sealed({ version: 8, apis }))
  server.instead.set(path, response => response.writeHead(503).end())
  await assert.rejects(ask(first), { code: 'policy_unreachable', message: /catalogs.*status 503/ })
  assert.equal(await ask(start()), 7)
  server.instead.delete(path)
  server.files.set(path, later)
  assert.equal(await ask(first), 8)
})

test('attack: what is kept is held against a trust root that moved on, though the server says unchanged', async t => {
  const { start, ask, root } = await scene(t)
  const source = start()
  await ask(source)
  const raised = { ...root, minPolicyVersion: 9 }
  await assert.rejects(ask(source, null, raised), { code: 'version_below_floor' })
})

test('attack: a name that leads to the metadata service is not asked', async t => {
  const fetch = policyFetch({
    timeoutMs: 400,
    lookup: (_hostname, _options, done) => done(null, [{ address: '169.254.169.254', family: 4 }]),
  })
  t.after(() => fetch.close())
  await assert.rejects(fetch.get(new URL('http://policies.example/p.json'), null, 1_000), {
    code: 'policy_unreachable',
    message: /address_refused/,
  })
})
