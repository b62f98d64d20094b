import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { cp, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { type TestContext, test } from 'node:test'
import {
  base64,
  encodeEnvelope,
  formatPublicKey,
  portableSigningKey,
  type SigningKey,
} from '../../src/canon/index.js'
import { type Ledger, openLedger } from '../../src/ledger/index.js'
import { nativeCrypto, nativeSigningKey } from '../../src/native/index.js'
import { sealEnrolment, sealTrustRoot, type TrustRoot, trustRootId } from '../../src/policy/index.js'
import { signCheckpoint } from '../../src/receipt/index.js'
import { attempt, denial, outcome, prepare } from '../ledger/ledger-fixture.js'
import { LogOnPaper } from '../receipt/log-fixture.js'
import { countersign, scratch } from './command-line.js'

const ORIGIN = 'acme.test/countersign/edge'
/** What no terminal gets. */
const HIDES = /[^\P{C}\n]/u

function newKey(): SigningKey {
  const seed = randomBytes(32)
  return nativeSigningKey(seed, portableSigningKey(seed).publicKey)
}

type Path = (...parts: readonly string[]) => string

interface Sidecar {
  readonly path: Path
  readonly config: string
  readonly pin: string
  readonly receiptKey: SigningKey
  open(): Promise<Ledger>
}

/** Trust root, enrolment, configuration and keys as a first run leaves them. */
async function sidecar(context: TestContext): Promise<Sidecar> {
  const path = await scratch(context)
  const [admin, receiptKey, checkpointKey, grantKey] = [newKey(), newKey(), newKey(), newKey()]
  const role = { keys: ['admin'], threshold: 1 }
  const root: TrustRoot = {
    v: 1,
    version: 1,
    previous: null,
    keys: { admin: formatPublicKey(admin.publicKey) },
    roles: { root: role, policy: role, enrol: role, operate: role, recover: role },
    revoked: { keys: [], ids: [] },
    minPolicyVersion: 0,
    testAudiences: [],
  }
  const enrolment = encodeEnvelope(
    sealEnrolment(
      {
        v: 1,
        origin: ORIGIN,
        keys: {
          receipt: formatPublicKey(receiptKey.publicKey),
          checkpoint: formatPublicKey(checkpointKey.publicKey),
          grant: formatPublicKey(grantKey.publicKey),
        },
        notBefore: '2026-01-01T00:00:00Z',
        notAfter: '2099-01-01T00:00:00Z',
      },
      [admin],
    ),
  )
  const pin = trustRootId(root, nativeCrypto)
  await mkdir(path('keeper'))
  await writeFile(path('root.json'), `[${Buffer.from(encodeEnvelope(sealTrustRoot(root, [admin])))}]`)
  await writeFile(path('keeper', 'enrolment.json'), enrolment)
  await writeFile(path('countersign.yaml'), configuration(pin))
  return {
    path,
    config: path('countersign.yaml'),
    pin,
    receiptKey,
    open: () =>
      openLedger({
        dir: path('ledger'),
        highWater: path('mark', 'high-water.json'),
        origin: ORIGIN,
        signer: receiptKey,
        checkpointKey,
        crypto: nativeCrypto,
        clock: Date.now,
        boot: randomUUID(),
        software: 'countersign/test',
        enrolment: Buffer.from(enrolment).toString(),
        side: null,
      }),
  }
}

function configuration(pin: string): string {
  return `apiVersion: countersign.dev/v1
kind: Sidecar
origin: ${ORIGIN}
audience: staging
trust: { root: root.json, pin: "${pin}" }
policy: { file: policy.sealed.json }
gate: { listen: "127.0.0.1:0" }
keeper: { socket: keeper.sock, admin: admin.sock, keys: keeper/keys, enrolment: keeper/enrolment.json }
ledger: { dir: ledger, highWater: mark/high-water.json }
vault: { file: vault.jwe, key: { file: vault.key } }
`
}

/** A sidecar with a stopped ledger: genesis, boot, policy, grant, attempt, outcome, denial, close. */
async function stopped(context: TestContext): Promise<Sidecar> {
  const car = await sidecar(context)
  const ledger = await car.open()
  await prepare(ledger)
  await ledger.append(outcome(await ledger.append(attempt())))
  await ledger.append(denial())
  await ledger.close()
  return car
}

test('receipts verify with a pinned trust root goes from the root to the keys through the log’s own enrolment', async t => {
  const car = await stopped(t)
  const said = await countersign(
    ...['receipts', 'verify', car.path('ledger'), '--trust', car.path('root.json'), '--pin', car.pin],
    ...['--checkpoint', car.path('mark', 'high-water.json')],
  )
  assert.equal(said.code, 0, said.out + said.err)
  assert.match(said.out, /^SOUND: nothing was found\.$/m)
  assert.match(said.out, /keys +pinned/)
  assert.match(said.out, /checkpoint +covers 8 entries/)
  assert.match(
    said.out,
    /witnessed +no cosignature that counts: 8 entries vouched for by this log's own keys alone/,
  )
})

test('receipts verify without keys says integrity only, and that a cut tail would not be noticed', async t => {
  const car = await stopped(t)
  const said = await countersign('receipts', 'verify', car.path('ledger'))
  assert.equal(said.code, 0)
  assert.match(said.out, /integrity only/)
  assert.match(said.out, /a tail that was cut off would not be noticed/)
})

test('attack: receipts verify refuses a trust root that is not the pinned one, and a log of keys it did not enrol', async t => {
  const [car, other] = [await stopped(t), await stopped(t)]
  const verify = (log: Sidecar, root: Sidecar, pin: string) =>
    countersign('receipts', 'verify', log.path('ledger'), '--trust', root.path('root.json'), '--pin', pin)
  assert.equal((await verify(car, other, car.pin)).code, 2)
  assert.equal((await verify(car, other, other.pin)).code, 2)
  const enrolled = await countersign(
    ...['receipts', 'verify', car.path('ledger'), '--trust', other.path('root.json'), '--pin', other.pin],
    ...['--enrolment', other.path('keeper', 'enrolment.json')],
  )
  assert.equal(enrolled.code, 1)
  assert.match(enrolled.out, /entry 0: is signed by a key that is not trusted for this log/)
})

test('receipts verify names the first bad entry and exits 1', async t => {
  const car = await stopped(t)
  const dump = car.path('dump.jsonl')
  assert.equal((await countersign('receipts', 'export', dump, '--in', car.path('ledger'))).code, 0)
  const lines = (await readFile(dump, 'utf8')).split('\n')
  lines[5] = (lines[5] as string).replace('"payload":"eyJ', '"payload":"eyK')
  await writeFile(dump, lines.join('\n'))
  const key = formatPublicKey(car.receiptKey.publicKey)
  const said = await countersign('receipts', 'verify', dump, '--key', key)
  assert.equal(said.code, 1)
  assert.match(said.out, /^NOT SOUND: 1 finding, 5 entries are valid/m)
  assert.match(said.out, /! entry 5: /)
  const json = JSON.parse((await countersign('receipts', 'verify', dump, '--key', key, '--json')).out)
  assert.deepEqual(
    [json.sound, json.validPrefix, json.findings[0].seq, json.mode],
    [false, 5, 5, 'pinned keys'],
  )
})

test('attack: a dump that lost its tail is refused against the high-water file', async t => {
  const car = await stopped(t)
  const dump = car.path('dump.jsonl')
  await countersign('receipts', 'export', dump, '--in', car.path('ledger'))
  const whole = await readFile(dump)
  await truncate(dump, whole.lastIndexOf(10, -2) + 1)
  const said = await countersign(
    ...['receipts', 'verify', dump, '--trust', car.path('root.json'), '--pin', car.pin],
    ...['--checkpoint', car.path('mark', 'high-water.json')],
  )
  assert.equal(said.code, 1)
  assert.match(
    said.out,
    /the log is shorter than its checkpoint \(the checkpoint covers 8 entries, 7 are here\)/,
  )
})

test('receipts verify --tree-only says that no signature was looked at, and still finds a changed entry', async t => {
  const car = await stopped(t)
  const dump = car.path('dump.jsonl')
  await countersign('receipts', 'export', dump, '--in', car.path('ledger'))
  const verify = () => countersign('receipts', 'verify', dump, '--tree-only')
  const whole = await verify()
  assert.equal(whole.code, 0, whole.out + whole.err)
  assert.match(whole.out, /^TREE ONLY: nothing was found, and no signature was looked at/)
  assert.match(whole.out, /- who wrote the entries: signatures were left out/)
  await writeFile(dump, (await readFile(dump, 'utf8')).replace('"payload":"eyJ', '"payload":"eyK'))
  const changed = await verify()
  assert.equal(changed.code, 1)
  assert.match(changed.out, /^NOT SOUND/)
})

test('receipts verify finds a grant that this log never issued, and leaves the valid prefix as it is', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  await prepare(ledger)
  const { agent } = attempt()
  const seq = await ledger.append(attempt({ agent: { ...agent, grant: 'g-forged' } }))
  await ledger.append(outcome(seq))
  await ledger.close()
  const said = await countersign('receipts', 'verify', car.path('ledger'), '--json')
  assert.equal(said.code, 1)
  const { findings, validPrefix, size } = JSON.parse(said.out)
  assert.deepEqual([findings.length, findings[0].code, findings[0].seq], [1, 'grant_unissued', 4])
  assert.equal(validPrefix, size)
})

test('ledger check takes folder, mark and keys from the configuration', async t => {
  const car = await stopped(t)
  const good = await countersign('ledger', 'check', '--config', car.config)
  assert.equal(good.code, 0, good.out + good.err)
  assert.match(good.out, /keys +pinned/)
  await cp(car.path('ledger'), car.path('older'), { recursive: true })
  const ledger = await car.open()
  await ledger.close()
  const older = await countersign('ledger', 'check', car.path('older'), '--config', car.config)
  assert.equal(older.code, 1)
  assert.match(older.out, /^ledger_behind_mark: .*shorter than its checkpoint/)
  await rm(car.path('ledger', 'CURRENT'))
  const gone = await countersign('ledger', 'check', '--config', car.config)
  assert.equal(gone.code, 1)
  assert.match(gone.out, /^ledger_unreadable: /)
})

test('receipts list, show and tail read a folder', async t => {
  const car = await stopped(t)
  const from = ['--in', car.path('ledger')]
  const list = await countersign('receipts', 'list', ...from, '--type', 'attempt')
  assert.equal(list.out.trim().split('\n').length, 2)
  assert.match(list.out, /attempt +allow coder: serviceInstanceRedeploy s-1 \[work-in-staging\]/)
  assert.match(list.out, /attempt +deny +coder: .* \[never-volumes\]/)
  const tail = await countersign('receipts', 'tail', ...from, '--limit', '1')
  assert.match(tail.out, /^ +7 .* close +reason=stopped$/m)
  const show = await countersign('receipts', 'show', '5', ...from, '--json')
  assert.equal(JSON.parse(show.out).attempt, 4)
  assert.equal((await countersign('receipts', 'show', '99', ...from)).code, 1)
})

test('attack: a name with terminal escapes is shown, not obeyed', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  const [op] = attempt().ops
  await ledger.append(attempt({ ops: [{ ...(op as typeof op & object), name: 'x\u001b[2J\u202e\n' }] }))
  await ledger.close()
  const list = await countersign('receipts', 'list', '--in', car.path('ledger'), '--type', 'attempt')
  assert.equal(list.out.trim().split('\n').length, 1)
  assert.match(list.out, /x�\[2J��/)
})

test('attack: a reason or a name that reads as other members, operations or rules of a line is quoted', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  const [op] = attempt().ops
  const resources = [{ type: 'volume', id: 's-1 [work-in-staging], volumeDelete v-9' }]
  await ledger.append(attempt({ ops: [{ ...(op as typeof op & object), name: 'ping', resources }] }))
  const because = 'ended by=maria statement=sha256:00'
  await ledger.append({ type: 'halt', data: { action: 'resumed', scope: 'all', by: 'jo', because } })
  await ledger.close()
  const list = await countersign('receipts', 'list', '--in', car.path('ledger'))
  assert.match(list.out, / coder: ping "s-1 \[work-in-staging\], volumeDelete v-9" \[work-in-staging\]$/m)
  assert.match(list.out, /because="ended by=maria statement=sha256:00" by=jo/)
})

test('attack: a checkpoint file whose origin rewrites the verdict is shown, and not obeyed', async t => {
  const car = await stopped(t)
  const origin = 'acme.test/countersign/edge/1\u001b[2J\u001b[HSOUND:\u009b31m\u202e'
  const key = newKey()
  await writeFile(
    car.path('it'),
    signCheckpoint(nativeCrypto, { origin, size: 3, root: '00'.repeat(32) }, key),
  )
  const verify = (...more: string[]) =>
    countersign('receipts', 'verify', car.path('ledger'), '--checkpoint', car.path('it'), ...more)
  const said = await verify()
  assert.equal(said.code, 1)
  assert.match(said.out, /edge\/1�\[2J�\[HSOUND:�31m�/)
  assert.doesNotMatch(said.out, HIDES)
  const json = await verify('--json')
  assert.doesNotMatch(json.out, HIDES)
  assert.ok(JSON.parse(json.out).findings[0].message.includes(origin))
})

test('attack: a fault that cites a hostile name says it without what a terminal would obey', async () => {
  const said = await countersign('receipts', 'verify', 'nowhere\u001b[2J\nSOUND: nothing was found.')
  assert.equal(said.code, 2)
  assert.doesNotMatch(said.err, HIDES)
  assert.doesNotMatch(said.err, /^SOUND/m)
})

test('attack: a file of gigabytes in the place of a checkpoint, a bundle or a dump is refused before it is read', async t => {
  const car = await stopped(t)
  const huge = async (name: string, head: string) => {
    await writeFile(car.path(name), head)
    await truncate(car.path(name), 3_000_000_000)
    return car.path(name)
  }
  const dump = await huge('huge.jsonl', '')
  const note = await huge('huge.checkpoint', 'acme.test/countersign/edge/1\n')
  const bundle = await huge('huge.json', '{"catalogs":[')
  const before = process.memoryUsage.rss()
  assert.match((await countersign('receipts', 'verify', dump)).out, /a line is longer than any entry/)
  const noted = await countersign('receipts', 'verify', car.path('ledger'), '--checkpoint', note)
  assert.match(noted.err, /checkpoint_malformed/)
  assert.match((await countersign('receipts', 'verify', bundle)).err, /huge\.json: more than 134217728 bytes/)
  assert.ok(process.memoryUsage.rss() - before < 200_000_000)
})

test('usage mistakes exit 2 and say what to do', async t => {
  const car = await stopped(t)
  const cases: [string[], RegExp][] = [
    [['receipts', 'verify', car.path('ledger'), '--pin', car.pin], /--pin names a version of a trust root/],
    [['receipts', 'verify', car.path('nothing')], /there is no/],
    [['receipts', 'verify', car.path('ledger'), '--policies', car.path('.')], /Pass --trust FILE/],
    [['receipts', 'verify', car.path('ledger'), '--auditor-key', 'x'], /Pass --policies DIR as well/],
    [
      ['receipts', 'verify', car.path('ledger'), '--tree-only', '--policies', car.path('.')],
      /--tree-only derives no decisions/,
    ],
    [['receipts', 'verify', car.path('ledger'), '--jobs', '0'], /expected 1 to 64/],
    [['receipts', 'verify', car.path('ledger'), '--key', 'ed25519:short'], /key_invalid/],
    [['receipts', 'show', 'x', '--in', car.path('ledger')], /whole number/],
    [['receipts', 'list', '--config', car.config], /cannot reach the keeper/],
    [
      ['receipts', 'verify', car.path('ledger'), '--checkpoint', car.path('root.json')],
      /mark_invalid|checkpoint_malformed/,
    ],
  ]
  for (const [argv, message] of cases) {
    const said = await countersign(...argv)
    assert.equal(said.code, 2, argv.join(' '))
    assert.match(said.err, message)
  }
})

test('receipts of a running keeper are listed, exported and verified through its socket, against the configured trust root', async t => {
  const car = await sidecar(t)
  const ledger = await car.open()
  await prepare(ledger)
  for (let i = 0; i < 5; i++) await ledger.append(outcome(await ledger.append(attempt())))
  let behindCheckpoint: (() => Promise<unknown>) | null = null
  // The three calls of the admin API that the commands make, with pages smaller than what they ask for.
  const server = createServer(async (request, response) => {
    const url = new URL(request.url as string, 'http://keeper')
    const answer = async () => {
      if (url.pathname === '/v1/checkpoint') return { checkpoint: await ledger.checkpoint(), witnessed: null }
      if (behindCheckpoint !== null) await behindCheckpoint()
      behindCheckpoint = null
      const from = Number(url.searchParams.get('from') ?? 0)
      const limit = Math.min(3, Number(url.searchParams.get('limit') ?? 3))
      const entries: { seq: number; entry: string }[] = []
      for await (const bytes of ledger.entries(from)) {
        if (entries.length >= limit) break
        entries.push({ seq: from + entries.length, entry: base64(bytes) })
      }
      return { size: ledger.head().size, entries }
    }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(await answer()))
  })
  await new Promise<void>(resolve => server.listen(car.path('admin.sock'), resolve))
  try {
    const from = ['--config', car.config]
    assert.equal((await countersign('receipts', 'list', ...from)).out.trim().split('\n').length, 14)
    assert.match((await countersign('receipts', 'tail', '--limit', '2', ...from)).out, /^ +12 .*\n +13 /)
    const verdict = await countersign('receipts', 'verify', ...from)
    assert.equal(verdict.code, 0, verdict.out + verdict.err)
    assert.match(verdict.out, /keys +pinned/)
    assert.match(verdict.out, /checkpoint +covers 14 entries/)
    const dump = car.path('evidence.jsonl')
    assert.match(
      (await countersign('receipts', 'export', dump, ...from)).out,
      /^14 entries in .*checkpoint in/,
    )
    const again = await countersign(
      'receipts',
      'verify',
      dump,
      '--trust',
      car.path('root.json'),
      '--pin',
      car.pin,
    )
    assert.equal(again.code, 0, again.out + again.err)
    assert.match(again.out, /checkpoint +covers 14 entries/)
    // The keeper goes on writing between its checkpoint and its entries.
    behindCheckpoint = () => ledger.append(attempt())
    const later = car.path('later.jsonl')
    assert.match((await countersign('receipts', 'export', later, ...from)).out, /^14 entries in /)
    assert.equal(ledger.head().size, 15)
  } finally {
    server.closeAllConnections()
    server.close()
    await ledger.close()
  }
})

test('attack: a log whose last entry is of a time that no calendar has gets its verdict, its list and its inventory', async t => {
  const path = await scratch(t)
  const log = new LogOnPaper().start()
  log.t = 9_000_000_000_000_000
  log.exchange()
  const dump = path('dump.jsonl')
  await writeFile(dump, log.entries.map(bytes => `${Buffer.from(bytes).toString()}\n`).join(''))
  const list = path('sidecars.yaml')
  const sidecar = `  - { origin: ${ORIGIN} }\n`
  await writeFile(list, `apiVersion: countersign.dev/v1\nkind: Inventory\nsidecars:\n${sidecar}`)
  for (const [code, ...words] of [
    [1, 'verify', dump],
    [0, 'list', '--in', dump],
    [1, 'inventory', list, dump],
  ] as const) {
    const said = await countersign('receipts', ...words)
    assert.deepEqual([said.code, said.out.includes('900000000000000')], [code, true], said.err)
  }
})
