import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { canonicalBytes, canonicalize, type JsonObject, parseStrictJson } from '../../src/canon/index.js'
import { policyFiles } from '../../src/keeper/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { policyFault } from '../../src/policy/index.js'
import { House, ofType, policyOf, until } from './keeper-fixture.js'

describe('activating a policy', () => {
  it('is an entry in the ledger, once per policy and not once per start', async t => {
    const house = await House.build(t)
    const first = await house.start()
    await first.keeper.stop()
    const { ledger } = await house.start()
    const entries = await ofType(ledger, 'policy')
    assert.deepEqual(
      entries.map(({ data }) => [data.action, data.version]),
      [['activated', 1]],
    )
  })

  it('puts a better version in force while running, and tells the gates', async t => {
    const house = await House.build(t)
    const { ledger } = await house.start()
    const client = await house.connect()
    assert.equal(client.policy()?.version, 1)
    const announced = new Promise(resolve => client.onPolicy(resolve))
    house.shelf.put(policyOf(2))
    await announced
    assert.equal(client.policy()?.version, 2)
    assert.equal((await house.ask(client)).verdict.kind, 'forward')
    assert.deepEqual(
      (await ofType(ledger, 'policy')).map(({ data }) => data.version),
      [1, 2],
    )
  })

  it('keeps the last good policy when an update is bad, records that once, and shows it', async t => {
    const house = await House.build(t)
    const { ledger, keeper } = await house.start()
    const client = await house.connect()
    house.shelf.put(policyFault('compiled_policy_malformed'))
    await until(() => keeper.activation.refusal() !== null)
    await keeper.activation.reload()
    assert.equal(
      (
        await house.ask(client, {
          classifier: policyOf(1).policy.apis.get('billing')?.catalog.classifier ?? '',
        })
      ).verdict.kind,
      'forward',
    )
    const refused = (await ofType(ledger, 'policy')).filter(({ data }) => data.action === 'refused')
    assert.deepEqual(
      refused.map(({ data }) => data.code),
      ['compiled_policy_malformed'],
    )
    const { body } = await house.admin('GET', '/v1/status')
    assert.equal((body.refusedUpdate as JsonObject).code, 'compiled_policy_malformed')
    assert.equal((body.policy as JsonObject).version, 1)
  })

  it('attack: an older validly signed version stays out, also after a restart', async t => {
    const house = await House.build(t)
    house.shelf.next = policyOf(5)
    const first = await house.start()
    await first.keeper.stop()
    house.shelf.next = policyOf(4)
    const { keeper } = await house.start()
    assert.equal(keeper.activation.inForce(), null)
    assert.notEqual(keeper.activation.refusal(), null)
    const client = await house.connect()
    assert.equal(client.policy(), null)
    await assert.rejects(house.ask(client), { code: 'keeper_fault' })
  })

  it('withdraws a policy that the trust root revokes', async t => {
    const house = await House.build(t)
    const { keeper } = await house.start()
    const client = await house.connect()
    const cid = keeper.activation.inForce()?.cid as string
    const withdrawn = new Promise(resolve => client.onPolicy(resolve))
    house.shelf.root = house.trustRoot({ revoked: { keys: [], ids: [cid] } })
    house.shelf.put(policyFault('compiled_policy_malformed'))
    assert.equal(await withdrawn, null)
    assert.equal(keeper.activation.inForce(), null)
  })
})

describe('a trust root that moves on', () => {
  it('attack: a policy that a revoked key sealed is withdrawn, though its file was not touched', async t => {
    const house = await House.build(t)
    house.shelf.next = {
      ...policyOf(1),
      recheck: trust => {
        if (trust.revoked.keys.length > 0) throw policyFault('signing_key_revoked')
      },
    }
    const { keeper, ledger } = await house.start()
    await keeper.activation.reload()
    assert.notEqual(keeper.activation.inForce(), null)
    house.shelf.root = house.trustRoot({ revoked: { keys: ['ed25519:stolen'], ids: [] } })
    house.shelf.next = policyFault('signing_key_revoked')
    await keeper.activation.reload()
    assert.equal(keeper.activation.inForce(), null)
    const said = (await ofType(ledger, 'policy')).slice(1)
    assert.deepEqual(
      said.map(({ data }) => [data.action, data.version, data.code]),
      [
        ['withdrawn', 1, 'signing_key_revoked'],
        ['refused', 0, 'signing_key_revoked'],
      ],
    )
  })

  it('is in the log where it came while nobody ran', async t => {
    const house = await House.build(t)
    const first = await house.start()
    await first.keeper.stop()
    house.shelf.root = house.trustRoot({ version: 2 })
    const { ledger } = await house.start()
    const said = (await ofType(ledger, 'policy')).map(({ data }) => [data.action, data.trust])
    assert.deepEqual(said, [
      ['activated', 1],
      ['rechecked', 2],
    ])
  })

  it('is in the log with what stands under it, once, and with what comes into force under it again', async t => {
    const house = await House.build(t)
    const { keeper, ledger } = await house.start()
    house.shelf.root = house.trustRoot({ version: 2 })
    await keeper.activation.reload()
    await keeper.activation.reload()
    const { cid } = policyOf(1).policy
    house.shelf.root = house.trustRoot({ version: 3, revoked: { keys: [], ids: [cid] } })
    house.shelf.next = policyFault('content_revoked')
    await keeper.activation.reload()
    await keeper.stop()
    // Whether a revoked id may come back is the trust root's to say; a seal by another key may.
    house.shelf.next = policyOf(1)
    const again = await house.start()
    const said = (await ofType(again.ledger, 'policy')).map(({ data }) => [data.action, data.trust])
    assert.deepEqual(said, [
      ['activated', 1],
      ['rechecked', 2],
      ['withdrawn', 3],
      ['refused', 3],
      ['activated', 3],
    ])
    assert.notEqual(ledger, again.ledger)
  })
})

describe('a trust root that was seen', () => {
  it('attack: an older one is not opened again, also after a restart, and what it would admit stays out', async t => {
    const house = await House.build(t)
    const older = house.shelf.root
    const first = await house.start()
    house.shelf.root = house.trustRoot({ version: 2, revoked: { keys: ['ed25519:stolen'], ids: [] } })
    house.shelf.put(policyFault('signing_key_revoked'))
    await until(() => first.keeper.activation.refusal()?.code === 'signing_key_revoked')
    house.shelf.root = older
    house.shelf.put(policyOf(2))
    await until(() => first.keeper.activation.refusal()?.code === 'trust_root_behind')
    assert.equal(first.keeper.activation.inForce()?.version, 1)
    assert.equal(first.keeper.activation.trust()?.version, 2)
    await first.keeper.stop()
    const { keeper } = await house.start()
    assert.equal(keeper.activation.refusal()?.code, 'trust_root_behind')
    assert.equal(keeper.activation.inForce(), null)
    assert.equal(keeper.activation.trust(), null)
  })

  it('is remembered with a heartbeat where nothing else is written', async t => {
    const house = await House.build(t)
    const { keeper, ledger } = await house.start({ heartbeatMs: 20 })
    house.shelf.root = house.trustRoot({ version: 2 })
    await keeper.activation.reload()
    await until(async () => (await ledger.state.get('trust/seen'))?.includes('"version":2') === true)
  })
})

describe('the policy’s files', () => {
  it('are read with the catalogs that the policy pins, and watched for a replacement', async t => {
    const folder = await mkdtemp(join(tmpdir(), 'policy-'))
    t.after(() => rm(folder, { recursive: true }))
    const { sealedFile, trustRootFile, digest } = await writePolicy(folder)
    const activated: string[][] = []
    const source = policyFiles({
      trustRootFile,
      sealedFile,
      crypto: nativeCrypto,
      openTrust: chain => ({ chain }) as never,
      openSealed: bytes => ({ cid: 'sha256:x', payload: parseStrictJson(bytes) as JsonObject }),
      activate: (_payload, _cid, catalogs) => {
        activated.push([...catalogs.keys()])
        return {} as never
      },
    })
    await source.policy({} as never, null, 0)
    assert.deepEqual(activated, [[digest]])
    assert.deepEqual((await source.trust(null)) as unknown, { chain: [canonicalBytes({ a: 1 })] })
    // The watch alone keeps no process alive.
    const alive = setInterval(() => undefined, 1_000)
    t.after(() => clearInterval(alive))
    const changed = new Promise<void>(resolve => {
      t.after(source.watch(resolve))
    })
    await writeFile(`${sealedFile}.new`, canonicalBytes({ catalogs: [], version: 2 }))
    await rename(`${sealedFile}.new`, sealedFile)
    await changed
  })

  it('attack: a catalog that was swapped under the seal is refused by its digest', async t => {
    const folder = await mkdtemp(join(tmpdir(), 'policy-'))
    t.after(() => rm(folder, { recursive: true }))
    const { sealedFile, trustRootFile, digest } = await writePolicy(folder)
    await writeFile(join(folder, 'catalogs', `${digest.slice(7)}.json`), '{"name":"harmless"}')
    const source = policyFiles({
      trustRootFile,
      sealedFile,
      crypto: nativeCrypto,
      openTrust: () => ({}) as never,
      openSealed: bytes => ({ cid: 'sha256:x', payload: parseStrictJson(bytes) as JsonObject }),
      activate: () => assert.fail('nothing may be activated'),
    })
    await assert.rejects(source.policy({} as never, null, 0), { code: 'policy_unreadable' })
  })

  it('that are missing are a fault with the file’s name', async () => {
    const source = policyFiles({
      trustRootFile: '/nonexistent/root.json',
      sealedFile: '/nonexistent/policy.sealed.json',
      crypto: nativeCrypto,
      openTrust: () => ({}) as never,
      openSealed: () => assert.fail('nothing to open'),
      activate: () => assert.fail('nothing to activate'),
    })
    await assert.rejects(source.trust(null), { code: 'policy_unreadable', message: /root\.json: ENOENT/ })
  })
})

async function writePolicy(folder: string) {
  const catalog = canonicalize({ name: 'billing' })
  const digest = `sha256:${createHash('sha256').update(catalog).digest('hex')}`
  const sealedFile = join(folder, 'policy.sealed.json')
  const trustRootFile = join(folder, 'root.json')
  await mkdir(join(folder, 'catalogs'))
  await writeFile(join(folder, 'catalogs', `${digest.slice(7)}.json`), catalog)
  await writeFile(join(folder, 'catalogs', `${'0'.repeat(64)}.json`), 'not pinned, never read')
  await writeFile(sealedFile, canonicalBytes({ catalogs: [digest], version: 1 }))
  await writeFile(trustRootFile, '[ {"a": 1} ]')
  return { sealedFile, trustRootFile, digest }
}
