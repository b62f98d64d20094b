import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { liveTables, tablesIn } from '../../src/ledger/manifest.js'
import { denial, type Sidecar, sidecar } from './ledger-fixture.js'

/** A ledger whose manifest has had several tables added and deleted. */
async function withTables(t: TestContext): Promise<Sidecar> {
  const car = await sidecar(t)
  for (let start = 0; start < 6; start++) {
    const ledger = await car.open()
    await ledger.append(denial())
    await ledger.close()
  }
  return car
}

async function tableNumbers(dir: string): Promise<number[]> {
  const names = await readdir(dir)
  return names.filter(name => name.endsWith('.ldb')).map(name => Number.parseInt(name, 10))
}

async function manifestOf(dir: string): Promise<string> {
  return join(dir, (await readFile(join(dir, 'CURRENT'), 'utf8')).trim())
}

test('the manifest names the tables of a database, and the keys between which each lies', async t => {
  const car = await withTables(t)
  const tables = await liveTables(car.dir)
  assert.ok(tables !== null && tables.length > 0)
  assert.deepEqual(new Set(tables.map(({ number }) => number)), new Set(await tableNumbers(car.dir)))
  for (const { smallest, largest } of tables) assert.ok(Buffer.compare(smallest, largest) <= 0)
  assert.ok(tables.some(({ smallest }) => smallest[0] === 'e'.charCodeAt(0)))
})

test('attack: a manifest with a flipped bit anywhere names no tables, so that all count', async t => {
  const car = await withTables(t)
  const file = await manifestOf(car.dir)
  const whole = await readFile(file)
  const tables = tablesIn(whole)
  for (let at = 0; at < whole.length; at++) {
    const bytes = Buffer.from(whole)
    bytes[at] = (bytes[at] as number) ^ (1 << (at % 8))
    let found: ReturnType<typeof tablesIn> | null = null
    try {
      found = tablesIn(bytes)
    } catch {
      continue
    }
    // A length that leads behind the end reads like a record that was never finished.
    assert.ok(found.length < tables.length, `byte ${at}`)
  }
  await writeFile(file, Buffer.concat([whole.subarray(0, 20), Buffer.alloc(whole.length - 20, 1)]))
  assert.equal(await liveTables(car.dir), null)
  await writeFile(join(car.dir, 'CURRENT'), '../elsewhere\n')
  assert.equal(await liveTables(car.dir), null)
})

test('what a crash cut off at the end of a manifest was never part of the database', async t => {
  const car = await withTables(t)
  const whole = await readFile(await manifestOf(car.dir))
  assert.deepEqual(tablesIn(Buffer.concat([whole, Buffer.from([1, 2, 3, 4, 200, 0, 1, 9])])), tablesIn(whole))
})
