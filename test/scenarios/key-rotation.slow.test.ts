import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { type TestContext, test } from 'node:test'
import { type JWK, SignJWT } from 'jose'
import type { JsonObject } from '../../src/canon/index.js'
import { countersign } from '../cli/command-line.js'
import { invoicesPolicy, startInvoices } from './invoices.js'
import { readInvoice, startLoad } from './load.js'
import { eventually, type Sidecar, startSidecar } from './supervised-sidecar.js'

async function scene(t: TestContext): Promise<Sidecar> {
  const invoices = await startInvoices(t)
  return startSidecar(t, { policy: invoicesPolicy(invoices.address), billing: invoices.address })
}

/** Runs a command of this program, which has to answer yes. */
async function yes(...argv: readonly string[]): Promise<string> {
  const done = await countersign(...argv)
  assert.equal(done.code, 0, `${argv.join(' ')}\n${done.out}\n${done.err}`)
  return done.out
}

/** The first two steps, as an operator and the holder of the enrol key do them; answers the enrolment's file. */
async function certified({ folder }: Sidecar, ...flags: readonly string[]): Promise<string> {
  const at = (...parts: readonly string[]) => join(folder, ...parts)
  const asked = await yes('trust', 'request', '--config', at('countersign.yaml'), '--json')
  const { id, file } = JSON.parse(asked) as { id: string; file: string }
  const out = at(`enrolment-${id.slice(-8)}.json`)
  const trusted = ['--trust', at('trust', 'root.json'), '--key', at('trust', 'keys', 'enrol.jwk')]
  await yes('trust', 'enrol', file, ...trusted, '--out', out, '--id', id, ...flags)
  return out
}

function installed(sidecar: Sidecar, enrolment: string): Promise<string> {
  return yes('trust', 'install', enrolment, '--config', join(sidecar.folder, 'countersign.yaml'))
}

async function revoke({ folder }: Sidecar, key: string): Promise<void> {
  const at = (...parts: readonly string[]) => join(folder, 'trust', ...parts)
  await yes('trust', 'rotate', at('root.json'), '--key', at('keys', 'root.jwk'), '--revoke', key)
}

/** Undefined until it is, also in the moment in which one file has gone and the next isn't there yet. */
function isReplaced(sidecar: Sidecar, role: string, before: string): true | undefined {
  const isThere = existsSync(join(sidecar.folder, 'keeper', 'keys', 'next', `${role}.jwk`))
  return isThere || inForce(sidecar, role) === before ? undefined : true
}

function inForce({ folder }: Sidecar, role: string): string {
  const { x } = JSON.parse(readFileSync(join(folder, 'keeper', 'keys', `${role}.jwk`), 'utf8')) as {
    x: string
  }
  return `ed25519:${x}`
}

/** What a stranger finds who has a dump, its checkpoint and the trust root: nothing else of the sidecar. */
async function verdict({ folder }: Sidecar, name: string, ...flags: readonly string[]) {
  const dump = join(folder, name)
  if (!existsSync(dump)) await yes('receipts', 'export', dump, '--config', join(folder, 'countersign.yaml'))
  const found = await countersign(
    'receipts',
    'verify',
    dump,
    '--trust',
    join(folder, 'trust', 'root.json'),
    '--json',
    ...flags,
  )
  return JSON.parse(found.out) as {
    mode: string
    sound: boolean
    size: number
    checkpointed: number
    findings: { code: string; seq: number | null }[]
  }
}

async function keyEntries(sidecar: Sidecar): Promise<readonly JsonObject[]> {
  return (await sidecar.entries()).flatMap(entry =>
    entry.type === 'key' && 'data' in entry ? [entry.data] : [],
  )
}

test('all three keys are replaced while requests flow: none fails, and the whole log verifies from the trust root', async t => {
  const sidecar = await scene(t)
  const old = { receipt: inForce(sidecar, 'receipt'), grant: inForce(sidecar, 'grant') }
  const before = `Bearer ${await sidecar.grant()}`
  const pids = [sidecar.pid('keeper'), sidecar.pid('gate')]
  const load = await startLoad(sidecar)
  await eventually('requests', () => (load.answers.length > 50 ? true : undefined))
  assert.match(await installed(sidecar, await certified(sidecar)), /In force/)
  const answered = load.answers.length
  await eventually('requests after it', () => (load.answers.length > answered + 50 ? true : undefined))
  await load.stop()
  assert.deepEqual([...new Set(load.answers.map(({ status }) => status))], [200])
  assert.deepEqual([sidecar.pid('keeper'), sidecar.pid('gate')], pids)

  // A grant of the old key lives on beside one of the new key.
  const after = `Bearer ${await sidecar.grant()}`
  assert.notEqual(kid(before), kid(after))
  for (const authorization of [before, after])
    assert.equal((await readInvoice(sidecar.url, authorization, '7')).status, 200)

  const entries = await keyEntries(sidecar)
  assert.deepEqual(
    entries.map(({ action, role }) => [action, role]),
    [
      ['enrolled', 'checkpoint'],
      ['enrolled', 'grant'],
      ['enrolled', 'receipt'],
    ],
  )
  assert.equal(entries[2]?.replaces, old.receipt)
  const found = await verdict(sidecar, 'live.jsonl')
  assert.deepEqual(found.findings, [])
  assert.equal(found.mode, 'pinned keys')
  assert.equal(found.checkpointed, found.size)
  // The old receipt key is nowhere any more; nobody can sign with it.
  assert.equal(existsSync(join(sidecar.folder, 'keeper', 'keys', 'previous', 'receipt.jwk')), false)

  await sidecar.stop()
  const config = join(sidecar.folder, 'countersign.yaml')
  const checked = await countersign('ledger', 'check', '--config', config, '--json')
  assert.equal(checked.code, 0, checked.out)
  await sidecar.start()
  assert.equal((await readInvoice(sidecar.url, before, '7')).status, 200)
  assert.equal((await keyEntries(sidecar)).length, 3)
  const note = await sidecar.admin.get<{ checkpoint: string }>('/v1/checkpoint')
  assert.equal(note.checkpoint.match(/^— /gm)?.length, 2)
})

test('keys that were installed while the sidecar stood still take over at its start', async t => {
  const sidecar = await scene(t)
  await sidecar.stop()
  assert.match(await installed(sidecar, await certified(sidecar)), /next start/)
  await sidecar.start()
  assert.equal((await keyEntries(sidecar)).length, 3)
  assert.deepEqual((await verdict(sidecar, 'dump.jsonl')).findings, [])
  await installed(sidecar, await certified(sidecar))
  assert.deepEqual((await verdict(sidecar, 'again.jsonl')).findings, [])
})

test('a keeper that is killed between ledger and files finishes the hand-over at its next start', async t => {
  const sidecar = await scene(t)
  const enrolment = await certified(sidecar)
  const { folder } = sidecar
  const keys = join(folder, 'keeper', 'keys')
  const before = inForce(sidecar, 'receipt')
  // Files that can't be moved: the ledger is handed over, and the disk stays as it was.
  writeFileSync(join(keys, 'previous'), 'in the way')
  const tried = await countersign('trust', 'install', enrolment, '--config', join(folder, 'countersign.yaml'))
  assert.equal(tried.code, 2)
  assert.match(tried.err, /keys_not_moved/)
  assert.equal(inForce(sidecar, 'receipt'), before)
  await eventually('the entries', async () => ((await keyEntries(sidecar)).length === 3 ? true : undefined))
  process.kill(sidecar.pid('keeper'), 'SIGKILL')
  rmSync(join(keys, 'previous'))
  await eventually('the new keys', () => isReplaced(sidecar, 'receipt', before))
  await eventually('the keeper', async () => sidecar.status().catch(() => undefined))
  assert.equal((await keyEntries(sidecar)).length, 3)
  assert.deepEqual((await verdict(sidecar, 'dump.jsonl')).findings, [])
})

test('ATTACK: a running sidecar whose key is revoked admits nothing more, and goes on when it has other keys', async t => {
  const sidecar = await scene(t)
  const authorization = `Bearer ${await sidecar.grant()}`
  assert.equal((await readInvoice(sidecar.url, authorization, '1')).status, 200)
  // Rides with a later batch, and so might come between the checkpoint of the dump and its entries.
  await eventually('its outcome', async () =>
    (await sidecar.entries()).some(({ type }) => type === 'outcome') ? true : undefined,
  )
  await yes(
    'receipts',
    'export',
    join(sidecar.folder, 'before.jsonl'),
    '--config',
    join(sidecar.folder, 'countersign.yaml'),
  )
  const stolen = inForce(sidecar, 'receipt')
  await revoke(sidecar, stolen)
  await eventually('the end of its policy', async () =>
    (await sidecar.status()).policy === null ? true : undefined,
  )
  assert.equal((await readInvoice(sidecar.url, authorization, '2')).status, 503)
  assert.match((await sidecar.status()).refusedUpdate?.message ?? '', /enrolled_key_revoked|revoked a key/)
  // Nothing covers what the stolen key signed: whoever has a dump of it can't tell it from the thief's.
  const alone = await verdict(sidecar, 'before.jsonl')
  assert.deepEqual(
    alone.findings.map(({ code, seq }) => [code, seq]),
    [['entry_key_revoked', 0]],
  )
  const kept = await verdict(
    sidecar,
    'before.jsonl',
    '--kept',
    join(sidecar.folder, 'before.jsonl.checkpoint'),
  )
  assert.deepEqual(kept.findings, [])

  await installed(sidecar, await certified(sidecar))
  assert.equal((await readInvoice(sidecar.url, `Bearer ${await sidecar.grant()}`, '3')).status, 200)
  const entries = await keyEntries(sidecar)
  assert.deepEqual(
    entries.map(({ action, role, key }) => [action, role, key === stolen]),
    [
      ['enrolled', 'checkpoint', false],
      ['enrolled', 'grant', false],
      ['enrolled', 'receipt', false],
      ['revoked', 'receipt', true],
    ],
  )
  assert.deepEqual((await verdict(sidecar, 'after.jsonl')).findings, [])
})

test('ATTACK: a sidecar whose key is revoked does not start', async t => {
  const sidecar = await scene(t)
  await sidecar.stop()
  await revoke(sidecar, inForce(sidecar, 'checkpoint'))
  await assert.rejects(sidecar.start(), /enrolled_key_revoked/)
})

test('grants of a key live on for their hour where it is replaced twice within it, and over a restart', async t => {
  const sidecar = await scene(t)
  const grants = [await sidecar.grant()]
  for (let times = 0; times < 2; times++) {
    await installed(sidecar, await certified(sidecar))
    grants.push(await sidecar.grant())
  }
  const statuses = async () => {
    const answers = grants.map(grant => readInvoice(sidecar.url, `Bearer ${grant}`, '7'))
    return (await Promise.all(answers)).map(({ status }) => status)
  }
  assert.deepEqual(await statuses(), [200, 200, 200])
  await sidecar.stop()
  await sidecar.start()
  assert.deepEqual(await statuses(), [200, 200, 200])
})

test('ATTACK: a stolen grant key signs nothing that passes, and what it signed ends with it', async t => {
  const sidecar = await scene(t)
  const own = await sidecar.grant()
  const key = JSON.parse(readFileSync(join(sidecar.folder, 'keeper', 'keys', 'grant.jwk'), 'utf8')) as JWK
  const status = async (grant: string) => (await readInvoice(sidecar.url, `Bearer ${grant}`, '7')).status
  assert.equal(await status(await signedBy(key, own, {})), 200, 'signed as the keeper signs')
  const lies = [{ jti: randomUUID() }, { task: 'another' }, { owner: 'eve' }]
  for (const lie of lies) assert.equal(await status(await signedBy(key, own, lie)), 401)

  await revoke(sidecar, inForce(sidecar, 'grant'))
  await eventually('the end of its policy', async () =>
    (await sidecar.status()).policy === null ? true : undefined,
  )
  await installed(sidecar, await certified(sidecar))
  assert.equal(await status(await sidecar.grant()), 200)
  assert.equal(await status(own), 401)
  assert.equal(existsSync(join(sidecar.folder, 'keeper', 'keys', 'previous', 'grant.jwk')), false)
  const found = await verdict(sidecar, 'after.jsonl')
  assert.deepEqual(found.findings, [])
})

test('the first checkpoint key signs no more once the overlap of none is over', async t => {
  const invoices = await startInvoices(t)
  const sidecar = await startSidecar(t, {
    policy: invoicesPolicy(invoices.address),
    billing: invoices.address,
    configure: config => ({ ...config, keeper: { ...config.keeper, overlapDays: 0 } }),
  })
  await installed(sidecar, await certified(sidecar))
  const note = await sidecar.admin.get<{ checkpoint: string }>('/v1/checkpoint')
  assert.equal(note.checkpoint.match(/^— /gm)?.length, 1)
  assert.deepEqual((await verdict(sidecar, 'dump.jsonl')).findings, [])
})

/** A grant with other claims, signed anew. */
function signedBy(key: JWK, grant: string, lie: object): Promise<string> {
  const [header, payload] = grant
    .split('.')
    .slice(0, 2)
    .map(part => JSON.parse(Buffer.from(part, 'base64url').toString()))
  return new SignJWT({ ...payload, ...lie }).setProtectedHeader(header).sign(key)
}

/** Key id in the header of a grant. */
function kid(authorization: string): string {
  const [header = ''] = authorization.slice('Bearer '.length).split('.')
  return (JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string }).kid
}
