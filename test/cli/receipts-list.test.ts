import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { base64 } from '../../src/canon/index.js'
import { type Ledger, openEvidence } from '../../src/ledger/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import type { AttemptBody, AttemptOperation } from '../../src/receipt/index.js'
import { attempt, denial, outcome, prepare, type Sidecar, sidecar } from '../ledger/ledger-fixture.js'
import { countersign } from './command-line.js'

const CONFIGURATION = `apiVersion: countersign.dev/v1
kind: Sidecar
origin: acme.test/countersign/edge
audience: staging
trust: { root: root.json, pin: "sha256:${'00'.repeat(32)}" }
policy: { file: policy.sealed.json }
gate: { listen: "127.0.0.1:0" }
keeper: { socket: keeper.sock, admin: admin.sock, keys: keeper/keys, enrolment: keeper/enrolment.json }
ledger: { dir: ledger, highWater: mark/high-water.json }
vault: { file: vault.jwe, key: { file: vault.key } }
`

const MARIA = attempt().agent
const ROBOT = { ...MARIA, id: 'robot', task: 'CS-18', grant: 'g-18' }

function on(type: string, id: string, more: Partial<AttemptOperation> = {}): AttemptBody['ops'] {
  const name = 'volumeDelete'
  return [
    { name, classes: ['irreversible'], scope: { environment: 'prod-1' }, resources: [{ type, id }], ...more },
  ]
}

/** Times of the entries are their numbers in seconds. */
async function told(t: TestContext): Promise<Sidecar> {
  const car = await sidecar(t)
  let second = -1
  const ledger = await car.open({ clock: () => ++second * 1000 })
  await tell(ledger)
  await ledger.close()
  return car
}

/** After genesis and boot, from entry 2 on. */
async function tell(ledger: Ledger): Promise<void> {
  await prepare(ledger)
  const who = { environment: 'staging', task: 'CS-18', owner: 'jo@acme.test' }
  await ledger.append({
    type: 'grant',
    data: { action: 'issued', jti: 'g-18', agent: 'robot', ...who, slot: 'bearer', expires: 9_000_000 },
  })
  const slow = await ledger.append(attempt()) // 5
  await ledger.append({ ...denial(), ops: on('volume', 'vol-1') }) // 6
  const robots = await ledger.append(attempt({ agent: ROBOT, ops: on('volume', 'vol-2') })) // 7
  await ledger.append(outcome(robots)) // 8
  await ledger.append(outcome(slow)) // 9
  const more = { count: 900, all_c: 'c0'.repeat(32) }
  const cut = on('volume', 'vol-3', { classes: ['destructive'], more })
  const held = { effect: 'hold', code: 'approval_required', rule: 'ask-first' } as const
  await ledger.append(attempt({ agent: ROBOT, ops: cut, decision: held })) // 10
  const two = [...on('volume', 'vol-1', { name: 'volume', classes: ['read'] }), ...on('backup', 'b-1')]
  await ledger.append({ ...denial(), ops: two }) // 11
}

test('receipts list shows the attempts that fit, each with its outcome, and of an agent everything else as well', async t => {
  const car = await told(t)
  const seqs = async (...options: readonly string[]): Promise<readonly number[]> => {
    const said = await countersign('receipts', 'list', '--in', car.dir, '--json', ...options)
    assert.equal(said.code, 0, said.err)
    const { entries, next } = JSON.parse(said.out) as { entries: { seq: number }[]; next: number | null }
    assert.equal(next, null)
    return entries.map(({ seq }) => seq)
  }
  assert.deepEqual(await seqs('--agent', 'robot'), [4, 7, 8, 10])
  assert.deepEqual(await seqs('--agent', 'r*', '--type', 'outcome'), [8])
  assert.deepEqual(await seqs('--task', 'CS-18', '--effect', 'allow'), [7, 8])
  assert.deepEqual(await seqs('--api', 'railway', '--effect', 'hold', '--effect', 'deny'), [6, 10, 11])
  assert.deepEqual(await seqs('--class', 'irreversible'), [6, 7, 8, 11])
  assert.deepEqual(await seqs('--operation', 'service*'), [5, 9])
  assert.deepEqual(await seqs('--scope', 'environment=prod-*', '--agent', 'coder'), [6, 11])
  assert.deepEqual(await seqs('--scope', 'environment=prod-1', '--scope', 'project=p-1'), [])
  assert.deepEqual(await seqs('--rule', 'never-volumes'), [6, 11])
  assert.deepEqual(await seqs('--rule', 'approval_*'), [10])
  assert.deepEqual(await seqs('--seq', '5', '--seq', '8-9'), [5, 8, 9])
  // Entry 11 reads vol-1 and deletes a backup: no operation of it deletes vol-1.
  assert.deepEqual(await seqs('--resource', 'vol-1', '--class', 'irreversible'), [6])
  assert.deepEqual(await seqs('--resource', 'backup:*'), [10, 11])
})

test('receipts list ends at --until, but not before the outcomes of what fits', async t => {
  const car = await told(t)
  const list = (...options: readonly string[]) => countersign('receipts', 'list', '--in', car.dir, ...options)
  const time = (seq: number) => new Date(seq * 1000).toISOString()
  const numbers = (out: string) => [...out.matchAll(/^ +(\d+) /gm)].map(([, seq]) => Number(seq))
  const all = JSON.parse((await list('--json')).out) as { entries: { seq: number; t: number }[] }
  const timeOf = (seq: number) => time((all.entries[seq]?.t as number) / 1000)
  const said = await list('--since', timeOf(5), '--until', timeOf(6))
  assert.deepEqual(numbers(said.out), [5, 6, 9])
  assert.deepEqual(numbers((await list('--since', timeOf(11))).out), [11, 12])
})

test('receipts list says where it goes on, and whose resources are listed in part only', async t => {
  const car = await told(t)
  const list = (...options: readonly string[]) => countersign('receipts', 'list', '--in', car.dir, ...options)
  const cut = await list('--limit', '3')
  assert.equal(cut.out.trim().split('\n').length, 3)
  assert.equal(cut.err, 'There are more: --limit shows more at once, --from 3 goes on.\n')
  const json = JSON.parse((await list('--limit', '2', '--type', 'attempt', '--json')).out)
  assert.deepEqual([json.entries.length, json.next, json.uncertain], [2, 7, 0])
  const unsure = await list('--resource', 'vol-9')
  assert.match(unsure.out, /^ +10 .*hold +robot: volumeDelete vol-3 \[ask-first\]\n$/)
  assert.equal(unsure.err, '1 of them list only the beginning of their resources, and are in for that.\n')
  assert.deepEqual(JSON.parse((await list('--agent', 'nobody', '--json')).out), {
    entries: [],
    next: null,
    uncertain: 0,
    orphans: 0,
  })
})

test('receipts list --from shows every entry from there on, and with a question says which outcomes it can’t place', async t => {
  const car = await told(t)
  const list = (...options: readonly string[]) =>
    countersign('receipts', 'list', '--in', car.dir, '--from', '8', ...options)
  const numbers = (out: string) => [...out.matchAll(/^ +(\d+) /gm)].map(([, seq]) => Number(seq))
  const all = await list()
  assert.deepEqual([numbers(all.out), all.err], [[8, 9, 10, 11, 12], ''])
  const asked = await list('--agent', 'robot')
  assert.deepEqual(numbers(asked.out), [10])
  assert.match(
    asked.err,
    /^2 outcomes of attempts before the first entry read are left out: --from an earlier one/,
  )
  assert.equal(JSON.parse((await list('--agent', 'robot', '--json')).out).orphans, 2)
})

test('receipts list of a dump and of the running keeper answer the same', async t => {
  const car = await told(t)
  const dump = join(car.folder, 'dump.jsonl')
  assert.equal((await countersign('receipts', 'export', dump, '--in', car.dir)).code, 0)
  const log = await openEvidence(car.dir, nativeCrypto)
  t.after(() => log.close())
  const server = createServer(async (request, response) => {
    const from = Number(new URL(request.url as string, 'http://keeper').searchParams.get('from') ?? 0)
    const entries: { seq: number; entry: string }[] = []
    for await (const bytes of log.entries(from))
      if (entries.length < 4) entries.push({ seq: from + entries.length, entry: base64(bytes) })
    response.end(JSON.stringify({ size: 13, entries }))
  })
  await new Promise<void>(resolve => server.listen(join(car.folder, 'admin.sock'), resolve))
  t.after(() => server.close())
  t.after(() => server.closeAllConnections())
  const config = join(car.folder, 'countersign.yaml')
  await writeFile(config, CONFIGURATION)
  const question = ['receipts', 'list', '--class', 'irreversible', '--json']
  const [folder, file, keeper] = [
    await countersign(...question, '--in', car.dir),
    await countersign(...question, '--in', dump),
    await countersign(...question, '--config', config),
  ]
  assert.equal(JSON.parse(folder.out).entries.length, 4)
  assert.deepEqual([file.out, keeper.out], [folder.out, folder.out], keeper.err)
})

test('receipts list refuses what it doesn’t understand, and says what it expects', async () => {
  const cases: [string[], RegExp][] = [
    [['--class', 'dangerous'], /expected one of read, /],
    [['--effect', 'refused'], /expected one of allow, hold, deny/],
    [['--scope', 'production'], /expected a member and its value/],
    [['--type', 'attempts'], /expected one of attempt, outcome, genesis/],
    [['--since', 'yesterday'], /expected a time in UTC/],
  ]
  for (const [options, message] of cases) {
    const said = await countersign('receipts', 'list', ...options)
    assert.equal(said.code, 2)
    assert.match(said.err, message)
  }
})
