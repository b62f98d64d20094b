import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { describe, it, type TestContext } from 'node:test'
import { formatPublicKey, fromHex, utf8 } from '../../src/canon/index.js'
import {
  askWitnesses,
  exchange,
  type Ledger,
  startCosigning,
  witnessedBeside,
  writeDump,
} from '../../src/ledger/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import {
  formatVerifierKey,
  isCheckpointSignedBy,
  logKey,
  parseAddCheckpoint,
  parseCheckpoint,
  parseTlogProof,
  parseWitnessPolicy,
  provesEntry,
  rootAt,
  verifyConsistency,
} from '../../src/receipt/index.js'
import { ORIGIN, sidecar } from '../ledger/ledger-fixture.js'
import { ALog } from '../witness/a-log.js'
import { AWitness } from '../witness/a-witness.js'
import { countersign, scratch } from './command-line.js'

const beat = (ledger: Ledger) => ({ type: 'heartbeat', data: { size: ledger.head().size, open: 0 } }) as const

/** A stopped ledger, and a dump of it when it had `witnessed` entries cosigned and `size` in all. */
async function evidence(t: TestContext) {
  const path = await scratch(t)
  const house = await sidecar(t)
  const witness = await AWitness.start(t, [new ALog(`${ORIGIN}/1`, house.checkpointKey)])
  // Whole seconds are signed.
  witness.now = Math.floor(Date.now() / 1_000) * 1_000
  await writeFile(path('witnesses'), `witness W1 ${witness.verifierKey} ${witness.url}\nquorum W1\n`)
  const ledger = await house.open()
  for (let i = 0; i < 5; i++) await ledger.append(beat(ledger))
  const cosigning = startCosigning({
    ledger,
    policy: parseWitnessPolicy(nativeCrypto, await readFile(path('witnesses'))),
    crypto: nativeCrypto,
    ask: askWitnesses(exchange()),
    known: null,
    file: witnessedBeside(house.highWater),
    everyMs: 3_600_000,
    timeoutMs: 10_000,
    nowMs: Date.now,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  })
  await cosigning.round()
  const witnessed = ledger.head().size
  for (let i = 0; i < 3; i++) await ledger.append(beat(ledger))
  const size = ledger.head().size
  const roots = new Map<number, string>()
  for (const each of [4, witnessed, size])
    roots.set(each, Buffer.from(await rootAt(nativeCrypto, each, ledger.node)).toString('hex'))
  const entries: Uint8Array[] = []
  for await (const bytes of ledger.entries()) entries.push(Uint8Array.from(bytes))
  await writeDump(
    path('dump.jsonl'),
    ledger.entries(),
    await ledger.checkpoint(),
    () => undefined,
    cosigning.witnessed(),
  )
  await cosigning.stop()
  await ledger.close()
  const keys = [
    '--key',
    formatPublicKey(house.receiptKey.publicKey),
    '--checkpoint-key',
    formatPublicKey(house.checkpointKey.publicKey),
  ]
  return { path, house, witness, witnessed, size, entries, roots, keys }
}

describe('receipts prove', () => {
  it('proves an entry against the newest cosigned checkpoint that covers it, and against the newest otherwise', async t => {
    const { path, house, witnessed, size, entries } = await evidence(t)
    for (const [seq, covered] of [
      [3, witnessed],
      [witnessed - 1, witnessed],
      [size - 1, size],
    ] as const) {
      const out = path(`${seq}.tlog-proof`)
      const { code, err } = await countersign(
        'receipts',
        'prove',
        String(seq),
        '--in',
        path('dump.jsonl'),
        '--out',
        out,
        '--entry',
        path(`${seq}.json`),
      )
      assert.equal(code, 0, err)
      const proof = parseTlogProof(await readFile(out))
      assert.equal(proof.checkpoint.size, covered)
      assert.equal(proof.checkpoint.signatures.length, covered === witnessed ? 2 : 1)
      assert.ok(isCheckpointSignedBy(nativeCrypto, proof.checkpoint, house.checkpointKey.publicKey))
      assert.deepEqual(await readFile(path(`${seq}.json`)), Buffer.from(entries[seq] as Uint8Array))
      assert.ok(provesEntry(nativeCrypto, proof, entries[seq] as Uint8Array))
      assert.ok(!provesEntry(nativeCrypto, proof, entries[seq === 0 ? 1 : 0] as Uint8Array))
    }
  })

  it('proves an entry of a stopped ledger against its high-water mark, on standard output', async t => {
    const { house, entries } = await evidence(t)
    const { code, out } = await countersign(
      'receipts',
      'prove',
      '2',
      '--in',
      house.dir,
      '--checkpoint',
      house.highWater,
    )
    assert.equal(code, 0)
    assert.ok(provesEntry(nativeCrypto, parseTlogProof(utf8(out)), entries[2] as Uint8Array))
  })

  it('proves that the log has only grown', async t => {
    const { path, size, roots } = await evidence(t)
    const { code, out } = await countersign('receipts', 'prove', '--from', '4', '--in', path('dump.jsonl'))
    assert.equal(code, 0)
    const { oldSize, hashes, checkpoint } = parseAddCheckpoint(utf8(out))
    assert.deepEqual([oldSize, checkpoint.size], [4, size])
    const claim = {
      older: 4,
      newer: size,
      olderRoot: fromHex(roots.get(4) as string) as Uint8Array,
      newerRoot: fromHex(checkpoint.root) as Uint8Array,
    }
    assert.ok(verifyConsistency(nativeCrypto, claim, hashes))
  })

  it('answers no where there is no such entry or size, and where the log is not its checkpoint’s', async t => {
    const { path, size } = await evidence(t)
    const answers = async (file: string, ...argv: readonly string[]) =>
      (await countersign('receipts', 'prove', ...argv, '--in', path(file))).code
    assert.equal(await answers('dump.jsonl', String(size)), 1)
    assert.equal(await answers('dump.jsonl', '--from', String(size + 1)), 1)
    assert.equal(await answers('dump.jsonl', '--from', '0'), 1)
    const lines = (await readFile(path('dump.jsonl'), 'utf8')).split('\n')
    await writeFile(path('forked.jsonl'), [...lines.slice(0, 2), lines[1], ...lines.slice(3)].join('\n'))
    await writeFile(path('forked.jsonl.checkpoint'), await readFile(path('dump.jsonl.checkpoint')))
    assert.equal(await answers('forked.jsonl', '1'), 1)
    assert.equal(await answers('forked.jsonl', '--from', '4'), 1)
    await writeFile(path('short.jsonl'), `${lines.slice(0, 3).join('\n')}\n`)
    await writeFile(path('short.jsonl.checkpoint'), await readFile(path('dump.jsonl.checkpoint')))
    assert.equal(await answers('short.jsonl', '1'), 1)
  })

  it('refuses a question that is none, a log without a checkpoint, and a file that is there', async t => {
    const { path, house } = await evidence(t)
    const refused = async (...argv: readonly string[]) => {
      const { code, err } = await countersign('receipts', 'prove', ...argv)
      assert.equal(code, 2, argv.join(' '))
      return err
    }
    await refused('--in', path('dump.jsonl'))
    await refused('1', '--from', '2', '--in', path('dump.jsonl'))
    await refused('--from', '2', '--entry', path('x'), '--in', path('dump.jsonl'))
    assert.match(await refused('1', '--in', house.dir), /--checkpoint FILE/)
    assert.match(
      await refused('1', '--in', path('dump.jsonl'), '--out', path('dump.jsonl')),
      /none is overwritten/,
    )
  })
})

describe('receipts export --tiles', () => {
  it('writes the log as tiles, goes on there, and answers in JSON', async t => {
    const { path, size } = await evidence(t)
    const run = () =>
      countersign('receipts', 'export', '--tiles', path('www'), '--in', path('dump.jsonl'), '--json')
    assert.deepEqual(JSON.parse((await run()).out), { folder: path('www'), entries: size, before: 0 })
    assert.deepEqual(JSON.parse((await run()).out), { folder: path('www'), entries: size, before: size })
    assert.equal(parseCheckpoint(await readFile(path('www', 'checkpoint'))).size, size)
    const bundle = await readFile(path('www', 'tile', 'entries', `000.p`, String(size)))
    assert.ok(bundle.length > size)
  })

  it('refuses a file beside it, a question, and no place at all', async t => {
    const { path } = await evidence(t)
    for (const argv of [
      [path('x.jsonl'), '--tiles', path('www')],
      ['--tiles', path('www'), '--agent', 'coder'],
      [],
    ])
      assert.equal(
        (await countersign('receipts', 'export', ...argv, '--in', path('dump.jsonl'))).code,
        2,
        argv.join(' '),
      )
  })
})

describe('receipts verify --witnesses', () => {
  it('says what the witnesses have cosigned, since when, and how long the unwitnessed tail is', async t => {
    const { path, witnessed, witness, size, keys } = await evidence(t)
    const verify = (...argv: readonly string[]) =>
      countersign('receipts', 'verify', path('dump.jsonl'), ...keys, ...argv)
    const told = await verify('--witnesses', path('witnesses'))
    assert.equal(told.code, 0, told.out)
    const since = new Date(witness.now).toISOString()
    assert.match(
      told.out,
      new RegExp(
        `witnessed +${witnessed} entries since ${since}; the unwitnessed tail: ${size - witnessed} entries`,
      ),
    )
    const json = JSON.parse((await verify('--witnesses', path('witnesses'), '--json')).out) as Record<
      string,
      unknown
    >
    assert.deepEqual(
      [json.witnessed, json.witnessedT, json.unwitnessedTail],
      [witnessed, witness.now, size - witnessed],
    )
    assert.match((await verify()).out, /no cosignature that counts: .*--witnesses FILE/)
  })

  it('attack: cosignatures of others, and too few of them, count for nothing', async t => {
    const { path, keys, witness } = await evidence(t)
    const stranger = await AWitness.build(t, [], 'witness.test/w1')
    const witnessedBy = async (policy: string) => {
      await writeFile(path('policy'), policy)
      const { out } = await countersign(
        'receipts',
        'verify',
        path('dump.jsonl'),
        ...keys,
        '--witnesses',
        path('policy'),
        '--json',
      )
      return (JSON.parse(out) as { witnessed: number | null }).witnessed
    }
    assert.equal(await witnessedBy(`witness W1 ${stranger.verifierKey}\nquorum W1\n`), null)
    assert.equal(
      await witnessedBy(
        `witness W1 ${witness.verifierKey}\nwitness W2 ${stranger.verifierKey}\ngroup all all W1 W2\nquorum all\n`,
      ),
      null,
    )
    assert.equal(await witnessedBy(`witness W1 ${witness.verifierKey}\nquorum none\n`), null)
  })

  it('counts only the cosignatures of logs that the policy lists, where it lists any', async t => {
    const { path, keys, witness, house, witnessed } = await evidence(t)
    const line = (origin: string) =>
      `log ${formatVerifierKey(nativeCrypto, logKey(origin, house.checkpointKey.publicKey))}\n`
    for (const [origin, expected] of [
      [`${ORIGIN}/1`, witnessed],
      [`${ORIGIN}/2`, null],
    ] as const) {
      await writeFile(path('policy'), `${line(origin)}witness W1 ${witness.verifierKey}\nquorum W1\n`)
      const { out } = await countersign(
        'receipts',
        'verify',
        path('dump.jsonl'),
        ...keys,
        '--witnesses',
        path('policy'),
        '--json',
      )
      assert.equal((JSON.parse(out) as { witnessed: number | null }).witnessed, expected)
    }
  })
})
