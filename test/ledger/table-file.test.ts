import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { utf8 } from '../../src/canon/index.js'
import { crc32c } from '../../src/ledger/crc32c.js'
import { openEvidence } from '../../src/ledger/index.js'
import { damagedTables } from '../../src/ledger/table-file.js'
import { nativeCrypto } from '../../src/native/index.js'
import { denial, type Sidecar, sidecar } from './ledger-fixture.js'

test('the checksum is CRC-32C (RFC 3720 §B.4)', () => {
  assert.equal(crc32c(utf8('123456789')), 0xe3069283)
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa)
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43)
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e)
})

/** A ledger with state whose entries lie in a table; answers the table's path. */
async function inTables(car: Sidecar): Promise<string> {
  const ledger = await car.open()
  for (let i = 0; i < 300; i++)
    void ledger.append(denial(), { state: [{ key: `limit/rule/coder/${i}`, value: '{"amount":1}' }] })
  await ledger.append(denial())
  await ledger.close()
  await (await car.open()).close()
  const name = (await readdir(car.dir)).find(each => each.endsWith('.ldb')) as string
  return join(car.dir, name)
}

test('a table as LevelDB wrote it is whole, block for block', async t => {
  const car = await sidecar(t)
  await inTables(car)
  let blocks = 0
  const count = () => {
    blocks++
    return true
  }
  assert.deepEqual(await damagedTables(car.dir, count), [])
  assert.ok(blocks > 20, `${blocks} blocks were looked at`)
})

test('attack: a bit that flips in the state of a limit, which no entry covers, stops the keeper', async t => {
  const car = await sidecar(t)
  const table = await inTables(car)
  const bytes = await readFile(table)
  const at = bytes.indexOf('{"amount":1}') + '{"amount":'.length
  bytes[at] = (bytes[at] as number) ^ 0x08
  assert.equal(String.fromCharCode(bytes[at] as number), '9')
  await writeFile(table, bytes)
  await assert.rejects(car.open(), { code: 'ledger_damaged', message: /is not as it was written/ })
  const evidence = await openEvidence(car.dir, nativeCrypto)
  t.after(() => evidence.close())
  const forged = (await evidence.states()).filter(([, value]) => value === '{"amount":9}')
  assert.equal(forged.length, 1, 'LevelDB itself would have believed it')
  assert.ok(evidence.damage.length > 0)
})
