import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import S3rver from 's3rver'
import { s3Signer } from '../../src/cli/ship-credential.js'
import {
  type Batch,
  exchange,
  httpSink,
  type Ledger,
  openEvidence,
  s3Sink,
  syslogSink,
} from '../../src/ledger/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { decodeEntry, leafHash } from '../../src/receipt/index.js'
import { collect, denial, ORIGIN, type Sidecar, sidecar, temporaryFolder } from './ledger-fixture.js'
import {
  Collector,
  ObjectStore,
  refuse,
  SIGNED,
  type StoredObject,
  server,
  shipped,
  shipping,
  until,
} from './ship-fixture.js'

const CHAIN = `${ORIGIN}/1`
const HOLD = AbortSignal.timeout(300_000)

async function filled(t: TestContext, count = 5): Promise<{ car: Sidecar; ledger: Ledger; batch: Batch }> {
  const car = await sidecar(t)
  const ledger = await car.open()
  await Promise.all(Array.from({ length: count }, () => ledger.append(denial())))
  const entries = await collect(ledger.entries())
  const last = entries.length - 1
  const leaf = Buffer.from(leafHash(nativeCrypto, entries[last] as Uint8Array)).toString('hex')
  const checkpoint = { size: entries.length, note: await ledger.checkpoint() }
  return { car, ledger, batch: { chain: CHAIN, first: 0, last, leaf, entries, checkpoint } }
}

function toStore(store: { readonly url: string }, changes: Partial<Parameters<typeof s3Sink>[0]> = {}) {
  return s3Sink({
    endpoint: store.url,
    bucket: 'evidence',
    prefix: 'edge/one',
    retain: null,
    neverOverwrite: false,
    exchange: exchange(),
    sign: SIGNED,
    nowMs: Date.now,
    ...changes,
  })
}

const NAMES = [
  `evidence/edge/one/${CHAIN}/checkpoint/0000000000000007`,
  `evidence/edge/one/${CHAIN}/entries/0000000000000000-0000000000000006.jsonl`,
]

test('s3rver takes batches and checkpoints as objects that are evidence as they lie there', async t => {
  const directory = await temporaryFolder(t)
  const s3 = new S3rver({
    address: '127.0.0.1',
    port: 0,
    silent: true,
    directory,
    vhostBuckets: false,
    configureBuckets: [{ name: 'evidence', configs: [] }],
  })
  const { port } = await s3.run()
  // Not waited for: it ends with the connections of what ships to it.
  t.after(() => void s3.close())
  const { car, ledger } = await filled(t, 20)
  const key = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' }
  const store = { url: `http://127.0.0.1:${port}` }
  const sink = toStore(store, { sign: s3Signer('eu-west-1', () => key) })
  const { shipping: ships } = await shipping(t, ledger, car.folder, [{ sink }], { batchEntries: 6 })
  await shipped(ships)
  const head = await (await fetch(`${store.url}/evidence`)).text()
  assert.match(head, new RegExp(`edge/one/${CHAIN}/checkpoint/0000000000000022`))
  const name = `edge/one/${CHAIN}/entries/0000000000000000-0000000000000005.jsonl`
  const lines = (await (await fetch(`${store.url}/evidence/${name}`)).text()).split('\n')
  assert.equal(lines.length, 7)
  assert.equal(lines[0], Buffer.from((await ledger.get(0)) as Uint8Array).toString())
  await ships.stop()

  const stranger = toStore(store, {
    sign: s3Signer('eu-west-1', () => ({ ...key, accessKeyId: 'STRANGER' })),
  })
  const refused = await shipping(t, ledger, car.folder, [{ sink: stranger, name: 'stranger' }])
  await until(() => refused.shipping.status()[0]?.failing !== null)
  assert.match(refused.shipping.status()[0]?.failing?.message ?? '', /status 403, InvalidAccessKeyId/)
})

test('every header that is sent is signed, as AWS’s own signer would have it', async t => {
  const store = await ObjectStore.listen(t)
  const { batch } = await filled(t)
  const key = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' }
  const retain = { mode: 'GOVERNANCE', days: 1 } as const
  const sign = s3Signer('eu-west-1', () => key)
  const sink = toStore(store, { sign, retain, neverOverwrite: true })
  t.after(() => sink.close())
  await sink.send(batch, HOLD)
  for (const [name, { headers }] of store.objects) {
    const authorization = String(headers.authorization)
    const signed = /SignedHeaders=([^,]+)/.exec(authorization)?.[1]?.split(';') ?? []
    const sent = Object.keys(headers).filter(each => !UNSIGNED.includes(each))
    assert.deepEqual(signed, sent.sort())
    const theirs = await new SignatureV4({
      service: 's3',
      region: 'eu-west-1',
      sha256: Sha256,
      credentials: key,
      uriEscapePath: false,
      applyChecksum: false,
    }).sign(
      {
        method: 'PUT',
        protocol: 'http:',
        hostname: '127.0.0.1',
        path: `/${name}`,
        query: {},
        headers: Object.fromEntries(signed.map(each => [each, String(headers[each])])),
      },
      { signingDate: new Date(dateOf(String(headers['x-amz-date']))) },
    )
    const signature = /Signature=([0-9a-f]{64})$/
    assert.equal(signature.exec(authorization)?.[1], signature.exec(theirs.headers.authorization ?? '')?.[1])
  }
})

/** Of the connection, of no meaning to the store, or the signature itself. */
const UNSIGNED: readonly string[] = ['authorization', 'connection', 'content-length', 'user-agent']

/** `20260422T101500Z` as RFC 3339. */
function dateOf(text: string): string {
  return text.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5')
}

test('a batch is one object and its checkpoint another, with digests, and twice is the same', async t => {
  const store = await ObjectStore.listen(t)
  const { batch } = await filled(t)
  const sink = toStore(store)
  t.after(() => sink.close())
  await sink.send(batch, HOLD)
  const before = [...store.objects].map(([name, { body }]) => `${name} ${body}`)
  await sink.send(batch, HOLD)
  assert.deepEqual(
    [...store.objects].map(([name, { body }]) => `${name} ${body}`),
    before,
  )
  assert.deepEqual([...store.objects.keys()].sort(), NAMES)
  const { headers } = store.objects.get(NAMES[1] as string) as StoredObject
  assert.match(String(headers['x-amz-checksum-sha256']), /^[A-Za-z0-9+/]{43}=$/)
  assert.equal(headers['x-amz-object-lock-mode'], undefined)
})

test('a batch that the checkpoint goes beyond leaves no checkpoint', async t => {
  const store = await ObjectStore.listen(t)
  const { batch } = await filled(t)
  const sink = toStore(store)
  t.after(() => sink.close())
  await sink.send({ ...batch, last: 5, entries: batch.entries.slice(0, 6) }, HOLD)
  assert.deepEqual([...store.objects.keys()], [NAMES[1]?.replace('06.jsonl', '05.jsonl')])
})

test('object lock: every object is put with its mode and the day until which it is kept', async t => {
  const store = await ObjectStore.listen(t)
  const { batch } = await filled(t)
  const nowMs = Date.parse('2026-11-28T10:00:00Z')
  const sink = toStore(store, { retain: { mode: 'COMPLIANCE', days: 400 }, nowMs: () => nowMs })
  t.after(() => sink.close())
  await sink.send(batch, HOLD)
  for (const { headers } of store.objects.values()) {
    assert.equal(headers['x-amz-object-lock-mode'], 'COMPLIANCE')
    assert.equal(headers['x-amz-object-lock-retain-until-date'], '2028-01-02T10:00:00.000Z')
    assert.ok(headers['content-md5'] !== undefined)
  }
})

test('neverOverwrite: what is there already is compared; the same is fine, another entry is a conflict', async t => {
  const store = await ObjectStore.listen(t)
  const { batch } = await filled(t)
  const sink = toStore(store, { neverOverwrite: true })
  t.after(() => sink.close())
  await sink.send(batch, HOLD)
  await sink.send(batch, HOLD)
  const name = NAMES[1] as string
  const { body, headers } = store.objects.get(name) as { body: Buffer; headers: object }
  const forged = Buffer.from(body.toString().replace('"payload":"eyJ', '"payload":"eyK'))
  store.objects.set(name, { body: forged, headers: headers as never })
  await assert.rejects(async () => sink.send(batch, HOLD), { code: 'ship_conflict' })
  assert.deepEqual(store.objects.get(name)?.body, forged, 'nothing was overwritten')
  store.intercept = (request, response) => {
    if (request.method !== 'GET') return false
    refuse(response, 403, 'AccessDenied')
    return true
  }
  await assert.rejects(async () => sink.send(batch, HOLD), /may not read it to compare/)
})

test('answers of a store: refusals, faults, odd words and redirects are told apart, and repeat nothing foreign', async t => {
  const store = await ObjectStore.listen(t)
  const inside = await ObjectStore.listen(t)
  const { batch } = await filled(t)
  const sink = toStore(store)
  t.after(() => sink.close())
  for (const [status, code, fault, words] of [
    [403, 'AccessDenied', 'ship_refused', /status 403, AccessDenied/],
    [404, 'NoSuchBucket', 'ship_refused', /status 404, NoSuchBucket/],
    [400, 'YourKeyIsHunter', 'ship_refused', /\(status 400\)/],
    [500, 'InternalError', 'ship_answer', /status 500, InternalError/],
    [503, 'SlowDown', 'ship_answer', /status 503, SlowDown/],
    [409, 'OperationAborted', 'ship_answer', /\(status 409\)/],
    [307, 'TemporaryRedirect', 'ship_answer', /status 307, TemporaryRedirect/],
  ] as const) {
    store.intercept = (_request, response) => {
      if (status === 307) response.setHeader('location', `${inside.url}/evidence/x`)
      refuse(response, status, code)
      return true
    }
    await assert.rejects(
      async () => sink.send(batch, HOLD),
      (error: Error & { code: string }) => error.code === fault && words.test(error.message),
    )
  }
  assert.equal(inside.puts.length, 0, 'a redirect is not followed')
  store.intercept = (_request, response) => {
    response.destroy()
    return true
  }
  await assert.rejects(async () => sink.send(batch, HOLD), { code: 'ship_unreachable' })
})

test('attack: a name that leads to this link’s metadata service is not dialled', async t => {
  const { batch } = await filled(t)
  const lookup = ((_name, _options, done) =>
    done(null, [{ address: '169.254.169.254', family: 4 }])) as NonNullable<
    NonNullable<Parameters<typeof exchange>[0]>['lookup']
  >
  const sink = toStore({ url: 'http://store.test' }, { exchange: exchange({ lookup }) })
  t.after(() => sink.close())
  await assert.rejects(async () => sink.send(batch, HOLD), { code: 'ship_address' })
  const syslog = syslogSink({ ...SYSLOG, hostname: 'siem.test', port: 601, lookup })
  await assert.rejects(async () => syslog.send(batch, HOLD), { code: 'ship_address' })
})

test('an object store that fails at every third request has every entry in the end', async t => {
  const store = await ObjectStore.listen(t)
  const { car, ledger } = await filled(t, 40)
  let calls = 0
  store.intercept = (_request, response) => {
    calls++
    if (calls % 6 === 1) response.destroy()
    else if (calls % 6 === 4) refuse(response, 503, 'SlowDown')
    return calls % 3 === 1
  }
  const { shipping: ships } = await shipping(t, ledger, car.folder, [{ sink: toStore(store) }], {
    batchEntries: 7,
  })
  await shipped(ships)
  const lines = [...store.objects]
    .filter(([name]) => name.endsWith('.jsonl'))
    .sort()
    .map(([, { body }]) => body.toString())
  const entries = (await collect(ledger.entries())).map(bytes => `${Buffer.from(bytes)}\n`)
  assert.equal(lines.join(''), entries.join(''))
})

test('a collector gets dump lines, says where it stands, and is gone on with from there', async t => {
  const collector = await Collector.listen(t)
  const { car, ledger } = await filled(t, 30)
  const sink = httpSink({
    url: collector.url,
    exchange: exchange(),
    authorize: ({ first }) => [['authorization', `Bearer for-${first}`]],
  })
  const { shipping: ships } = await shipping(t, ledger, car.folder, [{ sink }], { batchEntries: 10 })
  await shipped(ships)
  const expected = async () => (await collect(ledger.entries())).map(bytes => Buffer.from(bytes).toString())
  assert.deepEqual(collector.chains.get(CHAIN), await expected())
  const [first] = collector.requests
  assert.deepEqual(
    [first?.['countersign-first'], first?.['countersign-last'], first?.authorization],
    ['0', '9', 'Bearer for-0'],
  )
  const note = Buffer.from(String(first?.['countersign-checkpoint']), 'base64').toString()
  assert.equal(note, await ledger.checkpoint())

  collector.chains.get(CHAIN)?.splice(12)
  await ledger.append(denial())
  await shipped(ships)
  assert.deepEqual(collector.chains.get(CHAIN), await expected(), 'what it lost came again')
})

test('answers of a collector: what isn’t the contract is a fault', async t => {
  const { batch } = await filled(t)
  let answer: { status: number; body: string } = { status: 200, body: '' }
  const { url } = await server(t, (_request, response) => {
    response.statusCode = answer.status
    response.end(answer.body)
  })
  const sink = httpSink({ url: `${url}/x`, exchange: exchange(), authorize: () => [] })
  t.after(() => sink.close())
  for (const [status, body, code] of [
    [401, 'Bearer hunter2', 'ship_refused'],
    [302, '', 'ship_answer'],
    [500, 'oops', 'ship_answer'],
    [429, '', 'ship_answer'],
    [409, '', 'ship_answer'],
    [409, '{"next":-1}', 'ship_answer'],
    [409, '{"next":1.5}', 'ship_answer'],
    [409, '{"next":3,"leaf":"short"}', 'ship_answer'],
  ] as const) {
    answer = { status, body }
    await assert.rejects(
      async () => sink.send(batch, HOLD),
      (error: Error & { code: string }) => error.code === code && !error.message.includes('hunter2'),
    )
  }
  answer = { status: 409, body: `{"next":3,"leaf":"${'ab'.repeat(32)}"}` }
  assert.deepEqual(await sink.send(batch, HOLD), { kind: 'elsewhere', next: 3, leaf: 'ab'.repeat(32) })
})

const SYSLOG = {
  hostname: '127.0.0.1',
  port: 0,
  tls: false,
  host: 'edge 1',
  facility: 13,
  enterprise: 32_473,
}

/** A syslog server that reads octet-counted frames (RFC 6587 §3.4.1). */
async function syslogServer(t: TestContext, tls?: { readonly cert: Buffer; readonly key: Buffer }) {
  const frames: string[] = []
  const sockets = new Set<Socket>()
  const accept = (socket: Socket) => {
    sockets.add(socket)
    let rest = Buffer.alloc(0)
    socket.on('error', () => undefined)
    socket.on('data', chunk => {
      rest = Buffer.concat([rest, chunk])
      for (;;) {
        const space = rest.indexOf(0x20)
        const length = Number(rest.subarray(0, space).toString())
        if (space < 0 || rest.length < space + 1 + length) return
        frames.push(rest.subarray(space + 1, space + 1 + length).toString())
        rest = rest.subarray(space + 1 + length)
      }
    })
  }
  const listening = tls === undefined ? createServer(accept) : createTlsServer(tls, accept)
  await new Promise<void>(resolve => listening.listen(0, '127.0.0.1', resolve))
  const { port } = listening.address() as { port: number }
  const cut = () => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  t.after(() => {
    cut()
    listening.close()
  })
  return { port, frames, cut }
}

test('syslog: a message per entry in the form of RFC 5424, its body the envelope, and the checkpoint behind them', async t => {
  const { port, frames, cut } = await syslogServer(t)
  const { car, ledger, batch } = await filled(t)
  const sink = syslogSink({ ...SYSLOG, port })
  const { shipping: ships } = await shipping(t, ledger, car.folder, [{ sink }])
  await until(() => frames.length === batch.entries.length + 1)
  for (const [seq, bytes] of batch.entries.entries()) {
    const { t: ms, type } = decodeEntry(bytes)
    const leaf = Buffer.from(leafHash(nativeCrypto, bytes)).toString('hex')
    assert.equal(
      frames[seq],
      `<110>1 ${new Date(ms).toISOString()} edge1 countersign - ${type} [countersign@32473 chain="${CHAIN}" seq="${seq}" leaf="${leaf}"] ${Buffer.from(bytes)}`,
    )
  }
  const [, size, note] = /size="(\d+)"\] (.+)$/.exec(frames.at(-1) ?? '') ?? []
  assert.deepEqual([size, Buffer.from(note ?? '', 'base64').toString()], ['7', batch.checkpoint.note])
  assert.equal(ships.lag(Date.now()), null, 'it vouches for nothing')
  cut()
  await ledger.append(denial())
  await until(() => frames.some(frame => frame.includes('seq="7"')))
})

test('syslog over TLS verifies the server, and sends nothing to one that it doesn’t know', async t => {
  const folder = await temporaryFolder(t)
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-subj', '/CN=siem', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert],
  ])
  if (!existsSync(cert)) return t.skip(`openssl is not installed: ${made.error?.message}`)
  const pem = { key: readFileSync(key), cert: readFileSync(cert) }
  const { port, frames } = await syslogServer(t, pem)
  const { batch } = await filled(t)
  const stranger = syslogSink({ ...SYSLOG, port, tls: true })
  await assert.rejects(async () => stranger.send(batch, HOLD), /DEPTH_ZERO_SELF_SIGNED_CERT/)
  assert.equal(frames.length, 0)
  const known = syslogSink({ ...SYSLOG, port, tls: true, ca: pem.cert.toString() })
  await known.send(batch, HOLD)
  await until(() => frames.length === 8)
  await known.close()
})

test('what lies in a bucket after a stop verifies against the log’s keys, from a folder that it was copied to', async t => {
  const store = await ObjectStore.listen(t)
  const { car, ledger } = await filled(t, 25)
  const { shipping: ships } = await shipping(t, ledger, car.folder, [{ sink: toStore(store) }], {
    batchEntries: 10,
  })
  await ledger.close(() => ships.stop())
  const folder = await store.synchronise(t)
  const evidence = await openEvidence(folder, nativeCrypto)
  const keys = {
    origin: ORIGIN,
    receipt: [car.receiptKey.publicKey],
    checkpoint: [car.checkpointKey.publicKey],
  }
  const checkpoints = evidence.checkpoint === null ? [] : [evidence.checkpoint]
  const found = await evidence.verify({ crypto: nativeCrypto, keys, checkpoints })
  assert.deepEqual([evidence.kind, found.sound, found.size, found.checkpointed], ['shipped', true, 28, 28])
})
