import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { heldInstance } from '../../src/cli/instance-keys.js'
import { openLedger } from '../../src/ledger/index.js'
import { seqKey } from '../../src/ledger/keys.js'
import { Store } from '../../src/ledger/store.js'
import { nativeCrypto } from '../../src/native/index.js'
import { countersign } from '../cli/command-line.js'
import { denial } from '../ledger/ledger-fixture.js'
import { type Invoices, invoicesPolicy, startInvoices } from './invoices.js'
import { readInvoice } from './load.js'
import { eventually, type Sidecar, startSidecar } from './supervised-sidecar.js'

/** More than a start reads. */
const ENTRIES = 1_700

interface Scene {
  readonly invoices: Invoices
  readonly sidecar: Sidecar
  readonly authorization: string
}

/** A stopped sidecar with a ledger of which a start reads a part. */
async function stopped(t: TestContext): Promise<Scene> {
  const invoices = await startInvoices(t)
  const sidecar = await startSidecar(t, {
    policy: invoicesPolicy(invoices.address),
    billing: invoices.address,
  })
  const authorization = `Bearer ${await sidecar.grant()}`
  assert.equal((await readInvoice(sidecar.url, authorization, 'in_1')).status, 200)
  assert.equal(await sidecar.stop(), 0)
  const { loaded } = sidecar
  const { keys, envelope } = heldInstance(loaded, { now: {}, next: {} })
  const ledger = await openLedger({
    dir: loaded.path(loaded.config.ledger.dir),
    highWater: loaded.path(loaded.config.ledger.highWater),
    origin: loaded.config.origin,
    signer: keys.receipt.key,
    checkpointKey: keys.checkpoint.key,
    crypto: nativeCrypto,
    clock: Date.now,
    boot: randomUUID(),
    software: 'countersign/test',
    enrolment: envelope,
    side: null,
  })
  while (ledger.head().size < ENTRIES)
    await Promise.all(Array.from({ length: 400 }, () => ledger.append(denial())))
  await ledger.close()
  return { invoices, sidecar, authorization }
}

test('the whole ledger is read behind a start, and status, metrics and log say how it ended', async t => {
  const { sidecar, authorization } = await stopped(t)
  await sidecar.start()
  const early = await sidecar.status()
  assert.ok(early.fullCheck !== null && early.fullCheck.size > ENTRIES)
  assert.equal((await readInvoice(sidecar.url, authorization, 'in_2')).status, 200)
  const { size } = await eventually('the end of the full check', async () => {
    const { fullCheck } = await sidecar.status()
    return fullCheck?.state === 'sound' ? fullCheck : undefined
  })
  const metrics = await eventually('the metric', async () => {
    const text = await (await fetch(`${sidecar.url}/metrics`)).text()
    return /countersign_full_check_sound_timestamp_seconds \d/.test(text) ? text : undefined
  })
  assert.match(metrics, new RegExp(`countersign_full_check_size_entries ${size}\n`))
  assert.match(metrics, new RegExp(`countersign_full_check_entries ${size}\n`))
  assert.match(metrics, /countersign_full_check_failing 0/)
  assert.match(sidecar.output, /every entry that this start found was read and holds/)
  const said = await countersign('status', '--config', sidecar.loaded.file)
  assert.match(said.out, new RegExp(`full check +all ${size} entries that this start found hold`))
})

test('attack: a tree hash is changed where no start looks; the keeper ends, and no start admits anything again', async t => {
  const { invoices, sidecar, authorization } = await stopped(t)
  const store = await Store.open(sidecar.loaded.path(sidecar.loaded.config.ledger.dir), nativeCrypto)
  const tile = Uint8Array.from((await store.tile(0)) as Uint8Array)
  tile[5] = (tile[5] as number) ^ 1
  await store.write([{ key: seqKey('n', 0), value: tile }])
  await store.close()
  await sidecar.start()
  await eventually('the end of the keeper', () =>
    /"code":"ledger_damaged".*the keeper ends/.test(sidecar.output) ? true : undefined,
  )
  assert.match(sidecar.output, /tree hashes of entries 0 to 255/)
  // It is started again by itself, reads everything first, and is refused.
  await eventually('a start that is refused', () =>
    sidecar.output.split('tree hashes of entries 0 to 255').length > 4 ? true : undefined,
  )
  const seen = invoices.seen.length
  assert.equal((await readInvoice(sidecar.url, authorization, 'in_3')).status, 503)
  assert.equal(invoices.seen.length, seen)
  const said = await countersign('ledger', 'check', '--config', sidecar.loaded.file)
  assert.equal(said.code, 1)
  assert.match(said.out, /tree_damaged/)
})
