import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { chmod, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { formatPublicKey } from '../../src/canon/index.js'
import { exchange, openLedger, s3Sink } from '../../src/ledger/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { denial, prepare, signingKey, temporaryFolder } from '../ledger/ledger-fixture.js'
import { ObjectStore, SIGNED, shipping } from '../ledger/ship-fixture.js'
import { countersign } from './command-line.js'

interface Made {
  /** Ledger folder of a keeper that has stopped. */
  readonly dir: string
  readonly keys: readonly string[]
  readonly folder: string
}

/** A log of ten entries and its `close`, shipped whole; `t` is when all of it happens. */
async function makeLog(
  t: TestContext,
  store: ObjectStore,
  { origin = 'acme.test/countersign/edge', nowMs = Date.now(), heartbeat = 60_000, closes = true } = {},
): Promise<Made> {
  const folder = await temporaryFolder(t)
  const [receiptKey, checkpointKey] = [signingKey(), signingKey()]
  const dir = join(folder, 'ledger')
  const ledger = await openLedger({
    dir,
    highWater: join(folder, 'mark', 'high-water.json'),
    origin,
    signer: receiptKey,
    checkpointKey,
    crypto: nativeCrypto,
    clock: () => nowMs,
    boot: randomUUID(),
    software: 'countersign/test',
    enrolment: null,
    side: null,
  })
  const sink = s3Sink({
    endpoint: store.url,
    bucket: 'evidence',
    prefix: 'team',
    retain: null,
    neverOverwrite: false,
    exchange: exchange(),
    sign: SIGNED,
    nowMs: Date.now,
  })
  const { shipping: ships } = await shipping(t, ledger, folder, [{ sink }], { batchEntries: 4 })
  await prepare(ledger)
  for (let i = 0; i < 5; i++) await ledger.append(denial())
  await ledger.append({ type: 'heartbeat', data: { size: 9, open: 0, every: heartbeat } })
  if (closes) await ledger.close(() => ships.stop())
  else {
    await ships.stop()
    await ledger.close()
  }
  const keys = ['--key', formatPublicKey(receiptKey.publicKey)]
  return { dir, folder, keys: [...keys, '--checkpoint-key', formatPublicKey(checkpointKey.publicKey)] }
}

test('receipts verify --against: a ledger that is as it was shipped, and one whose tail was cut off', async t => {
  const store = await ObjectStore.listen(t)
  const log = await makeLog(t, store)
  const copy = await store.synchronise(t)
  const same = await countersign('receipts', 'verify', log.dir, ...log.keys, '--against', copy)
  assert.equal(same.code, 0, same.out + same.err)
  assert.match(same.out, /^SOUND/m)
  assert.match(same.out, /^AS SHIPPED: 11 entries are the same in /m)
  assert.match(same.out, /checkpoint +covers 11 entries/, 'the copy’s checkpoint vouches for the ledger')

  const dump = join(log.folder, 'dump.jsonl')
  await countersign('receipts', 'export', dump, '--in', log.dir)
  const lines = (await readFile(dump, 'utf8')).split('\n')
  await writeFile(dump, `${lines.slice(0, 8).join('\n')}\n`)
  const cut = await countersign('receipts', 'verify', dump, ...log.keys, '--against', copy)
  assert.equal(cut.code, 1)
  assert.match(cut.out, /the log is shorter than its checkpoint/)
  assert.match(cut.out, /^NOT AS SHIPPED: 8 entries are the same/m)
  assert.match(
    cut.out,
    /! entry 8: is in the shipped copy and not in the log \(3 entries behind the end of the log\)/,
  )
  const json = JSON.parse(
    (await countersign('receipts', 'verify', dump, ...log.keys, '--against', copy, '--json')).out,
  )
  assert.deepEqual(
    [json.against.comparison.same, json.against.comparison.finding.code, json.against.verification.sound],
    [8, 'copy_only', true],
  )
})

test('what isn’t shipped yet is a finding unless it is allowed', async t => {
  const store = await ObjectStore.listen(t)
  const log = await makeLog(t, store, { closes: false })
  const copy = await store.synchronise(t)
  const verify = (...more: string[]) =>
    countersign('receipts', 'verify', log.dir, ...log.keys, '--against', copy, ...more)
  const strict = await verify()
  assert.equal(strict.code, 1)
  assert.match(strict.out, /! entry 10: is not in the shipped copy \(1 entries at the end of the log\)/)
  const patient = await verify('--unshipped', '1')
  assert.equal(patient.code, 0, patient.out)
  assert.match(patient.out, /1 entries at the end are not shipped yet/)
})

test('receipts verify reads a bucket directly, with a key from a file or from the environment', async t => {
  const store = await ObjectStore.listen(t)
  const log = await makeLog(t, store)
  const key = join(log.folder, 'key.json')
  await writeFile(key, '{"accessKeyId":"AKIATEST","secretAccessKey":"secret-of-the-test"}', { mode: 0o600 })
  const bucket = ['s3://evidence/team', '--endpoint', store.url, '--s3-key', key]
  const said = await countersign('receipts', 'verify', ...bucket, ...log.keys)
  assert.equal(said.code, 0, said.out + said.err)
  assert.match(said.out, /11 read, 11 valid/)
  const short = await countersign('receipts', 'verify', `${store.url}/evidence/team`, '--s3-key', key)
  assert.equal(short.code, 0, short.out + short.err)
  const keyless = await countersign('receipts', 'verify', `${store.url}/evidence/team`)
  assert.equal(keyless.code, 2)
  assert.match(keyless.err, /there is no key to read the bucket with/)
  await chmod(key, 0o644)
  assert.match((await countersign('receipts', 'verify', ...bucket)).err, /can be read by others/)
  const clear = await countersign('receipts', 'verify', 'http://evidence.example/b/p')
  assert.match(clear.err, /not read in the clear/)
  assert.equal(`${said.out}${said.err}${keyless.err}${clear.err}`.includes('secret-of-the-test'), false)
})

test('receipts inventory: complete, missing, unlisted, silent and unsound are told apart', async t => {
  const store = await ObjectStore.listen(t)
  const edge = await makeLog(t, store)
  await makeLog(t, store, { origin: 'acme.test/countersign/quiet', nowMs: Date.now() - 600_000 })
  const copy = await store.synchronise(t)
  const list = join(edge.folder, 'sidecars.yaml')
  const take = async (sidecars: string, ...more: string[]) => {
    await writeFile(list, `apiVersion: countersign.dev/v1\nkind: Inventory\nsidecars:\n${sidecars}`)
    return countersign('receipts', 'inventory', list, copy, ...more)
  }
  const EDGE = '  - { origin: acme.test/countersign/edge }\n'
  const QUIET = '  - { origin: acme.test/countersign/quiet, maxSilence: 1h }\n'
  const complete = await take(EDGE + QUIET)
  assert.equal(complete.code, 0, complete.out + complete.err)
  assert.match(complete.out, /^COMPLETE/)

  const all = await take(`${EDGE}  - { origin: acme.test/countersign/gone }\n`, '--json')
  assert.equal(all.code, 1)
  const said = JSON.parse(all.out)
  assert.deepEqual(
    said.findings.map(({ code, log }: { code: string; log: string }) => `${code} ${log}`),
    ['missing acme.test/countersign/gone', 'unlisted acme.test/countersign/quiet/1'],
  )
  const silent = await take(EDGE + QUIET.replace(', maxSilence: 1h', ''))
  assert.equal(silent.code, 1)
  assert.match(silent.out, /! acme.test\/countersign\/quiet\/1: was closed since .*; 180 s are tolerated/)

  const entries = join(copy, 'team/acme.test/countersign/edge/1/entries')
  await rm(entries, { recursive: true })
  const unsound = await take(EDGE + QUIET)
  assert.equal(unsound.code, 1)
  assert.match(unsound.out, /! acme.test\/countersign\/edge\/1: /)
  await rename(join(copy, 'team/acme.test/countersign/quiet/1/entries'), entries)
  const foreign = await take(EDGE + QUIET)
  assert.match(foreign.out, /! acme.test\/countersign\/edge\/1: .*belongs to another log/)
  for (const broken of [
    '  - { origin: nonsense }\n',
    EDGE + EDGE,
    `${EDGE.replace(' }', ', maxSilence: 400d }')}`,
  ]) {
    const malformed = await take(broken)
    assert.equal(malformed.code, 2)
    assert.match(malformed.err, /inventory_malformed/)
  }
})
