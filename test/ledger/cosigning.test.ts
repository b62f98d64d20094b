import assert from 'node:assert/strict'
import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { utf8 } from '../../src/canon/index.js'
import {
  askWitnesses,
  type Cosigning,
  exchange,
  type Ledger,
  readWitnessed,
  startCosigning,
  witnessedBeside,
} from '../../src/ledger/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { parseCheckpoint, parseWitnessPolicy, witnessedAt } from '../../src/receipt/index.js'
import { ALog } from '../witness/a-log.js'
import { AWitness } from '../witness/a-witness.js'
import { denial, ORIGIN, type Sidecar, sidecar } from './ledger-fixture.js'

interface Logged {
  readonly facts: { readonly code?: string; readonly witness?: string }
  readonly sentence: string
}

/** A ledger with its own folder, and whoever cosigns it. */
class Desk {
  readonly logged: Logged[] = []
  nowMs = Date.now()
  readonly house: Sidecar
  readonly witnesses: readonly AWitness[]
  private readonly t: TestContext
  private readonly quorum: string

  constructor(t: TestContext, house: Sidecar, witnesses: readonly AWitness[], quorum: string) {
    this.t = t
    this.house = house
    this.witnesses = witnesses
    this.quorum = quorum
  }

  static async set(t: TestContext, count: number, quorum = 'all'): Promise<Desk> {
    const house = await sidecar(t)
    const log = new ALog(`${ORIGIN}/1`, house.checkpointKey)
    const witnesses: AWitness[] = []
    for (let i = 1; i <= count; i++) witnesses.push(await AWitness.start(t, [log], `witness.test/w${i}`))
    return new Desk(t, house, witnesses, quorum)
  }

  get file(): string {
    return witnessedBeside(this.house.highWater)
  }

  policy(urls: readonly string[] = this.witnesses.map(({ url }) => url)) {
    const names = this.witnesses.map((_, i) => `W${i + 1}`)
    const lines = this.witnesses.map(
      ({ verifierKey }, i) => `witness W${i + 1} ${verifierKey} ${urls[i] ?? ''}`,
    )
    const text = [...lines, `group all ${this.quorum} ${names.join(' ')}`, 'quorum all', ''].join('\n')
    return parseWitnessPolicy(nativeCrypto, utf8(text))
  }

  /** Rounds run only when the test asks for one, and the first by itself. */
  async cosign(ledger: Ledger, urls?: readonly string[]): Promise<Cosigning> {
    const note = (facts: object, sentence: string) => {
      this.logged.push({ facts: facts as Logged['facts'], sentence })
    }
    const policy = this.policy(urls)
    const cosigning = startCosigning({
      ledger,
      policy,
      crypto: nativeCrypto,
      ask: askWitnesses(exchange()),
      known: await readWitnessed(this.file, nativeCrypto, [this.house.checkpointKey.publicKey], policy),
      file: this.file,
      everyMs: 3_600_000,
      timeoutMs: 10_000,
      nowMs: () => this.nowMs,
      log: { info: note, warn: note, error: note },
    })
    this.t.after(() => cosigning.stop().catch(() => undefined))
    await cosigning.round()
    return cosigning
  }

  codes(): readonly (string | undefined)[] {
    return this.logged.map(({ facts }) => facts.code)
  }
}

const append = async (ledger: Ledger, count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await ledger.append(denial())
}

/** A server that says the same to everybody. */
async function says(t: TestContext, status: number, type: string, text: string): Promise<string> {
  const server: Server = createServer((request, response) => {
    request.resume()
    response.writeHead(status, { 'content-type': type }).end(text)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('a ledger that is witnessed', () => {
  it('gets its checkpoints cosigned by all, one after another, and knows how far that is', async t => {
    const desk = await Desk.set(t, 2)
    const ledger = await desk.house.open()
    const cosigning = await desk.cosign(ledger)
    assert.deepEqual(cosigning.lag(desk.nowMs), { entries: 0, seconds: 0 })
    const first = ledger.head().size
    await append(ledger, 5)
    assert.equal(cosigning.status().witnessed, first)
    assert.equal(cosigning.lag(desk.nowMs)?.entries, 5)
    await cosigning.round()
    assert.deepEqual(cosigning.lag(desk.nowMs), { entries: 0, seconds: 0 })
    const note = cosigning.witnessed()
    assert.ok(note !== null)
    const checkpoint = parseCheckpoint(utf8(note))
    assert.deepEqual([checkpoint.size, checkpoint.signatures.length], [first + 5, 3])
    assert.notEqual(witnessedAt(nativeCrypto, desk.policy(), checkpoint), null)
    assert.equal(cosigning.withCosignatures(await ledger.checkpoint()), note)
    assert.deepEqual(
      cosigning.status().witnesses.map(({ name, cosigned, failing }) => [name, cosigned, failing]),
      [
        ['W1', first + 5, null],
        ['W2', first + 5, null],
      ],
    )
  })

  it('counts the seconds since the first entry that nobody has cosigned', async t => {
    const desk = await Desk.set(t, 1)
    const ledger = await desk.house.open()
    const cosigning = await desk.cosign(ledger)
    await append(ledger, 1)
    const { t: written } = ledger.head()
    // The entry's own time is read behind the first look.
    while (cosigning.lag(written + 61_500)?.seconds !== 61)
      await new Promise(resolve => setImmediate(resolve))
    assert.deepEqual(cosigning.lag(written + 61_500), { entries: 1, seconds: 61 })
  })

  it('is witnessed where the quorum is met, and not before', async t => {
    const desk = await Desk.set(t, 3, '2')
    const ledger = await desk.house.open()
    const [first, second, third] = desk.witnesses as [AWitness, AWitness, AWitness]
    const urls = desk.witnesses.map(({ url }) => url)
    await second.stop()
    await third.stop()
    const cosigning = await desk.cosign(ledger, urls)
    assert.equal(cosigning.lag(desk.nowMs), null)
    assert.equal(cosigning.status().witnesses[0]?.cosigned, ledger.head().size)
    assert.equal(cosigning.status().witnesses[1]?.failing?.code, 'witness_unreachable')
    const port = Number(new URL(urls[1] as string).port)
    await second.start({ port })
    await cosigning.round()
    assert.deepEqual(cosigning.lag(desk.nowMs), { entries: 0, seconds: 0 })
    assert.equal(cosigning.status().witnesses[1]?.failing, null)
    assert.ok(first.logged.length > 0)
  })

  it('knows after a restart what was witnessed, without asking', async t => {
    const desk = await Desk.set(t, 1)
    const ledger = await desk.house.open()
    const cosigning = await desk.cosign(ledger)
    const size = cosigning.status().witnessed
    await cosigning.stop()
    await ledger.close()
    const known = await readWitnessed(
      desk.file,
      nativeCrypto,
      [desk.house.checkpointKey.publicKey],
      desk.policy(),
    )
    assert.equal(known?.checkpoint.size, size)
    assert.deepEqual([...(known?.sizes ?? [])], [['W1', size]])
    await assert.rejects(readWitnessed(desk.file, nativeCrypto, [Buffer.alloc(32, 1)], desk.policy()), {
      code: 'witnessed_invalid',
    })
    const text = await readFile(desk.file, 'utf8')
    await writeFile(desk.file, text.replace('"W1"', '"W1", "x"'))
    await assert.rejects(
      readWitnessed(desk.file, nativeCrypto, [desk.house.checkpointKey.publicKey], desk.policy()),
      { code: 'witnessed_invalid' },
    )
  })

  it('asks from zero where it has forgotten, and takes the size that the witness knows', async t => {
    const desk = await Desk.set(t, 1)
    const ledger = await desk.house.open()
    await (await desk.cosign(ledger)).stop()
    await rm(desk.file)
    await append(ledger, 3)
    const again = await desk.cosign(ledger)
    assert.deepEqual(again.lag(desk.nowMs), { entries: 0, seconds: 0 })
  })

  it('has its last entry witnessed when it is closed', async t => {
    const desk = await Desk.set(t, 1)
    const ledger = await desk.house.open()
    const cosigning = await desk.cosign(ledger)
    await ledger.close(() => cosigning.stop())
    assert.equal(cosigning.status().witnessed, ledger.head().size)
    assert.equal(cosigning.lag(desk.nowMs)?.entries, 0)
  })
})

describe('a ledger that is not what the witnesses have seen', () => {
  it('attack: an old copy of the ledger doesn’t open over the newest witnessed checkpoint', async t => {
    const desk = await Desk.set(t, 1)
    let ledger = await desk.house.open()
    await ledger.close()
    await cp(desk.house.folder, `${desk.house.folder}-old`, { recursive: true })
    t.after(() => rm(`${desk.house.folder}-old`, { recursive: true, force: true }))
    ledger = await desk.house.open()
    const cosigning = await desk.cosign(ledger)
    await append(ledger, 4)
    await ledger.close(() => cosigning.stop())
    const known = await readWitnessed(
      desk.file,
      nativeCrypto,
      [desk.house.checkpointKey.publicKey],
      desk.policy(),
    )
    // Ledger and mark are restored together, so that the mark alone would notice nothing.
    for (const part of ['ledger', 'mark']) {
      await rm(join(desk.house.folder, part), { recursive: true })
      await cp(join(`${desk.house.folder}-old`, part), join(desk.house.folder, part), { recursive: true })
    }
    await assert.rejects(desk.house.open({ witnessed: known?.checkpoint ?? null }), {
      code: 'ledger_behind_witness',
    })
    // Where the whole disk was restored, the witness knows better.
    ledger = await desk.house.open()
    const restored = await desk.cosign(ledger)
    assert.equal(restored.status().witnesses[0]?.failing?.code, 'witness_ahead')
    assert.equal(restored.lag(desk.nowMs), null)
    assert.ok(desk.codes().includes('witness_ahead'))
    // It grows past what the witness has seen, and still can't prove itself.
    await append(ledger, 12)
    await restored.round()
    assert.equal(restored.status().witnesses[0]?.failing?.code, 'witness_refused')
    assert.equal(restored.lag(desk.nowMs), null)
  })

  it('attack: the same entries under another root don’t open either', async t => {
    const desk = await Desk.set(t, 1)
    const ledger = await desk.house.open()
    await ledger.close()
    const witnessed = { origin: ledger.chain, size: 2, root: 'ab'.repeat(32) }
    await assert.rejects(desk.house.open({ witnessed }), { code: 'ledger_behind_witness' })
    const otherEpoch = { origin: `${ORIGIN}/9`, size: 2_000, root: 'ab'.repeat(32) }
    await (await desk.house.open({ witnessed: otherEpoch })).close()
  })
})

describe('a witness that can’t be believed', () => {
  const cases: Record<string, readonly [number, string, string, string]> = {
    'answers with nothing': [200, 'text/plain', '', 'witness_answer'],
    'answers with a page': [200, 'text/html', '<html>\n', 'witness_answer'],
    'cosigns with another key': [
      200,
      'text/plain',
      `— witness.test/w1 ${Buffer.alloc(76, 7).toString('base64')}\n`,
      'witness_answer',
    ],
    'knows nothing of the log': [404, 'text/plain', 'no\n', 'witness_refused'],
    'refuses the checkpoint': [422, 'text/plain', 'no\n', 'witness_refused'],
    redirects: [307, 'text/plain', '', 'witness_refused'],
    'has a conflict without a size': [409, 'text/plain', '3\n', 'witness_answer'],
    'has one conflict after another': [409, 'text/x.tlog.size', '1\n', 'witness_answer'],
    'claims to have seen more': [409, 'text/x.tlog.size', '99999\n', 'witness_ahead'],
    'claims a size beyond all sizes': [409, 'text/x.tlog.size', '99999999999999999\n', 'witness_answer'],
  }
  for (const [what, [status, type, text, code]] of Object.entries(cases))
    it(`${what}: nothing is witnessed, and it is named`, async t => {
      const desk = await Desk.set(t, 1)
      const ledger = await desk.house.open()
      const cosigning = await desk.cosign(ledger, [await says(t, status, type, text)])
      assert.equal(cosigning.lag(desk.nowMs), null)
      const [witness] = cosigning.status().witnesses
      assert.equal(witness?.failing?.code, code)
      assert.equal(witness?.failing?.tries, 1)
      await cosigning.round()
      assert.equal(cosigning.status().witnesses[0]?.failing?.tries, 2)
      assert.equal(desk.codes().filter(each => each === code).length, 1, 'said once')
    })

  it('attack: a witness whose memory was rolled back is named', async t => {
    const desk = await Desk.set(t, 1)
    const ledger = await desk.house.open()
    const [witness] = desk.witnesses as [AWitness]
    const cosigning = await desk.cosign(ledger)
    const [memory, mark] = await Promise.all(
      [witness.place.file, witness.place.mark].map(file => readFile(file)),
    )
    const port = Number(new URL(witness.url).port)
    await append(ledger, 2)
    await cosigning.round()
    await witness.stop()
    // Both of its files, as a restored snapshot of the whole machine has them.
    await writeFile(witness.place.file, memory as Buffer)
    await writeFile(witness.place.mark, mark as Buffer)
    await witness.start({ port })
    await append(ledger, 2)
    await cosigning.round()
    assert.ok(desk.codes().includes('witness_forgot'))
  })
})
