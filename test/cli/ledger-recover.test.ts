import assert from 'node:assert/strict'
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { decodeEnvelope, encodeEnvelope, signEnvelope, utf8 } from '../../src/canon/index.js'
import { readSigningKey } from '../../src/cli/keyfile.js'
import { decodeEntry } from '../../src/receipt/index.js'
import { attempt, collect, outcome, prepare } from '../ledger/ledger-fixture.js'
import {
  BECAUSE,
  prepared,
  recovered,
  recoveryHouse,
  revoking,
  rolledBack,
  signed,
} from './recovery-house.js'

test('a lost ledger goes on in the next epoch, which says what was lost and who signed for it', async t => {
  const house = await rolledBack(t)
  const check = await house.ledger('check')
  assert.equal(check.code, 1)
  assert.match(check.out, /^ledger_behind_mark: /)
  assert.match(check.out, /^ {2}lost +17 entries that certainly were there$/m)
  const file = house.path('lost.json')
  const said = await house.ledger('recover', '--prepare', file, '--because', BECAUSE)
  assert.match(said.out, /epoch 1 ends, epoch 2 begins/)
  assert.match(said.out, /left +5 entries/)
  assert.match(said.out, /known +22 entries/)
  assert.match(said.out, /lost +17 entries for certain/)
  await signed(house, file, 'recover-1', 'recover-3')
  const applied = await house.ledger('recover', '--apply', file)
  assert.equal(applied.code, 0, applied.err)
  assert.match(
    applied.out,
    /Epoch 2 of acme\.test\/countersign\/edge has begun, signed for by recover-1 and recover-3/,
  )

  const ledger = await house.open()
  assert.equal(ledger.chain, 'acme.test/countersign/edge/2')
  await prepare(ledger)
  await ledger.append(outcome(await ledger.append(attempt())))
  const types = (await collect(ledger.entries())).map(bytes => decodeEntry(bytes).type)
  assert.deepEqual(types.slice(0, 5), ['genesis', 'boot', 'recover', 'close', 'boot'])
  await ledger.close()
  const verified = await house.ledger('check')
  assert.equal(verified.code, 0, verified.out)
  assert.match(verified.out, /^sound: /)
  assert.match(
    verified.out,
    /epoch 2, continues epoch 1 after a loss of 17 entries \(5 are proven there\), signed by recover-1 and recover-3: the volume/,
  )
  const pinned = await house.verify(house.dir, '--trust', house.path('root.json'), '--pin', house.pin)
  assert.equal(pinned.code, 0, pinned.out)
  assert.match(pinned.out, /signed by recover-1 and recover-3/)
})

test('the lost ledger is kept as it was, with its mark, and still verifies as far as it goes', async t => {
  const house = await rolledBack(t)
  const names = (await readdir(house.dir)).filter(name => name !== 'LOCK')
  const before = new Map<string, Buffer>()
  for (const name of names) before.set(name, await readFile(join(house.dir, name)))
  const mark = await readFile(house.highWater)
  await recovered(house)
  for (const [name, bytes] of before)
    assert.deepEqual(await readFile(join(house.dir, 'epoch-1', name)), bytes, name)
  assert.deepEqual(await readFile(join(house.dir, 'epoch-1', 'high-water.json')), mark)
  const old = await house.verify(
    join(house.dir, 'epoch-1'),
    '--trust',
    house.path('root.json'),
    '--pin',
    house.pin,
  )
  assert.equal(old.code, 0, old.out)
  assert.match(old.out, /5 read, 5 valid/)
  assert.deepEqual(
    (await readdir(house.dir)).filter(name => name.startsWith('.')),
    [],
  )
})

test('attack: a recovery short of its threshold, by another role’s key or changed after signing is refused', async t => {
  const house = await rolledBack(t)
  const file = await prepared(house)
  await signed(house, file, 'recover-2')
  const short = await house.ledger('recover', '--apply', file)
  assert.equal(short.code, 2)
  assert.match(short.err, /signatures_short: .*1 of 2 keys of the role recover/)
  const one = await readFile(file)
  await signed(house, file, 'admin')
  assert.match((await house.ledger('recover', '--apply', file)).err, /signing_key_unknown/)
  await writeFile(file, one)
  await signed(house, file, 'recover-2')
  assert.match((await house.ledger('recover', '--apply', file)).err, /signatures_short/, 'twice the same key')
  await signed(house, file, 'recover-1')
  const envelope = decodeEnvelope(await readFile(file))
  const payload = utf8(Buffer.from(envelope.payload).toString().replace('"lost":17', '"lost":18'))
  await writeFile(file, encodeEnvelope({ ...envelope, payload }))
  assert.match((await house.ledger('recover', '--apply', file)).err, /signature_invalid/)
  assert.match((await house.ledger('check')).out, /^ledger_behind_mark/, 'nothing was touched')
})

test('attack: another statement is put where one waits, and the next holder is to sign it unseen', async t => {
  const house = await rolledBack(t)
  const file = house.path('lost.json')
  const said = await house.ledger('recover', '--prepare', file, '--because', BECAUSE)
  const told = /^ {2}id +(sha256:[0-9a-f]{64})$/m.exec(said.out)?.[1] as string
  const { payload, payloadType } = decodeEnvelope(await readFile(file))
  const swapped = utf8(
    Buffer.from(payload).toString().replace('"lost":17', '"lost":22').replace('"size":5', '"size":0'),
  )
  await writeFile(file, encodeEnvelope({ payload: swapped, payloadType, signatures: [] }))
  const before = await readFile(file)
  const sign = ['recover', '--sign', file, '--key', house.path('keys', 'recover-1.jwk')]
  const asked = await house.ledger(...sign)
  assert.equal(asked.code, 2, asked.out)
  assert.match(asked.err, /no terminal to ask at/)
  assert.match(asked.out, /lost +22 entries for certain/)
  assert.match((await house.ledger(...sign, '--json')).err, /no terminal to ask at/)
  const compared = await house.ledger(...sign, '--id', told)
  assert.equal(compared.code, 2)
  assert.match(compared.err, /not the one that you were told of/)
  assert.deepEqual(await readFile(file), before, 'nobody signed')
})

test('attack: a recovery is for one ledger in one state, one sidecar and one week', async t => {
  const house = await rolledBack(t)
  const file = await prepared(house)
  await signed(house, file, 'recover-1', 'recover-2')
  const resign = async (change: (text: string) => string) => {
    const { payload, payloadType } = decodeEnvelope(await readFile(file))
    const keys = ['recover-1', 'recover-2'].map(name => readSigningKey(house.path('keys', `${name}.jwk`)))
    const other = house.path('other.json')
    const changed = utf8(change(Buffer.from(payload).toString()))
    await writeFile(other, encodeEnvelope(signEnvelope(payloadType, changed, keys)))
    return (await house.ledger('recover', '--apply', other)).err
  }
  assert.match(
    await resign(text => text.replace('countersign/edge', 'countersign/other')),
    /recovery_elsewhere/,
  )
  assert.match(await resign(text => text.replace('"epoch":1', '"epoch":2')), /recovery_differs/)
  assert.match(
    await resign(text => text.replace('"size":5', '"size":4').replace('"lost":17', '"lost":18')),
    /recovery_differs/,
  )
  const t8 = Date.now() - 8 * 86_400_000
  assert.match(await resign(text => text.replace(/"t":\d+,"v"/, `"t":${t8},"v"`)), /recovery_stale/)
  // Somebody found the whole ledger again: the statement doesn't end what nothing is wrong with.
  await rm(house.dir, { recursive: true })
  assert.match((await house.ledger('recover', '--apply', file)).err, /recovery_differs/)
})

test('a ledger that is sound, that a keeper holds or that is another’s is not recovered', async t => {
  const house = await recoveryHouse(t)
  const ledger = await house.open()
  const ask = () => house.ledger('recover', '--prepare', house.path('x.json'), '--because', BECAUSE)
  const held = await ask()
  assert.equal(held.code, 1)
  assert.match(held.out, /nothing here that a recovery would mend[\s\S]*ledger_locked/)
  await ledger.close()
  assert.match((await ask()).out, /^sound: /m)
})

test('attack: a statement that was applied once is not applied again', async t => {
  const house = await rolledBack(t)
  const file = await recovered(house)
  const again = await house.ledger('recover', '--apply', file)
  assert.equal(again.code, 2)
  assert.match(again.err, /recovery_differs: .*the ledger is of .*\/2/)
})

test('a second loss is recovered like the first', async t => {
  const house = await rolledBack(t)
  await rm(await recovered(house))
  await rm(join(house.dir, 'CURRENT'))
  await recovered(house)
  const said = await house.ledger('check')
  assert.equal(said.code, 0, said.out)
  assert.match(said.out, /epoch 3, continues epoch 2 after no known loss \(4 are proven there\)/)
  assert.deepEqual((await readdir(house.dir)).filter(name => name.startsWith('epoch-')).sort(), [
    'epoch-1',
    'epoch-2',
  ])
})

test('a ledger that is gone whole, or whose mark is gone, goes on in the next epoch', async t => {
  const gone = await rolledBack(t)
  await rm(gone.dir, { recursive: true })
  await recovered(gone)
  assert.match((await gone.ledger('check')).out, /after a loss of 22 entries \(0 are proven there\)/)
  const unmarked = await rolledBack(t)
  await rm(unmarked.highWater)
  await recovered(unmarked)
  const told = (await unmarked.ledger('check')).out
  // ATTACK: mark and newest entries are deleted together.
  assert.match(told, /after a loss that no mark or checkpoint could tell \(5 are proven there\)/)
  assert.match(told, /^ +- how much was lost before this epoch/m)
})

test('a rollback that only a checkpoint from elsewhere shows is recovered with it, and not without', async t => {
  const house = await recoveryHouse(t)
  await (await house.open()).close()
  await cp(house.dir, `${house.dir}-old`, { recursive: true })
  await cp(house.highWater, `${house.highWater}-old`)
  await (await house.open()).close()
  const elsewhere = house.path('witnessed.json')
  await cp(house.highWater, elsewhere)
  await rm(house.dir, { recursive: true })
  await cp(`${house.dir}-old`, house.dir, { recursive: true })
  await cp(`${house.highWater}-old`, house.highWater)
  assert.equal((await house.ledger('check')).code, 0)
  assert.equal((await house.ledger('check', '--checkpoint', elsewhere)).code, 1)
  const file = await prepared(house, '--checkpoint', elsewhere)
  await signed(house, file, 'recover-1', 'recover-2')
  assert.match((await house.ledger('recover', '--apply', file)).err, /recovery_differs/)
  const applied = await house.ledger('recover', '--apply', file, '--checkpoint', elsewhere)
  assert.equal(applied.code, 0, applied.err)
  assert.match((await house.ledger('check')).out, /after a loss of 2 entries \(3 are proven there\)/)
})

test('attack: a log of a later epoch without its recovery, or with one that nobody vouches for, is not proven', async t => {
  const house = await rolledBack(t)
  await recovered(house)
  const trust = ['--trust', house.path('root.json'), '--pin', house.pin]
  const dump = house.path('dump.jsonl')
  await house.verify(house.dir)
  const { countersign } = await import('./command-line.js')
  assert.equal((await countersign('receipts', 'export', dump, '--in', house.dir)).code, 0)
  const whole = await readFile(dump, 'utf8')
  await writeFile(dump, whole.split('\n').slice(0, 2).join('\n').concat('\n'))
  const cut = await house.verify(dump, ...trust)
  assert.equal(cut.code, 1)
  assert.match(cut.out, /of a later epoch and does not say which recovery began it/)
  await writeFile(dump, whole)
  const receipt = readSigningKey(house.path('keys', 'receipt.jwk'))
  const { formatPublicKey } = await import('../../src/canon/index.js')
  const keyed = await house.verify(dump, '--key', formatPublicKey(receipt.publicKey))
  assert.equal(keyed.code, 1)
  assert.match(keyed.out, /no trust root was given that vouches for it/)
  const bare = await house.verify(dump)
  assert.equal(bare.code, 0, bare.out)
  assert.match(bare.out, /NOT held against a trust root/)
})

test('a recovery stays proven when its keys are rotated, and no longer when one of them is revoked', async t => {
  const house = await rolledBack(t)
  await recovered(house)
  house.rotate(current => ({
    roles: { ...current.roles, recover: { keys: ['recover-2'], threshold: 1 } },
  }))
  const rotated = await house.ledger('check')
  assert.equal(rotated.code, 0, rotated.out)
  house.rotate(revoking('recover-3'))
  const revoked = await house.ledger('check')
  assert.equal(revoked.code, 1)
  assert.match(revoked.out, /recovery that it cites is not proven/)
})
