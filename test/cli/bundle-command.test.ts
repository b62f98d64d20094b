import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { type TestContext, test } from 'node:test'
import { exportJWK, generateKeyPair } from 'jose'
import {
  base64,
  canonicalBytes,
  contentId,
  decodeEnvelope,
  encodeEnvelope,
  formatPublicKey,
  fromUtf8,
  type JsonObject,
  parseCanonical,
  utf8,
} from '../../src/canon/index.js'
import { type Ledger, openLedger, type SideCipher, sideCipher } from '../../src/ledger/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { sealEnrolment, trustRootId } from '../../src/policy/index.js'
import {
  type AttemptBody,
  commitment,
  cosign,
  type DecisionInputs,
  decodeEntry,
  encodeBundle,
  encodeInputs,
  encodeSideRecord,
  formatVerifierKey,
  parseBundle,
  parseCheckpoint,
  signatureLine,
} from '../../src/receipt/index.js'
import { attempt, outcome, signingKey } from '../ledger/ledger-fixture.js'
import { compiled, keyNamed, signedAnyhow, written } from '../policy/trust-fixture.js'
import { sealedRoot, smallTrustRoot } from '../receipt/bundle-fixture.js'
import { countersign, scratch } from './command-line.js'

const ORIGIN = 'acme.test/countersign/edge'
const CATALOG = canonicalBytes({ name: 'railway', v: 1 })
const SEALED = signedAnyhow(
  compiled({ apis: { railway: { catalog: contentId(nativeCrypto, CATALOG) } }, rules: [] }),
  ['admin'],
)
const POLICY = contentId(nativeCrypto, SEALED.payload)
const RESPONSE = utf8('{"ok":true}')

interface Told {
  readonly path: (...parts: readonly string[]) => string
  /** Receipts of the agent coder: admitted, held and then admitted, denied. */
  readonly admitted: number
  readonly approved: number
  readonly denied: number
  /** A halt of the agent coder before all of these; its end is the next entry. */
  readonly ended: number
  /** An admitted attempt of another agent. */
  readonly other: number
}

/** A stopped sidecar whose log tells of two agents, with sealed policy, trust root, and side store. */
async function told(t: TestContext): Promise<Told & { open(): Promise<Ledger> }> {
  const path = await scratch(t)
  const { publicKey, privateKey } = await generateKeyPair('ECDH-ES', { crv: 'X25519', extractable: true })
  await writeFile(path('auditor.jwk'), JSON.stringify(await exportJWK(privateKey)), { mode: 0o600 })
  const root = smallTrustRoot()
  await writeFile(path('root.json'), `[${fromUtf8(sealedRoot(root))}]`)
  await mkdir(path('policies', 'v7', 'catalogs'), { recursive: true })
  await writeFile(path('policies', 'v7', 'policy.sealed.json'), encodeEnvelope(SEALED))
  await writeFile(
    path('policies', 'v7', 'catalogs', `${contentId(nativeCrypto, CATALOG).slice('sha256:'.length)}.json`),
    CATALOG,
  )
  await mkdir(path('keeper'))
  await writeFile(path('countersign.yaml'), configuration(trustRootId(root, nativeCrypto)))
  const [signer, checkpointKey] = [signingKey(), signingKey()]
  const keys = {
    receipt: formatPublicKey(signer.publicKey),
    checkpoint: formatPublicKey(checkpointKey.publicKey),
    grant: written('grant'),
  }
  const times = { notBefore: '2026-01-01T00:00:00Z', notAfter: '2099-01-01T00:00:00Z' }
  const enrolment = encodeEnvelope(
    sealEnrolment({ v: 1, origin: ORIGIN, keys, ...times }, [keyNamed('admin')]),
  )
  const open = async (side: SideCipher | null = null) =>
    openLedger({
      dir: path('ledger'),
      highWater: path('mark', 'high-water.json'),
      origin: ORIGIN,
      signer,
      checkpointKey,
      crypto: nativeCrypto,
      clock: Date.now,
      boot: randomUUID(),
      software: 'countersign/test',
      enrolment: fromUtf8(enrolment),
      side,
    })
  const side = await sideCipher(await exportJWK(publicKey))
  const ledger = await open(side)
  const seqs = await tell(ledger, side)
  await ledger.close()
  return { path, ...seqs, open: () => open() }
}

function configuration(pin: string): string {
  return `apiVersion: countersign.dev/v1
kind: Sidecar
origin: ${ORIGIN}
audience: staging
trust: { root: root.json, pin: "${pin}" }
policy: { file: policies/v7/policy.sealed.json }
gate: { listen: "127.0.0.1:0" }
keeper: { socket: keeper.sock, admin: admin.sock, keys: keeper/keys, enrolment: keeper/enrolment.json }
ledger: { dir: ledger, highWater: mark/high-water.json }
vault: { file: vault.jwe, key: { file: vault.key } }
`
}

const CODER = { agent: 'coder', environment: 'staging', task: 'CS-17', owner: 'maria@acme.test' }
const CREDENTIAL = { minter: 'jwt', scope: 's', expires: Date.parse('2099-01-01T00:00:00Z'), mint: 'm-1' }
const FAR = Date.parse('2099-01-01T00:00:00Z')

async function tell(ledger: Ledger, side: SideCipher) {
  const control = (type: 'policy' | 'grant' | 'mint' | 'approval' | 'halt', data: JsonObject) =>
    ledger.append({ type, data })
  const write = async (change: Partial<AttemptBody>) => {
    const { body, record, secret } = recorded(side, change)
    return { ...(await ledger.append(body, { side: { id: body.id, record } })), secret }
  }
  const grant = (action: string, jti: string, agent: string, more: JsonObject = {}) =>
    control('grant', { action, jti, ...CODER, agent, slot: 'bearer', expires: FAR, session: 'g-1', ...more })
  const ended = await control('halt', { action: 'halted', scope: 'agent', agent: 'coder', by: 'jo' })
  await control('halt', { action: 'resumed', scope: 'agent', agent: 'coder', by: 'jo' })
  await control('policy', { action: 'activated', cid: POLICY, version: 7 })
  await grant('issued', 'g-0', 'tester')
  await grant('issued', 'g-1', 'coder')
  await grant('issued', 'g-2', 'coder')
  await grant('issued', 'g-3', 'coder', { task: 'CS-18' })
  await control('halt', { action: 'halted', scope: 'agent', agent: 'reader', by: 'maria' })
  const mint = (id: string, more: JsonObject = {}) =>
    control('mint', {
      ...{ action: 'minted', minter: 'jwt', credential: 'billing', scope: 's', expires: FAR },
      ...{ id, api: 'railway', ...CODER, ...more },
    })
  await mint('m-1')
  await mint('m-2')
  await mint('m-3', { agent: 'tester' })
  await mint('m-4', { task: 'CS-18' })
  const other = await write({
    agent: who({ id: 'tester', grant: 'g-0' }),
    credential: { ...CREDENTIAL, mint: 'm-3' },
  })
  await ledger.append(outcome(other))
  const admitted = await write({ credential: CREDENTIAL })
  const resp_c = commitment(nativeCrypto, admitted.secret, 'resp', nativeCrypto.sha256(RESPONSE))
  await ledger.append(outcome(admitted, { resp_c, resp_len: RESPONSE.length }))
  const approval = { id: 'a-1', ...CODER, policy: POLICY, digest: 'ab'.repeat(32), expires: FAR }
  await control('approval', { ...approval, state: 'requested' })
  await control('approval', { ...approval, id: 'a-2', state: 'requested' })
  await control('approval', { ...approval, state: 'approved', by: 'maria' })
  await control('halt', { action: 'halted', scope: 'task', by: 'maria', task: 'CS-19' })
  const volume = [{ type: 'volume', id: 'vol-1' }]
  const ops = [{ name: 'volumeDelete', classes: ['irreversible' as const], scope: {}, resources: volume }]
  const approved = await write({ approval: 'a-1', ops })
  await ledger.append(outcome(approved))
  const denied = await write({ decision: { effect: 'deny', code: 'no_matching_rule', rule: null }, ops })
  await grant('revoked', 'g-2', 'coder')
  const last = { agent: who({ task: 'CS-18', grant: 'g-3' }), credential: { ...CREDENTIAL, mint: 'm-4' } }
  await ledger.append(outcome(await write(last)))
  return {
    ended: ended.seq,
    admitted: admitted.seq,
    approved: approved.seq,
    denied: denied.seq,
    other: other.seq,
  }
}

function who(change: Partial<AttemptBody['agent']>): AttemptBody['agent'] {
  return { ...attempt().agent, task: 'CS-17', ...change }
}

/** An attempt with its commitments, and the side record that opens them. */
function recorded(side: SideCipher, change: Partial<AttemptBody>) {
  const id = randomUUID()
  const secret = nativeCrypto.sha256(utf8(id))
  const agent = who({ grant: 'g-2' })
  const target = `/graphql/v2?id=${id}`
  const inputs: DecisionInputs = {
    v: 1,
    policy: POLICY,
    target,
    method: 'POST',
    api: 'railway',
    body: 'ab'.repeat(32),
    agent: {},
    authorization: null,
    operations: [{ name: 'volumeDelete', args: { ratio: 0.5 } }],
    probe: null,
    counters: {},
    now: 1,
    last: 1,
  }
  const encoded = encodeInputs(inputs)
  const c = (field: 'target' | 'inputs' | 'body', value: Uint8Array) =>
    commitment(nativeCrypto, secret, field, value)
  const body = attempt({
    id,
    agent,
    policy: { cid: POLICY, version: 7 },
    req: {
      api: 'railway',
      method: 'POST',
      target_c: c('target', utf8(target)),
      body_c: c('body', Buffer.from('ab'.repeat(32), 'hex')),
      body_len: 3,
    },
    inputs_c: c('inputs', encoded),
    credential: CREDENTIAL,
    ...change,
  })
  return { body, secret, record: side.seal(id, encodeSideRecord(encoded, secret)) }
}

/** What a bundle holds: `attempt 9`, `grant issued g-1`. */
async function contents(file: string): Promise<readonly string[]> {
  const { entries } = parseBundle(await readFile(file))
  return entries.map(({ entry }) => {
    const read = decodeEntry(utf8(entry))
    if (read.type === 'attempt') return `attempt ${read.seq}`
    if (read.type === 'outcome') return `outcome of ${read.attempt}`
    const { action, state, jti, id, scope } = read.data
    return [read.type, action ?? state, jti ?? id ?? (read.type === 'halt' ? scope : undefined)]
      .filter(part => part !== undefined)
      .join(' ')
  })
}

function fromFolder({ path }: Told): readonly string[] {
  return [
    '--in',
    path('ledger'),
    '--checkpoint',
    path('mark', 'high-water.json'),
    '--config',
    path('countersign.yaml'),
  ]
}

test('receipts export with a question writes a bundle of the attempts, their outcomes and what they cite', async t => {
  const car = await told(t)
  const file = car.path('incident.json')
  const said = await countersign(
    ...['receipts', 'export', file, ...fromFolder(car), '--agent', 'coder', '--task', 'CS-17'],
  )
  assert.equal(said.code, 0, said.out + said.err)
  assert.match(said.out, /^3 attempts in .*incident\.json, with 16 entries in all$/m)
  assert.match(
    said.out,
    /policy +acme-staging version 7, sha256:.*, sealed under version 1 of the trust root/,
  )
  assert.doesNotMatch(said.out, /not here/)
  assert.deepEqual(await contents(file), [
    'genesis',
    'boot',
    'policy activated',
    'grant issued g-1',
    'grant issued g-2',
    'halt halted agent',
    'mint minted m-1',
    `attempt ${car.admitted}`,
    `outcome of ${car.admitted}`,
    'approval requested a-1',
    'approval approved a-1',
    'halt halted task',
    `attempt ${car.approved}`,
    `outcome of ${car.approved}`,
    `attempt ${car.denied}`,
    'grant revoked g-2',
  ])
  const verified = await countersign('receipts', 'verify', file, '--trust', car.path('root.json'))
  assert.equal(verified.code, 0, verified.out)
  assert.match(verified.out, /^SOUND: nothing was found\.$/m)
  assert.match(verified.out, /keys +pinned/)
  assert.match(
    verified.out,
    /proven +these 16 entries are in the log at \d+ entries, as its keeper signed them/,
  )
  assert.match(verified.out, /not proven +that nothing else happened/)
})

test('a halt that is asked for by its number comes with its end; attack: without it, it contradicts what passed', async t => {
  const car = await told(t)
  const file = car.path('incident.json')
  const seqs = ['--seq', `${car.ended}`, '--seq', `${car.admitted}`]
  const said = await countersign('receipts', 'export', file, ...fromFolder(car), ...seqs)
  assert.equal(said.code, 0, said.out + said.err)
  const verify = () => countersign('receipts', 'verify', file, '--trust', car.path('root.json'))
  const verified = await verify()
  assert.equal(verified.code, 0, verified.out)
  const bundle = parseBundle(await readFile(file))
  const entries = bundle.entries.filter(({ seq }) => seq !== car.ended + 1)
  assert.equal(entries.length, bundle.entries.length - 1)
  await writeFile(file, encodeBundle({ ...bundle, entries }))
  const without = await verify()
  assert.equal(without.code, 1)
  assert.match(without.out, /was admitted although its agent or task was halted: entry \d+ halted it/)
})

test('a question may be about a resource, a time, or numbers; an outcome stands for its attempt', async t => {
  const car = await told(t)
  let files = 0
  const attempts = async (...question: readonly string[]) => {
    const file = car.path(`${++files}.json`)
    const said = await countersign('receipts', 'export', file, ...fromFolder(car), ...question)
    if (said.code !== 0) return said.out.trim()
    return (await contents(file))
      .filter(what => what.startsWith('attempt'))
      .map(what => Number(what.slice(8)))
  }
  assert.deepEqual(await attempts('--resource', 'vol-1'), [car.approved, car.denied])
  assert.deepEqual(await attempts('--resource', 'volume:vol-1', '--seq', `${car.denied}`), [car.denied])
  assert.deepEqual(
    await attempts('--resource', 'service:vol-1'),
    'No attempt of this log fits what was asked.',
  )
  assert.deepEqual(await attempts('--seq', `${car.admitted + 1}`), [car.admitted])
  assert.deepEqual(await attempts('--seq', `${car.other}-${car.admitted}`), [car.other, car.admitted])
  assert.deepEqual(await attempts('--agent', 'tester', '--agent', 'nobody'), [car.other])
  assert.deepEqual(
    await attempts('--until', '2020-01-01T00:00:00Z'),
    'No attempt of this log fits what was asked.',
  )
  assert.equal((await attempts('--since', '2020-01-01T00:00:00Z')).length, 5)
})

test('a bundle without the policies that it cites says so; --policies and --catalogs enclose them', async t => {
  const car = await told(t)
  const from = [
    '--in',
    car.path('ledger'),
    '--checkpoint',
    car.path('mark', 'high-water.json'),
    '--seq',
    `${car.admitted}`,
  ]
  const bare = await countersign('receipts', 'export', car.path('bare.json'), ...from)
  assert.match(bare.out, /1 of 1 policies are not here: pass --policies DIR/)
  assert.match(bare.out, /not here +receipt \d+ cites a sealed policy: sha256:/)
  const file = car.path('full.json')
  const full = await countersign(
    ...['receipts', 'export', file, ...from, '--policies', car.path('policies'), '--catalogs'],
    ...['--trust', car.path('root.json'), '--json'],
  )
  assert.equal(full.code, 0, full.out + full.err)
  assert.deepEqual(JSON.parse(full.out).missing, [])
  assert.equal(parseBundle(await readFile(file)).catalogs[0], fromUtf8(CATALOG))
})

test('attack: the same policy with signatures of anybody beside the sealed one stands in no evidence’s way', async t => {
  const car = await told(t)
  const forged = signedAnyhow(SEALED.payload, ['admin', 'mallory', 'eve'])
  await writeFile(car.path('policies', 'a.json'), encodeEnvelope(forged))
  await writeFile(car.path('policies', 'z.json'), encodeEnvelope(forged))
  const from = ['--in', car.path('ledger'), '--checkpoint', car.path('mark', 'high-water.json')]
  const file = car.path('full.json')
  const full = await countersign(
    ...['receipts', 'export', file, ...from, '--seq', `${car.admitted}`],
    ...['--policies', car.path('policies'), '--trust', car.path('root.json'), '--json'],
  )
  assert.equal(full.code, 0, full.out + full.err)
  const [policy] = parseBundle(await readFile(file)).policies
  assert.equal(decodeEnvelope(utf8(policy as string)).signatures.length, 1)
})

test('a bundle leads to the newest checkpoint that witnesses have cosigned, where that covers all of it', async t => {
  const car = await told(t)
  const dump = car.path('dump.jsonl')
  await countersign('receipts', 'export', dump, '--in', car.path('ledger'))
  const mark = JSON.parse(await readFile(car.path('mark', 'high-water.json'), 'utf8')) as {
    checkpoint: string
  }
  await writeFile(`${dump}.checkpoint`, mark.checkpoint)
  const { body } = parseCheckpoint(utf8(mark.checkpoint))
  const signer = keyNamed('witness')
  const key = { name: 'witness.example/w1', use: 'witness', publicKey: signer.publicKey } as const
  const now = Math.floor(Date.now() / 1_000)
  const line = signatureLine(cosign(nativeCrypto, body, key.name, signer, now))
  await writeFile(`${dump}.witnessed`, `${mark.checkpoint}${line}`)
  await writeFile(car.path('witnesses'), `witness W ${formatVerifierKey(nativeCrypto, key)}\nquorum W\n`)
  const file = car.path('incident.json')
  assert.equal((await countersign('receipts', 'export', file, '--in', dump, '--agent', 'coder')).code, 0)
  const verify = (...more: readonly string[]) =>
    countersign('receipts', 'verify', file, '--trust', car.path('root.json'), ...more)
  const seen = await verify('--witnesses', car.path('witnesses'))
  assert.equal(seen.code, 0, seen.out)
  const since = new Date(now * 1_000).toISOString()
  assert.match(seen.out, new RegExp(`witnessed +as the witness policy asks, since ${since}`))
  const unnamed = await verify()
  assert.equal(unnamed.code, 1)
  assert.match(unnamed.out, /witness\.example\/w1: name its key in a witness policy/)
})

test('receipts disclose opens fields with the auditor’s key, and what they say is bound to the receipt', async t => {
  const car = await told(t)
  const file = car.path('incident.json')
  await countersign('receipts', 'export', file, ...fromFolder(car), '--agent', 'coder')
  const open = [
    'receipts',
    'disclose',
    file,
    '--auditor-key',
    car.path('auditor.jwk'),
    '--in',
    car.path('ledger'),
  ]
  const one = await countersign(...open, '--seq', `${car.admitted}`, '--field', 'target')
  assert.equal(one.code, 0, one.out + one.err)
  assert.equal(one.out, `disclosed: target of receipt ${car.admitted}\n`)
  const [disclosure] = parseBundle(await readFile(file)).disclosures
  assert.match(fromUtf8(disclosure?.value as Uint8Array), /^\/graphql\/v2\?id=/)
  const all = await countersign(...open, '--all', '--out', car.path('all.json'))
  assert.equal(all.code, 0, all.out)
  assert.equal(parseBundle(await readFile(car.path('all.json'))).disclosures.length, 12)
  assert.equal(parseBundle(await readFile(file)).disclosures.length, 1)
  await writeFile(car.path('answer.json'), RESPONSE)
  const answer = ['--seq', `${car.admitted}`, '--field', 'resp', '--content']
  assert.equal((await countersign(...open, ...answer, car.path('answer.json'))).code, 0)
  const other = await countersign(...open, ...answer, car.path('root.json'))
  assert.equal(other.code, 1)
  assert.match(
    other.out,
    /not disclosed: resp of receipt \d+: what was kept, or given, is not what the receipt/,
  )
  const verified = await countersign(
    'receipts',
    'verify',
    car.path('all.json'),
    '--trust',
    car.path('root.json'),
  )
  assert.match(
    verified.out,
    new RegExp(`disclosed +body of ${car.admitted}, inputs of ${car.admitted}, target of`),
  )
  assert.match(
    verified.out,
    /not proven {2}that the policy decides so, and asks these people: decisions are derived again/,
  )
  assert.equal(verified.code, 0)
})

test('attack: receipts disclose hands out no secret of an attempt, and nothing without the auditor’s key', async t => {
  const car = await told(t)
  const file = car.path('incident.json')
  await countersign('receipts', 'export', file, ...fromFolder(car), '--seq', `${car.admitted}`)
  const before = await readFile(file)
  const { privateKey } = await generateKeyPair('ECDH-ES', { crv: 'X25519', extractable: true })
  await writeFile(car.path('other.jwk'), JSON.stringify(await exportJWK(privateKey)), { mode: 0o600 })
  const disclose = (key: string) =>
    countersign(
      'receipts',
      'disclose',
      file,
      '--all',
      '--auditor-key',
      car.path(key),
      '--in',
      car.path('ledger'),
    )
  const refused = await disclose('other.jwk')
  assert.equal(refused.code, 2)
  assert.match(refused.err, /side_unreadable/)
  assert.deepEqual(await readFile(file), before)
  await disclose('auditor.jwk')
  const [entry] = parseBundle(before)
    .entries.map(({ entry }) => decodeEntry(utf8(entry)))
    .filter(({ seq }) => seq === car.admitted)
  const secret = nativeCrypto.sha256(utf8(entry?.type === 'attempt' ? entry.id : ''))
  const after = await readFile(file)
  for (const spelling of ['hex', 'base64', 'base64url'] as const)
    assert.ok(!after.includes(Buffer.from(secret).toString(spelling)), spelling)
})

test('attack: a bundle that has another attempt under a receipt’s number is handed nothing of that one', async t => {
  const car = await told(t)
  const file = car.path('incident.json')
  await countersign('receipts', 'export', file, ...fromFolder(car), '--agent', 'coder')
  const bundle = parseBundle(await readFile(file))
  const secret = bundle.entries.find(({ seq }) => seq === car.admitted)
  const envelope = decodeEnvelope(utf8(secret?.entry as string))
  const payload = canonicalBytes({ ...(parseCanonical(envelope.payload) as JsonObject), seq: car.denied })
  const posing = fromUtf8(encodeEnvelope({ ...envelope, payload }))
  const entries = bundle.entries.map(each => (each.seq === car.denied ? { ...each, entry: posing } : each))
  await writeFile(file, encodeBundle({ ...bundle, entries }))
  const asked = ['--seq', `${car.denied}`, '--field', 'target', '--auditor-key', car.path('auditor.jwk')]
  const { code, out } = await countersign('receipts', 'disclose', file, ...asked, '--in', car.path('ledger'))
  assert.equal(code, 1)
  assert.match(out, /^not disclosed: receipt \d+: it is not the receipt that the log has in this place$/m)
  assert.equal(parseBundle(await readFile(file)).disclosures.length, 0)
})

test('receipts verify refuses a bundle with a changed byte, another’s trust root, or a line of a witness that nobody named', async t => {
  const car = await told(t)
  const file = car.path('incident.json')
  await countersign('receipts', 'export', file, ...fromFolder(car), '--agent', 'coder')
  const text = await readFile(file, 'utf8')
  await writeFile(car.path('changed.json'), text.replace('"payload\\":\\"eyJ', '"payload\\":\\"eyK'))
  const changed = await countersign(
    'receipts',
    'verify',
    car.path('changed.json'),
    '--trust',
    car.path('root.json'),
  )
  assert.equal(changed.code, 1)
  assert.match(changed.out, /^NOT SOUND: \d+ findings?\.$/m)
  const thief = smallTrustRoot({ keys: { admin: written('thief') } })
  await writeFile(car.path('thief.json'), `[${fromUtf8(sealedRoot(thief, 'thief'))}]`)
  const foreign = await countersign('receipts', 'verify', file, '--trust', car.path('thief.json'), '--json')
  assert.equal(foreign.code, 1)
  const { findings } = JSON.parse(foreign.out) as { findings: readonly { code: string }[] }
  assert.ok(
    findings.some(({ code }) => code === 'trust_pin'),
    foreign.out,
  )
  await writeFile(car.path('witnesses'), 'quorum none\n')
  const witnessed = await countersign(
    ...['receipts', 'verify', file, '--trust', car.path('root.json'), '--witnesses', car.path('witnesses')],
  )
  assert.equal(witnessed.code, 0, witnessed.out)
})

test('an export never overwrites a file, and never writes what does not verify', async t => {
  const car = await told(t)
  const file = car.path('incident.json')
  await writeFile(file, 'mine')
  const twice = await countersign('receipts', 'export', file, ...fromFolder(car), '--agent', 'coder')
  assert.equal(twice.code, 2)
  assert.equal(await readFile(file, 'utf8'), 'mine')
  await countersign('receipts', 'export', car.path('dump.jsonl'), '--in', car.path('ledger'))
  const lines = (await readFile(car.path('dump.jsonl'), 'utf8')).split('\n')
  lines.splice(car.admitted, 1)
  await writeFile(car.path('cut.jsonl'), lines.join('\n'))
  const cut = await countersign(
    ...['receipts', 'export', car.path('cut.json'), '--in', car.path('cut.jsonl'), '--agent', 'coder'],
    ...['--checkpoint', car.path('mark', 'high-water.json')],
  )
  assert.equal(cut.code, 1)
  assert.match(cut.out, /The log is not the one that its checkpoint over \d+ entries signed/)
  await assert.rejects(readFile(car.path('cut.json')), { code: 'ENOENT' })
})

test('usage mistakes about bundles exit 2 and say what to do', async t => {
  const car = await told(t)
  const file = car.path('incident.json')
  await countersign('receipts', 'export', file, ...fromFolder(car), '--agent', 'coder')
  const auditor = ['--auditor-key', car.path('auditor.jwk')]
  const cases: [string[], RegExp][] = [
    [
      ['receipts', 'export', car.path('x'), '--in', car.path('ledger'), '--agent', 'a'],
      /no checkpoint .* could lead to/,
    ],
    [
      ['receipts', 'export', car.path('x'), '--in', car.path('ledger'), '--catalogs'],
      /--catalogs belongs into a bundle/,
    ],
    [['receipts', 'export', car.path('x'), '--seq', '7-3'], /expected a number such as 4182/],
    [['receipts', 'export', car.path('x'), '--since', 'yesterday'], /expected a time in UTC/],
    [['receipts', 'disclose', file, ...auditor], /nothing says what is to be disclosed/],
    [['receipts', 'disclose', file, ...auditor, '--seq', '1', '--field', 'secret'], /expected target, body/],
    [['receipts', 'disclose', car.path('root.json'), '--all', ...auditor], /bundle_malformed/],
    [['receipts', 'verify', file, '--pin', 'sha256:00'], /--pin names a version of a trust root/],
    [['receipts', 'verify', file, '--key', 'ed25519:x'], /--key .* bundle/],
  ]
  for (const [argv, message] of cases) {
    const said = await countersign(...argv)
    assert.equal(said.code, 2, `${argv.join(' ')}\n${said.out}`)
    assert.match(said.err, message)
  }
})

test('a running keeper is asked through its socket, with the configuration’s trust root and policy', async t => {
  const car = await told(t)
  const ledger = await car.open()
  const server = createServer(async (request, response) => {
    const url = new URL(request.url as string, 'http://keeper')
    const inputs = /^\/v1\/inputs\/(.+)$/.exec(url.pathname)?.[1]
    const answer = async () => {
      if (url.pathname === '/v1/checkpoint') return { checkpoint: await ledger.checkpoint(), witnessed: null }
      if (inputs !== undefined) {
        const record = await ledger.side.get(inputs)
        return { inputs: record === undefined ? null : base64(record) }
      }
      const from = Number(url.searchParams.get('from') ?? 0)
      const entries: { seq: number; entry: string }[] = []
      for await (const bytes of ledger.entries(from)) {
        if (entries.length >= 4) break
        entries.push({ seq: from + entries.length, entry: base64(bytes) })
      }
      return { size: ledger.head().size, entries }
    }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(await answer()))
  })
  await new Promise<void>(resolve => server.listen(car.path('admin.sock'), resolve))
  try {
    const [file, config] = [car.path('incident.json'), ['--config', car.path('countersign.yaml')]]
    const said = await countersign('receipts', 'export', file, '--agent', 'coder', ...config)
    assert.equal(said.code, 0, said.out + said.err)
    const disclosed = await countersign(
      ...['receipts', 'disclose', file, '--all', '--auditor-key', car.path('auditor.jwk'), ...config],
    )
    assert.equal(disclosed.code, 0, disclosed.out + disclosed.err)
    const verified = await countersign('receipts', 'verify', file, '--trust', car.path('root.json'), '--json')
    assert.deepEqual([verified.code, JSON.parse(verified.out).disclosed.length], [0, 12])
  } finally {
    server.closeAllConnections()
    server.close()
    await ledger.close()
  }
})
