import assert from 'node:assert/strict'
import { copyFileSync, cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { sealedFileOf } from '../../src/cli/policy-location.js'
import { countersign } from '../cli/command-line.js'
import { invoicesPolicy, startInvoices } from './invoices.js'
import { eventually, prepareSidecar, type Sidecar } from './supervised-sidecar.js'

interface Holder {
  readonly folder: string
  readonly key: string
  readonly passphrase: string
  readonly publicKey: string
}

/** A person with a locked key in a folder of their own. */
async function holder(home: string, name: string): Promise<Holder> {
  const folder = join(home, name)
  mkdirSync(folder)
  const passphrase = join(folder, 'passphrase')
  writeFileSync(passphrase, `correct horse ${name}\n`, { mode: 0o600 })
  const key = join(folder, `${name}.jwk`)
  const made = await run('trust', 'key', key, '--passphrase-file', passphrase)
  return { folder, key, passphrase, publicKey: made.out.trim() }
}

async function run(...argv: string[]) {
  const done = await countersign(...argv)
  assert.notEqual(done.code, 2, done.err)
  return done
}

/** What is to be signed, as its holder has looked at it. */
async function idOf(sealed: string): Promise<string> {
  return (JSON.parse((await run('policy', 'show', sealed, '--json')).out) as { id: string }).id
}

const keyOf = ({ key, passphrase }: Holder) => ['--key', key, '--passphrase-file', passphrase]

async function statusOf(sidecar: Sidecar, version: number) {
  return eventually(`version ${version}`, async () => {
    const { policy } = await sidecar.status()
    return policy?.version === version ? policy : undefined
  })
}

/** Two of three people must sign policies; the sidecar's own key no longer counts. */
async function team(t: TestContext) {
  const invoices = await startInvoices(t)
  const sidecar = await prepareSidecar(t, {
    policy: invoicesPolicy(invoices.address),
    billing: invoices.address,
  })
  const { folder, loaded } = sidecar
  const trust = loaded.path(loaded.config.trust.root)
  const root = ['--key', loaded.path('trust/keys/root.jwk')]
  const [maria, jo, kim] = [
    await holder(folder, 'maria'),
    await holder(folder, 'jo'),
    await holder(folder, 'kim'),
  ]
  const adds = Object.entries({ maria, jo, kim }).flatMap(([name, { publicKey }]) => [
    '--add',
    `policy/${name}=${publicKey}`,
  ])
  await run('trust', 'rotate', trust, ...root, ...adds, '--revoke', 'policy', '--threshold', 'policy=2')
  return { sidecar, invoices, trust, root, maria, jo, kim }
}

test('a policy needs two of three people, and loses its force when one of their keys is revoked', async t => {
  const { sidecar, invoices, trust, root, maria, jo, kim } = await team(t)
  const pin = sidecar.loaded.config.trust.pin
  const against = ['--trust', trust, '--pin', pin, '--json']
  const target = sealedFileOf(sidecar.loaded)
  const install = (from: string) => {
    cpSync(join(dirname(from), 'catalogs'), join(dirname(target), 'catalogs'), { recursive: true })
    copyFileSync(from, target)
  }

  // Maria seals in her folder; the file travels, and Jo signs in his.
  const source = join(maria.folder, 'policy.yaml')
  writeFileSync(source, invoicesPolicy(invoices.address, { version: 2 }))
  const sealed = join(maria.folder, 'policy.sealed.json')
  assert.equal((await run('policy', 'seal', source, ...keyOf(maria))).code, 0)
  const alone = await run('policy', 'show', sealed, ...against)
  assert.equal(alone.code, 1)
  assert.deepEqual(JSON.parse(alone.out).holders, {
    threshold: 2,
    signed: ['maria'],
    missing: ['jo', 'kim'],
    enough: false,
    pinned: true,
  })
  const atJos = join(jo.folder, 'policy.sealed.json')
  cpSync(join(maria.folder, 'catalogs'), join(jo.folder, 'catalogs'), { recursive: true })
  copyFileSync(sealed, atJos)

  // One signature is not enough for the runtime either.
  install(sealed)
  await sidecar.start()
  assert.equal((await sidecar.status()).refusedUpdate?.code, 'signatures_short')
  assert.equal((await run('policy', 'sign', atJos, ...keyOf(jo), '--id', await idOf(atJos))).code, 0)
  assert.equal((await run('policy', 'show', atJos, ...against)).code, 0)
  install(atJos)
  const first = await statusOf(sidecar, 2)

  // Jo's key is lost. The root's holder revokes it, and what only Maria still vouches for is withdrawn.
  await run(
    'trust',
    'rotate',
    trust,
    ...root,
    '--revoke',
    'jo',
    '--add',
    `policy/lee=${(await holder(sidecar.folder, 'lee')).publicKey}`,
  )
  await eventually('the withdrawal', async () =>
    (await sidecar.status()).policy === null ? true : undefined,
  )
  const grant = await sidecar.grant().catch(() => null)
  assert.equal(grant, null, 'without a policy nobody gets a grant')

  // Maria seals the next version after the one that was in force, and Kim signs.
  const next = join(kim.folder, 'policy.sealed.json')
  const again = await run(
    'policy',
    'seal',
    source,
    ...keyOf(maria),
    '--next',
    '--after',
    atJos,
    '-o',
    next,
    '--json',
  )
  assert.equal(JSON.parse(again.out).version, 3)
  await run('policy', 'sign', next, ...keyOf(kim), '--id', await idOf(next))
  install(next)
  const second = await statusOf(sidecar, 3)
  assert.notEqual(second.cid, first.cid)
  const actions = (await sidecar.entries()).flatMap(entry =>
    entry.type === 'policy' && 'data' in entry
      ? [`${entry.data.action} ${entry.data.version || entry.data.code}`]
      : [],
  )
  assert.deepEqual(
    actions.filter(action => !/policy_unreadable|json_syntax/.test(action)),
    ['refused signatures_short', 'activated 2', 'withdrawn 2', 'refused signing_key_revoked', 'activated 3'],
  )
})

test('attack: a passphrase that is wrong signs nothing, and says only that', async t => {
  const { maria, jo, invoices } = await team(t)
  const source = join(maria.folder, 'policy.yaml')
  writeFileSync(source, invoicesPolicy(invoices.address, { version: 2 }))
  const done = await countersign(
    'policy',
    'seal',
    source,
    '--key',
    maria.key,
    '--passphrase-file',
    jo.passphrase,
  )
  assert.equal(done.code, 2)
  assert.match(done.err, /does not open with this passphrase/)
  assert.doesNotMatch(done.err + done.out, /correct horse/)
  assert.equal(existsSync(join(maria.folder, 'policy.sealed.json')), false)
})
