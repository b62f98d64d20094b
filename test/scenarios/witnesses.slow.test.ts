import assert from 'node:assert/strict'
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { utf8 } from '../../src/canon/index.js'
import { witnessedBeside } from '../../src/ledger/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import {
  leafHash,
  parseCheckpoint,
  parseTlogProof,
  parseWitnessPolicy,
  provesEntry,
  witnessedAt,
} from '../../src/receipt/index.js'
import { countersign } from '../cli/command-line.js'
import { startWitness, type WitnessProcess } from '../witness/witness-process.js'
import { type Invoices, invoicesPolicy, startInvoices } from './invoices.js'
import { eventually, prepareSidecar, type Sidecar } from './supervised-sidecar.js'

interface Scene {
  readonly sidecar: Sidecar
  readonly invoices: Invoices
  /** Folder with `w1`, `w2` and `witnesses`, the policy: another trust domain than the sidecar's. */
  readonly folder: string
  readonly witnesses: WitnessProcess[]
  /** Starts a witness again where it was. */
  revive(index: number): Promise<void>
  read(): Promise<{ status: number; text: string; retryAfter: string | null }>
}

/** A sidecar and witnesses, both of which have to cosign, as processes under the real command line. */
async function scene(t: TestContext, evidence: string): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-witnesses-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const invoices = await startInvoices(t)
  const policy = join(folder, 'witnesses')
  const sidecar = await prepareSidecar(t, {
    policy: `${invoicesPolicy(invoices.address)}${evidence}`,
    billing: invoices.address,
    configure: config => ({
      ...config,
      witnesses: { policy, intervalSeconds: 1, timeoutSeconds: 20 },
      ledger: { ...config.ledger, tiles: { listen: '127.0.0.1:0' } },
    }),
  })
  const line = await run('witness', 'log', '--config', sidecar.loaded.file)
  const witnesses: WitnessProcess[] = []
  const listed: string[] = []
  for (const name of ['w1', 'w2']) {
    const home = join(folder, name)
    await run('witness', 'init', home, '--name', `witness.test/${name}`)
    writeFileSync(join(home, 'logs'), line)
    const witness = await startWitness(t, ['serve', home])
    witnesses.push(witness)
    const { verifierKey } = JSON.parse(await run('witness', 'key', home, '--json')) as { verifierKey: string }
    listed.push(`witness ${name} ${verifierKey} ${witness.url}`)
  }
  writeFileSync(policy, [...listed, 'group both all w1 w2', 'quorum both', ''].join('\n'))
  await sidecar.start()
  let authorization = ''
  return {
    sidecar,
    invoices,
    folder,
    witnesses,
    revive: async index => {
      const port = Number(new URL(witnesses[index]?.url ?? '').port)
      witnesses[index] = await startWitness(t, ['serve', join(folder, `w${index + 1}`)], port)
    },
    read: async () => {
      if (authorization === '') authorization = `Bearer ${await sidecar.grant()}`
      const answer = await fetch(`${sidecar.url}/billing/invoices/7`, { headers: { authorization } })
      return {
        status: answer.status,
        text: await answer.text(),
        retryAfter: answer.headers.get('retry-after'),
      }
    },
  }
}

async function run(...argv: readonly string[]): Promise<string> {
  const { code, out, err } = await countersign(...argv)
  assert.equal(code, 0, `${argv.join(' ')}: ${err}${out}`)
  return out
}

/** Resolves when a quorum has cosigned at least so many entries. */
function witnessed(sidecar: Sidecar, size: number): Promise<number> {
  return eventually(`${size} witnessed entries`, async () => {
    const { witnesses } = await sidecar.status()
    const cosigned = witnesses?.witnessed ?? 0
    return cosigned >= size ? cosigned : undefined
  })
}

test('a sidecar is witnessed by two; when one stops nothing more is admitted, and when it is back it is', async t => {
  const at = await scene(t, 'evidence:\n  maxUnwitnessed: { entries: 12 }\n')
  const { sidecar, invoices, witnesses } = at
  // At the very start nothing is witnessed yet, and nothing passes until it is.
  await eventually('the first admission', async () => ((await at.read()).status === 200 ? true : undefined))
  await witnessed(sidecar, (await sidecar.status()).head.size)

  assert.equal(await witnesses[1]?.stop(), 0)
  const refused = await eventually('a refusal', async () => {
    const answer = await at.read()
    return answer.status === 200 ? undefined : answer
  })
  assert.deepEqual([refused.status, refused.retryAfter], [503, '10'])
  assert.match(refused.text, /evidence_unwitnessed/)
  assert.match(refused.text, /nothing was executed/i)
  const before = invoices.seen.length
  for (let i = 0; i < 3; i++) assert.equal((await at.read()).status, 503)
  assert.equal(invoices.seen.length, before, 'nothing went upstream')

  const failing = await eventually('three tries', async () => {
    const { witnesses: all } = await sidecar.status()
    return all?.witnesses.find(({ failing: fault }) => (fault?.tries ?? 0) >= 3)
  })
  assert.deepEqual([failing.name, failing.failing?.code], ['w2', 'witness_unreachable'])
  const said = await countersign('status', '--config', sidecar.loaded.file)
  assert.match(said.out, /~ the witness w2 gives no cosignature since/)
  assert.match(said.out, /witnessed +\d+ entries since .*, \d+ behind, the oldest \d+ s old/)
  const metrics = await eventually('the metric', async () => {
    const text = await (await fetch(`${sidecar.url}/metrics`)).text()
    return text.includes('countersign_witness_failing{witness="w2"} 1') ? text : undefined
  })
  assert.match(metrics, /countersign_witness_failing\{witness="w1"\} 0/)
  assert.match(metrics, /countersign_witness_lag_entries [1-9]\d*/)
  assert.match(metrics, /countersign_witnessed_entries [1-9]\d*/)
  assert.match(sidecar.output, /"code":"witness_unreachable"/)

  await at.revive(1)
  await eventually('an admission', async () => ((await at.read()).status === 200 ? true : undefined))
  const denials = (await sidecar.entries()).filter(
    entry => entry.type === 'attempt' && entry.decision.code === 'evidence_unwitnessed',
  )
  assert.ok(denials.length >= 4, 'each refusal has its receipt')
  assert.match(sidecar.output, /a witness cosigns again/)
})

test('a stranger proves an entry, verifies a dump and reads the tiles, all against what witnesses cosigned', async t => {
  const { sidecar, folder, read } = await scene(t, '')
  assert.equal((await read()).status, 200)
  const size = await witnessed(sidecar, (await sidecar.status()).head.size)
  const config = ['--config', sidecar.loaded.file]
  const policy = parseWitnessPolicy(nativeCrypto, readFileSync(join(folder, 'witnesses')))

  const [file, entry] = [join(folder, '2.tlog-proof'), join(folder, '2.json')]
  await run('receipts', 'prove', '2', ...config, '--out', file, '--entry', entry)
  const proof = parseTlogProof(readFileSync(file))
  assert.ok(provesEntry(nativeCrypto, proof, readFileSync(entry)))
  assert.notEqual(witnessedAt(nativeCrypto, policy, proof.checkpoint), null)
  assert.ok(proof.checkpoint.size >= size)
  assert.match(await run('receipts', 'prove', '--from', '2', ...config), /^old 2\n/)

  const dump = join(folder, 'dump.jsonl')
  await run('receipts', 'export', dump, ...config)
  assert.ok(existsSync(`${dump}.witnessed`))
  const verdict = JSON.parse(
    await run(
      'receipts',
      'verify',
      dump,
      '--trust',
      sidecar.loaded.path(sidecar.loaded.config.trust.root),
      '--witnesses',
      join(folder, 'witnesses'),
      '--json',
    ),
  ) as { witnessed: number; sound: boolean }
  assert.ok(verdict.sound && verdict.witnessed >= size)
  assert.match(await run('receipts', 'verify', ...config), /witnessed +\d+ entries since/)

  const base = /"at":"(http:[^"]+)"/.exec(sidecar.output)?.[1]
  const shown = await fetch(`${base}/checkpoint`)
  const checkpoint = parseCheckpoint(utf8(await shown.text()))
  const bundle = Buffer.from(
    await (await fetch(`${base}/tile/entries/000.p/${checkpoint.size}`)).arrayBuffer(),
  )
  const tile = Buffer.from(await (await fetch(`${base}/tile/0/000.p/${checkpoint.size}`)).arrayBuffer())
  const first = bundle.subarray(2, 2 + bundle.readUInt16BE(0))
  assert.deepEqual(tile.subarray(0, 32), Buffer.from(leafHash(nativeCrypto, first)))
  await run('receipts', 'export', '--tiles', join(folder, 'www'), ...config)
  assert.ok(existsSync(join(folder, 'www', 'checkpoint')))
})

test('attack: an old copy of the ledger doesn’t start over what was witnessed, and is named by the witnesses where it does', async t => {
  const at = await scene(t, 'evidence:\n  maxUnwitnessed: { entries: 100000 }\n')
  const { sidecar, folder, witnesses } = at
  const ledger = sidecar.loaded.path(sidecar.loaded.config.ledger.dir)
  const mark = sidecar.loaded.path(sidecar.loaded.config.ledger.highWater)
  await witnessed(sidecar, 2)
  await sidecar.stop()
  const old = join(folder, 'old')
  cpSync(ledger, join(old, 'ledger'), { recursive: true })
  for (const file of [mark, witnessedBeside(mark)]) cpSync(file, join(old, file.slice(dirname(mark).length)))

  await sidecar.start()
  for (let i = 0; i < 6; i++) await at.read()
  const seen = await witnessed(sidecar, (await sidecar.status()).head.size)
  await sidecar.stop()

  const restore = (...files: readonly string[]) => {
    rmSync(ledger, { recursive: true })
    cpSync(join(old, 'ledger'), ledger, { recursive: true })
    for (const file of files) cpSync(join(old, file.slice(dirname(mark).length)), file)
  }
  // Ledger and mark agree with each other; the witnessed checkpoint doesn't.
  restore(mark)
  await assert.rejects(sidecar.start(), /ledger_behind_witness|witnesses have cosigned/)

  // The whole disk is restored: only the witnesses know.
  restore(mark, witnessedBeside(mark))
  await sidecar.start()
  await eventually('the contradiction', async () => {
    const { witnesses: all } = await sidecar.status()
    const codes = all?.witnesses.map(({ failing }) => failing?.code) ?? []
    return codes.every(code => code === 'witness_ahead' || code === 'witness_refused') ? true : undefined
  })
  // It grows past what was witnessed, and can't prove that it goes on from it.
  for (;;) {
    await at.read()
    if ((await sidecar.status()).head.size > seen + 2) break
  }
  // One refusal could be a passing fault of the witness: `status` says so after three tries in a row.
  await eventually('the refusal of a fork, three times', async () => {
    const { witnesses: all } = await sidecar.status()
    const refused = all?.witnesses.every(
      ({ failing }) => failing?.code === 'witness_refused' && failing.tries >= 3,
    )
    return refused ? true : undefined
  })
  for (const witness of witnesses) assert.match(witness.errors(), /"code":"checkpoint_inconsistent"/)
  const said = await countersign('status', '--config', sidecar.loaded.file)
  assert.equal(said.code, 1)
  assert.match(said.out, /! the witness w1 since .*: A witness refuses the checkpoint/)
})
