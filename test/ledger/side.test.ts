import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { openSide, sideCipher } from '../../src/ledger/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import {
  commitment,
  type DecisionInputs,
  decodeEntry,
  encodeInputs,
  encodeSideRecord,
} from '../../src/receipt/index.js'
import { attempt, sidecar } from './ledger-fixture.js'

async function auditor(crv?: string): Promise<{ publicKey: JWK; privateKey: JWK }> {
  const pair = await generateKeyPair('ECDH-ES+A256KW', {
    extractable: true,
    ...(crv === undefined ? {} : { crv }),
  })
  return { publicKey: await exportJWK(pair.publicKey), privateKey: await exportJWK(pair.privateKey) }
}

const inputs: DecisionInputs = {
  v: 1,
  policy: `sha256:${'ab'.repeat(32)}`,
  target: '/graphql/v2?needle-in-the-haystack',
  method: 'POST',
  api: 'railway',
  body: null,
  agent: { id: 'coder' },
  authorization: null,
  operations: [],
  probe: null,
  counters: {},
  now: 1_790_000_000_000,
  last: 1_790_000_000_000,
}
const secret = new Uint8Array(32).fill(7)

for (const crv of ['P-256', 'X25519'])
  test(`an auditor with a ${crv} key opens the inputs of an attempt from the ledger, and they match the receipt`, async t => {
    const { publicKey, privateKey } = await auditor(crv)
    const car = await sidecar(t)
    const side = await sideCipher(publicKey)
    const ledger = await car.open({ side })
    const encoded = encodeInputs(inputs)
    const body = attempt({ inputs_c: commitment(nativeCrypto, secret, 'inputs', encoded) })
    const record = side.seal(body.id, encodeSideRecord(encoded, secret))
    const { seq } = await ledger.append(body, { side: { id: body.id, record } })
    await ledger.close()

    const later = await car.open({ side: await sideCipher(publicKey) })
    const entry = decodeEntry((await later.get(seq)) as Uint8Array)
    const boot = decodeEntry((await later.get(1)) as Uint8Array)
    assert.ok(entry.type === 'attempt' && boot.type === 'boot' && boot.boot === entry.boot)
    const stored = (await later.side.get(entry.id)) as Uint8Array
    const opened = await openSide(privateKey).open(boot.data.side_key as string, entry.id, stored)
    assert.equal(opened.inputs.target, inputs.target)
    assert.equal(
      commitment(nativeCrypto, opened.secret, 'inputs', encodeInputs(opened.inputs)),
      entry.inputs_c,
    )
  })

test('a record under another attempt, another key or with a flipped byte does not open', async () => {
  const { publicKey, privateKey } = await auditor()
  const side = await sideCipher(publicKey)
  const record = side.seal('a-1', encodeSideRecord(encodeInputs(inputs), secret))
  const reader = openSide(privateKey)
  assert.equal((await reader.open(side.wrappedKey, 'a-1', record)).inputs.v, 1)
  const refused = { code: 'side_unreadable' }
  await assert.rejects(reader.open(side.wrappedKey, 'a-2', record), refused)
  await assert.rejects(openSide((await auditor()).privateKey).open(side.wrappedKey, 'a-1', record), refused)
  await assert.rejects(reader.open((await sideCipher(publicKey)).wrappedKey, 'a-1', record), refused)
  for (let at = 0; at < record.length; at++) {
    const flipped = Uint8Array.from(record)
    flipped[at] = (flipped[at] as number) ^ 1
    await assert.rejects(reader.open(side.wrappedKey, 'a-1', flipped), refused)
  }
  for (const length of [0, 11, 12, 27])
    await assert.rejects(reader.open(side.wrappedKey, 'a-1', record.subarray(0, length)), refused)
})

test('no two records share a nonce', async () => {
  const side = await sideCipher((await auditor()).publicKey)
  const nonces = Array.from({ length: 100 }, () =>
    Buffer.from(side.seal('a', secret).subarray(0, 12)).toString('hex'),
  )
  assert.equal(new Set(nonces).size, 100)
})

test('the keeper takes no private key of the auditor, and no key of another kind', async () => {
  const { privateKey } = await auditor()
  await assert.rejects(sideCipher(privateKey), { code: 'side_unreadable' })
  await assert.rejects(sideCipher({ kty: 'oct', k: 'AAAA' }), { code: 'side_unreadable' })
})

test('an erased record is gone from every file of the ledger, and the chain still stands', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  const body = attempt()
  const record = Buffer.from('needle-in-the-haystack')
  await ledger.append(body, { side: { id: body.id, record } })
  const onDisk = async () => {
    const files = (await readdir(car.dir)).filter(name => name !== 'LOCK')
    const all = await Promise.all(files.map(name => readFile(join(car.dir, name))))
    return all.some(bytes => bytes.includes(record))
  }
  assert.equal(await onDisk(), true)
  await ledger.side.erase(body.id)
  assert.equal(await ledger.side.get(body.id), undefined)
  assert.equal(await onDisk(), false)
  await ledger.close()
  await (await car.open()).close()
})
