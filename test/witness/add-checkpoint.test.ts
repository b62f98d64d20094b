import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { request } from 'node:http'
import { describe, it } from 'node:test'
import { utf8 } from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { cosignedAt, formatAddCheckpoint, formatNote, parseCheckpoint } from '../../src/receipt/index.js'
import { holdConnection } from '../gate/raw-http.js'
import { ALog, newKey } from './a-log.js'
import { AWitness, withLines } from './a-witness.js'

describe('add-checkpoint', () => {
  it('answers a first checkpoint with a cosignature of this moment', async t => {
    const log = new ALog().grow(5)
    const witness = await AWitness.start(t, [log])
    const { status, type, text } = await witness.add(await log.request(0))
    assert.deepEqual([status, type], [200, 'text/plain; charset=utf-8'])
    assert.match(text, /^— witness\.test\/w1 [A-Za-z0-9+/]+=*\n$/u)
    const cosigned = withLines(await log.note(), text)
    assert.equal(cosignedAt(nativeCrypto, cosigned, witness.identity), 1_790_000_000)
  })

  it('cosigns every step that is proven to go on from the last one, of any two sizes', async t => {
    const log = new ALog().grow(70)
    const witness = await AWitness.start(t, [log])
    let last = 0
    for (const size of [1, 2, 3, 7, 8, 8, 20, 64, 65, 70]) {
      const { status, text } = await witness.add(await log.request(last, size))
      assert.equal(status, 200, `${last} → ${size}: ${text}`)
      assert.notEqual(cosignedAt(nativeCrypto, withLines(await log.note(size), text), witness.identity), null)
      last = size
    }
  })

  it('takes the empty tree, and what follows it without a proof', async t => {
    const log = new ALog()
    const witness = await AWitness.start(t, [log])
    assert.equal((await witness.add(await log.request(0))).status, 200)
    assert.equal((await witness.add(await log.grow(3).request(0))).status, 200)
  })

  it('answers 409 with the size that it cosigned last, and text/x.tlog.size', async t => {
    const log = new ALog().grow(9)
    const witness = await AWitness.start(t, [log])
    await witness.add(await log.request(0, 6))
    for (const old of [0, 5, 7]) {
      const { status, type, text } = await witness.add(await log.request(old))
      assert.deepEqual([status, type, text], [409, 'text/x.tlog.size', '6\n'], `old ${old}`)
    }
  })

  it('cosigns extension lines of other logs with the rest of the text', async t => {
    const log = new ALog('other.test/log').grow(2)
    const witness = await AWitness.start(t, [log])
    const [body] = (await log.note()).split('\n\n') as [string]
    const extended = `${body}\nextra line\n`
    const plain = parseCheckpoint(utf8(await log.note()))
    const [line] = plain.signatures
    assert.ok(line !== undefined)
    const note = formatNote({
      body: extended,
      signatures: [{ ...line, signature: log.key.sign(utf8(extended)) }],
    })
    const { status, text } = await witness.add(formatAddCheckpoint({ oldSize: 0, hashes: [], note }))
    assert.equal(status, 200, text)
    const cosigned = parseCheckpoint(utf8(`${note}${text}`), 'taken')
    assert.notEqual(cosignedAt(nativeCrypto, cosigned, witness.identity), null)
  })

  it('never dates a cosignature before the last one, even where its clock is set back', async t => {
    const log = new ALog().grow(4)
    const witness = await AWitness.start(t, [log])
    await witness.add(await log.request(0, 3))
    witness.now -= 3_600_000
    const { text } = await witness.add(await log.request(3))
    assert.equal(cosignedAt(nativeCrypto, withLines(await log.note(), text), witness.identity), 1_790_000_000)
  })

  it('serves under a prefix, answers /healthz, and nothing else', async t => {
    const log = new ALog().grow(1)
    const witness = await AWitness.build(t, [log])
    await witness.start({ prefix: '/w/1' })
    assert.match(witness.url, /\/w\/1$/)
    assert.equal((await witness.add(await log.request(0))).status, 200)
    const base = witness.url.replace('/w/1', '')
    assert.equal((await fetch(`${base}/healthz`)).status, 200)
    for (const path of ['/', '/add-checkpoint', '/w/1', '/w/1/', '/w/1/sign-subtree', '/w/1//add-checkpoint'])
      assert.equal((await fetch(`${base}${path}`, { method: 'POST', body: '' })).status, 404, path)
    assert.equal((await fetch(`${witness.url}/add-checkpoint`)).status, 405)
  })
})

it('attack: nobody keeps a log out by holding all of the witness’ connections', async t => {
  const log = new ALog().grow(3)
  const witness = await AWitness.build(t, [log])
  await witness.start({ maxConnections: 4 })
  for (let i = 0; i < 10; i++) await holdConnection(t, witness.url, '127.0.0.1')
  assert.equal((await witness.add(await log.request(0))).status, 200)
})

describe('what a witness must not cosign', () => {
  it('answers 404 for a log that it doesn’t know, the next epoch of a known one among them', async t => {
    const log = new ALog().grow(2)
    const witness = await AWitness.start(t, [log])
    const next = new ALog('acme.test/countersign/edge/2', log.key).grow(2)
    assert.equal((await witness.add(await next.request(0))).status, 404)
    assert.equal((await witness.add(await new ALog('x.test/y').grow(1).request(0))).status, 404)
  })

  it('knows several epochs under one key, each with a history of its own', async t => {
    const first = new ALog('acme.test/countersign/edge/1').grow(7)
    const second = new ALog('acme.test/countersign/edge/2', first.key).grow(3)
    const witness = await AWitness.start(t, [first, second])
    for (const log of [first, second]) assert.equal((await witness.add(await log.request(0))).status, 200)
    assert.equal((await witness.add(await second.grow(1).request(3))).status, 200)
  })

  it('attack: answers 403 to another key, to no known key, and to a known key’s wrong signature beside a right one', async t => {
    const log = new ALog().grow(2)
    const witness = await AWitness.start(t, [log])
    const forged = await log.note(2, newKey())
    const right = parseCheckpoint(utf8(await log.note()))
    const [line] = right.signatures
    assert.ok(line !== undefined)
    const stranger = { ...line, name: 'someone.test/else' }
    const wrong = { ...line, signature: line.signature.map(byte => byte ^ 1) }
    const notes = [
      forged,
      formatNote({ body: right.body, signatures: [stranger] }),
      formatNote({ body: right.body, signatures: [wrong] }),
      formatNote({ body: right.body, signatures: [line, wrong] }),
    ]
    for (const note of notes)
      assert.equal((await witness.add(formatAddCheckpoint({ oldSize: 0, hashes: [], note }))).status, 403)
    const both = formatNote({ body: right.body, signatures: [stranger, line] })
    assert.equal(
      (await witness.add(formatAddCheckpoint({ oldSize: 0, hashes: [], note: both }))).status,
      200,
      'signatures of unknown keys are ignored',
    )
  })

  it('attack: answers 422 to a proof that doesn’t verify, is missing, or isn’t asked for', async t => {
    const log = new ALog().grow(9)
    const witness = await AWitness.start(t, [log])
    const add = async (oldSize: number, hashes: readonly Uint8Array[], size: number) =>
      (await witness.add(formatAddCheckpoint({ oldSize, hashes, note: await log.note(size) }))).status
    assert.equal(await add(0, [Buffer.alloc(32)], 5), 422, 'a proof from nothing')
    assert.equal(await add(0, [], 5), 200)
    const proof = await log.proof(5, 9)
    assert.equal(await add(5, [], 9), 422, 'no proof')
    assert.equal(await add(5, proof.slice(1), 9), 422, 'a hash less')
    assert.equal(await add(5, [...proof, Buffer.alloc(32)], 9), 422, 'a hash more')
    assert.equal(await add(5, [...proof].reverse(), 9), 422, 'another order')
    assert.equal(await add(5, proof, 8), 422, 'another size')
    assert.equal(await add(5, [Buffer.alloc(32)], 5), 422, 'a proof between equals')
    assert.equal(await add(5, proof, 9), 200, 'and the right one still passes')
  })

  it('attack: answers 422 to an empty tree with the root of another', async t => {
    const log = new ALog().grow(1)
    const witness = await AWitness.start(t, [log])
    const body = (await log.note()).split('\n\n')[0]?.replace('\n1\n', '\n0\n')
    const [line] = parseCheckpoint(utf8(await log.note())).signatures
    assert.ok(line !== undefined)
    const note = formatNote({
      body: `${body}\n`,
      signatures: [{ ...line, signature: log.key.sign(utf8(`${body}\n`)) }],
    })
    assert.equal((await witness.add(formatAddCheckpoint({ oldSize: 0, hashes: [], note }))).status, 422)
  })

  it('attack: a split view is refused, named in the log, and both signed checkpoints are kept as proof', async t => {
    const log = new ALog().grow(8)
    const witness = await AWitness.start(t, [log])
    await witness.add(await log.request(0))
    const fork = log.fork(5).grow(3)
    const answer = await witness.add(formatAddCheckpoint({ oldSize: 8, hashes: [], note: await fork.note() }))
    assert.equal(answer.status, 422)
    const named = witness.logged.find(({ level }) => level === 'error')
    assert.equal(named?.sentence, 'a log has signed two histories')
    assert.deepEqual((named?.facts as { origin?: string } | undefined)?.origin, log.origin)
    const kept = await witness.contradictions()
    assert.deepEqual(
      kept.map(file => file.split('.').at(-1)),
      ['seen', 'shown'],
    )
  })

  it('attack: a fork that has grown past what was cosigned can’t prove itself, whatever it sends', async t => {
    const log = new ALog().grow(8)
    const witness = await AWitness.start(t, [log])
    await witness.add(await log.request(0))
    const fork = log.fork(5).grow(9)
    assert.equal((await witness.add(await fork.request(8))).status, 422)
    assert.equal((await witness.add(await fork.request(5))).status, 409)
    assert.equal((await witness.add(await fork.request(0))).status, 409)
    assert.equal((await witness.add(await log.grow(1).request(8))).status, 200, 'the true one goes on')
  })

  it('attack: whoever shows the newest checkpoint again and again has nothing written', async t => {
    const log = new ALog().grow(8)
    const witness = await AWitness.start(t, [log])
    assert.equal((await witness.add(await log.request(0))).status, 200)
    const files = async () => {
      const found = await Promise.all(Object.values(witness.place).map(file => stat(file, { bigint: true })))
      return found.map(({ mtimeNs }) => mtimeNs)
    }
    const before = await files()
    for (let i = 0; i < 3; i++) assert.equal((await witness.add(await log.request(8))).status, 200)
    assert.deepEqual(await files(), before)
    assert.equal((await witness.add(await log.grow(1).request(8))).status, 200)
    assert.notDeepEqual(await files(), before)
  })

  it('attack: a log that shows less than it has shown before gets 409, never a cosignature', async t => {
    const log = new ALog().grow(8)
    const witness = await AWitness.start(t, [log])
    await witness.add(await log.request(0))
    const old = log.fork(5)
    assert.deepEqual(
      [(await witness.add(await old.request(0))).status, (await witness.add(await old.request(5))).status],
      [409, 409],
    )
    assert.ok(witness.logged.some(({ sentence }) => /less than it has shown before/.test(sentence)))
  })
})

describe('a malformed request', () => {
  it('gets 400, and changes nothing', async t => {
    const log = new ALog().grow(4)
    const witness = await AWitness.start(t, [log])
    const good = await log.request(0)
    const note = await log.note()
    const bodies: Record<string, string | Uint8Array> = {
      empty: '',
      'no empty line': good.replace('\n\n', '\n'),
      'leading zero': good.replace('old 0', 'old 00'),
      'negative size': good.replace('old 0', 'old -0'),
      'size in hex': good.replace('old 0', 'old 0x0'),
      'beyond a safe integer': good.replace('old 0', 'old 9007199254740993'),
      'two spaces': good.replace('old 0', 'old  0'),
      'carriage returns': good.replaceAll('\n', '\r\n'),
      'an old size above the new one': good.replace('old 0', 'old 5'),
      'a short hash': `old 0\nAAAA\n\n${note}`,
      'a hash that is no base64': `old 0\n${'*'.repeat(44)}\n\n${note}`,
      '64 hashes': `old 0\n${`${Buffer.alloc(32).toString('base64')}\n`.repeat(64)}\n${note}`,
      'no signature': `old 0\n\n${note.split('\n\n')[0]}\n`,
      'a cut note': `old 0\n\n${note.slice(0, -1)}`,
      'not UTF-8': Buffer.concat([Buffer.from(good), Buffer.of(0xff)]),
    }
    for (const [what, body] of Object.entries(bodies))
      assert.equal((await witness.add(body)).status, 400, what)
    assert.equal((await witness.newest(log.origin)).status, 404)
    assert.equal((await witness.add(good)).status, 200)
  })

  it('attack: a huge body is cut off with 413, announced or not', async t => {
    const log = new ALog().grow(1)
    const witness = await AWitness.start(t, [log])
    const status = await new Promise<number>((resolve, reject) => {
      const sending = request(`${witness.url}/add-checkpoint`, { method: 'POST' }, response => {
        response.resume()
        resolve(response.statusCode ?? 0)
      })
      sending.on('error', reject)
      // Chunked, without an end: the answer comes before it.
      sending.write(Buffer.alloc(300_000, 'a'))
    })
    assert.equal(status, 413)
    assert.equal((await witness.add(await log.request(0))).status, 200)
  })
})

describe('monitoring', () => {
  it('shows the newest cosigned checkpoint, with the signature of the log and the cosignature that was given', async t => {
    const log = new ALog().grow(3)
    const witness = await AWitness.start(t, [log])
    assert.equal((await witness.newest(log.origin)).status, 404)
    const stranger = parseCheckpoint(utf8(await new ALog('x.test/y').grow(1).note())).signatures[0]
    const { body, signatures } = parseCheckpoint(utf8(await log.note()))
    assert.ok(stranger !== undefined)
    const note = formatNote({ body, signatures: [stranger, ...signatures] })
    const { text } = await witness.add(formatAddCheckpoint({ oldSize: 0, hashes: [], note }))
    const shown = await witness.newest(log.origin)
    assert.deepEqual([shown.status, shown.type], [200, 'text/plain; charset=utf-8'])
    assert.equal(shown.text, `${await log.note()}${text}`, 'unverified signatures are left out')
  })

  it('answers 404 for a hash that is none of a known origin, or is none', async t => {
    const witness = await AWitness.start(t, [new ALog()])
    for (const path of ['0'.repeat(64), 'A'.repeat(64), '../memory', ''])
      assert.equal((await fetch(`${witness.url}/${path}/checkpoint`)).status, 404, path)
  })
})
