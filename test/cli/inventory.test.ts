import assert from 'node:assert/strict'
import { cp, rm, writeFile } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { denial, prepare } from '../ledger/ledger-fixture.js'
import { LogOnPaper } from '../receipt/log-fixture.js'
import { countersign } from './command-line.js'
import { ORIGIN, type RecoveryHouse, recovered, recoveryHouse, rolledBack } from './recovery-house.js'

type Codes = readonly (readonly [code: string, log: string])[]

/** What the inventory of one sidecar, which may be silent for a day, says of these places. */
async function taken(house: RecoveryHouse, ...places: readonly string[]): Promise<Codes> {
  const list = house.path('sidecars.yaml')
  const sidecar = `  - { origin: ${ORIGIN}, maxSilence: 1d }\n`
  await writeFile(list, `apiVersion: countersign.dev/v1\nkind: Inventory\nsidecars:\n${sidecar}`)
  const said = await countersign(
    ...['receipts', 'inventory', list, ...places, '--trust', house.path('root.json'), '--json'],
  )
  const { findings } = JSON.parse(said.out) as { findings: { code: string; log: string }[] }
  assert.equal(said.code, findings.length === 0 ? 0 : 1, said.err)
  return findings.map(({ code, log }) => [code, log] as const)
}

async function dumped(house: RecoveryHouse, dir: string, name: string): Promise<string> {
  const dump = house.path(name)
  const said = await countersign('receipts', 'export', dump, '--in', dir)
  assert.equal(said.code, 0, said.err)
  return dump
}

/** A ledger, a copy of it as it was, and what came after that. */
async function goneOn(t: TestContext): Promise<{ readonly house: RecoveryHouse; readonly older: string }> {
  const house = await recoveryHouse(t)
  const first = await house.open()
  await prepare(first)
  await first.close()
  const older = house.path('older')
  await cp(house.dir, `${older}/ledger`, { recursive: true })
  await cp(house.path('mark'), `${older}/mark`, { recursive: true })
  const second = await house.open()
  for (let i = 0; i < 5; i++) await second.append(denial())
  await second.close()
  return { house, older }
}

async function restored(house: RecoveryHouse, older: string): Promise<void> {
  for (const name of ['ledger', 'mark']) {
    await rm(house.path(name), { recursive: true })
    await cp(`${older}/${name}`, house.path(name), { recursive: true })
  }
}

test('a later epoch is sound under the trust root that its recovery is signed by, and asks for the earlier one', async t => {
  const house = await rolledBack(t)
  await recovered(house)
  const first = house.path('ledger', 'epoch-1')
  assert.deepEqual(await taken(house, house.dir, first), [])
  assert.deepEqual(await taken(house, house.dir), [['epoch_missing', `${ORIGIN}/1`]])
})

test('attack: a recovery that knows of less than was shipped is named', async t => {
  const { house, older } = await goneOn(t)
  const shipped = await dumped(house, house.dir, 'shipped.jsonl')
  await restored(house, older)
  // Nobody is told of the newer entries: their mark is gone as well.
  await rm(house.highWater)
  await recovered(house)
  assert.deepEqual(await taken(house, house.dir, shipped), [['recovered_from_less', `${ORIGIN}/2`]])
})

test('attack: two places that were each shown a history of their own are told from one another', async t => {
  const { house, older } = await goneOn(t)
  const one = await dumped(house, house.dir, 'one.jsonl')
  const same = await dumped(house, `${older}/ledger`, 'same.jsonl')
  assert.deepEqual(await taken(house, one, same), [])
  await restored(house, older)
  const ledger = await house.open()
  for (let i = 0; i < 3; i++) await ledger.append(denial())
  await ledger.close()
  const two = await dumped(house, house.dir, 'two.jsonl')
  assert.deepEqual(await taken(house, one, two), [['forked', `${ORIGIN}/1`]])
})

test('attack: an epoch that goes on from another history than the one that is here is named', async t => {
  const { house, older } = await goneOn(t)
  const shipped = await dumped(house, house.dir, 'shipped.jsonl')
  await restored(house, older)
  const ledger = await house.open()
  for (let i = 0; i < 5; i++) await ledger.append(denial())
  await ledger.close()
  await rm(house.highWater)
  await recovered(house)
  assert.deepEqual(await taken(house, house.dir, shipped), [['forked', `${ORIGIN}/2`]])
})

test('attack: a log that nothing leads to from the trust root doesn’t keep the others from being judged', async t => {
  const house = await recoveryHouse(t)
  const ledger = await house.open()
  await prepare(ledger)
  await ledger.close()
  const stray = new LogOnPaper().start()
  const text = stray.entries.map(bytes => `${Buffer.from(bytes)}\n`).join('')
  await writeFile(house.path('stray.jsonl'), text)
  const found = await taken(house, house.path('stray.jsonl'), house.dir)
  assert.deepEqual(found.map(([code]) => code).sort(), ['silent', 'unsound'])
})
