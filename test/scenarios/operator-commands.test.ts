import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { wordsOf } from '../../src/cli/error-words.js'
import { sealedFileOf } from '../../src/cli/policy-location.js'
import { countersign } from '../cli/command-line.js'
import { type Lasting, Shared } from '../lasting.js'
import { invoicesPolicy, startInvoices } from './invoices.js'
import { eventually, type Sidecar, startSidecar } from './supervised-sidecar.js'

const HOLDING = `
  - id: create-with-a-second-person
    hold: { api: billing, operations: ["POST /invoices"] }
    to: coder
    approvers: operators
    because: New invoices are read by somebody first.
  - id: one-is-looked-at-with-a-second-person
    hold: { api: billing, operations: ["GET /invoices/{id}"], resources: ["in-held"] }
    to: coder
    approvers: operators
approvers:
  operators:
    keys: { nobody: "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }
    expires: 30m
`

async function running(t: Lasting): Promise<Sidecar> {
  const invoices = await startInvoices(t)
  const policy = `${invoicesPolicy(invoices.address)}${HOLDING.replace(/^\n/, '')}`
  return startSidecar(t, { policy, billing: invoices.address })
}

function command(sidecar: Sidecar, ...argv: string[]) {
  return countersign(...argv, '--config', sidecar.loaded.file)
}

async function ask(sidecar: Sidecar, method: string, path: string) {
  const authorization = `Bearer ${await sidecar.grant()}`
  const answer = await fetch(`${sidecar.url}/billing${path}`, { method, headers: { authorization } })
  await answer.arrayBuffer()
  return { status: answer.status, receipt: answer.headers.get('countersign-receipt') ?? '' }
}

test('status says that all is well, and exits with 1 when it is not', async t => {
  const sidecar = await running(t)
  const well = await command(sidecar, 'status', '--json')
  assert.equal(well.code, 0, well.out + well.err)
  const { healthy, keeper, addresses, missing } = JSON.parse(well.out)
  assert.equal(healthy, true)
  assert.equal(keeper.policy.name, 'invoices')
  assert.equal(keeper.gates, 1)
  assert.equal(addresses.main, sidecar.url)
  assert.ok(keeper.head.size >= 3)
  assert.match(missing.join(), /same user/)
  const shown = await command(sidecar, 'status')
  assert.match(shown.out, /^Healthy\.\n/)
  assert.match(shown.out, /invoices, version 1, until 2099-01-01T00:00:00\.000Z/)

  writeFileSync(sealedFileOf(sidecar.loaded), '{}')
  const reloaded = await command(sidecar, 'policy', 'reload')
  const refused = await command(sidecar, 'status')
  assert.deepEqual([reloaded.code, refused.code], [1, 1])
  const mend = wordsOf('envelope_malformed')?.mend ?? assert.fail()
  assert.ok(reloaded.out.includes(mend), reloaded.out)
  assert.match(refused.out, /NOT healthy[\s\S]*envelope_malformed/)
  assert.ok(refused.out.includes(mend), refused.out)

  await sidecar.stop()
  const gone = await command(sidecar, 'status')
  assert.equal(gone.code, 1)
  assert.match(gone.out, /cannot reach the keeper/)
  assert.match(gone.out, new RegExp(`gate +${sidecar.url}, when it ran last`))
})

test('why explains the attempt of an outcome, and says of every other entry what it records', async t => {
  const sidecar = await running(t)
  await ask(sidecar, 'GET', '/invoices/in-1')
  const entries = await eventually('the outcome', async () => {
    const all = await sidecar.entries()
    return all.some(({ type }) => type === 'outcome') ? all : undefined
  })
  const seen = new Set<string>()
  for (const { seq, type } of entries) {
    const { code, out, err } = await command(sidecar, 'why', String(seq))
    assert.equal(code, 0, err)
    assert.doesNotMatch(out, /undefined|NaN|null|\[object/, out)
    seen.add(type)
    if (type === 'outcome')
      assert.match(
        out,
        /^Receipt \d+: the outcome of receipt (\d+): completed, HTTP 200, after \d+ ms\.\nReceipt \1: agent coder asked for GET \/invoices\/\{id\}; decided allow by rule ordinary-work[\s\S]*\n {2}who {9}coder in /,
      )
    if (type === 'genesis') assert.match(out, /^Receipt 0: the log begins, as localhost\/countersign\//)
    if (type === 'policy')
      assert.match(out, /^Receipt \d+: policy version 1 \(sha256:\w+\) came into force\.$/m)
    if (type === 'grant') assert.match(out, /: a grant was issued.* to agent coder in /)
    if (!['attempt', 'outcome'].includes(type)) assert.doesNotMatch(out, / {2}(who|rule|outcome) /)
  }
  for (const type of ['genesis', 'boot', 'policy', 'grant', 'attempt', 'outcome'])
    assert.ok(seen.has(type), `${type} in ${[...seen]}`)

  // A refused update says why, and what to do.
  writeFileSync(sealedFileOf(sidecar.loaded), '{}')
  await command(sidecar, 'policy', 'reload')
  const refused = (await sidecar.entries()).findLast(({ type }) => type === 'policy')
  const why = await command(sidecar, 'why', String(refused?.seq))
  assert.match(
    why.out,
    /: a policy was refused with code envelope_malformed, which changed nothing\.[\s\S]*envelope_malformed: .+\n {2}→ /,
  )
})

test('why reads the log of a sidecar that was stopped, and holds an anchor against it', async t => {
  const sidecar = await running(t)
  const { receipt } = await ask(sidecar, 'POST', '/invoices/in-1/void')
  const live = await command(sidecar, 'why', receipt)
  await sidecar.stop()
  const unreached = await command(sidecar, 'why', receipt)
  assert.equal(unreached.code, 2)
  assert.match(unreached.err, /cannot reach the keeper[\s\S]*--in LEDGER/)
  const left = ['--in', sidecar.loaded.path(sidecar.loaded.config.ledger.dir)]
  assert.deepEqual(await command(sidecar, 'why', receipt, ...left), live)
  for (const [forged, says] of [
    [receipt.replace(/leaf="[0-9a-f]{2}/, 'leaf="00'), /The log was changed/],
    [receipt.replace(/seq=\d+/, 'seq=999'), /Entries are missing/],
    [receipt.replace('localhost', 'elsewhere'), /it names elsewhere/],
  ] as const) {
    const answer = await command(sidecar, 'why', forged, ...left)
    assert.equal(answer.code, 1, forged)
    assert.match(answer.out, says)
  }
  assert.match((await command(sidecar, 'why', '999', ...left)).err, /receipt_unknown/)
})

describe('commands at one running sidecar', () => {
  const shared = new Shared()
  let sidecar: Sidecar
  before(async () => {
    sidecar = await running(shared)
  })
  after(() => shared.end())

  test('why explains a receipt by number and by the header that the agent got', async () => {
    const { status, receipt } = await ask(sidecar, 'POST', '/invoices/in-1/void')
    assert.equal(status, 403)
    const byHeader = await command(sidecar, 'why', receipt, '--json')
    assert.equal(byHeader.code, 0, byHeader.err)
    const explained = JSON.parse(byHeader.out)
    assert.equal(explained.entry.decision.rule, 'never-void')
    assert.equal(explained.because, "A voided invoice can't be reopened.")
    assert.match(explained.mend, /operator/)
    const byNumber = await command(sidecar, 'why', String(explained.seq))
    assert.match(
      byNumber.out,
      /coder asked for POST \/invoices\/\{id\}\/void; decided deny by rule never-void/,
    )
    assert.match(byNumber.out, /because {5}A voided invoice/)
    assert.match(byNumber.out, /^ {2}resource {4}invoice in-1$/m)

    const allowed = await ask(sidecar, 'GET', '/invoices/in-1')
    // The outcome is written after the agent has its answer.
    const why = await eventually('the outcome', async () => {
      const said = await command(sidecar, 'why', allowed.receipt)
      return /outcome +none found/.test(said.out) ? undefined : said
    })
    assert.match(why.out, /decided allow by rule ordinary-work[\s\S]*outcome .*completed 200/)
  })

  test('why notices an anchor that is not from this log', async () => {
    const { receipt } = await ask(sidecar, 'GET', '/invoices/in-1')
    for (const [forged, says] of [
      [receipt.replace(/leaf="[0-9a-f]{2}/, 'leaf="00'), /The log was changed/],
      [receipt.replace(/seq=\d+/, 'seq=999'), /Entries are missing/],
      [receipt.replace('localhost', 'elsewhere'), /it names elsewhere/],
    ] as const) {
      const answer = await command(sidecar, 'why', forged)
      assert.equal(answer.code, 1, forged)
      assert.match(answer.out, says)
    }
    const nonsense = await command(sidecar, 'why', 'nonsense')
    assert.equal(nonsense.code, 2)
    assert.match(nonsense.err, /no receipt/)
    const unknown = await command(sidecar, 'why', '999')
    assert.equal(unknown.code, 2)
    assert.match(unknown.err, /receipt_unknown/)
  })

  test('approvals shows what a held request is bound to', async () => {
    assert.match((await command(sidecar, 'approvals', 'list')).out, /Nothing waits/)
    assert.equal((await ask(sidecar, 'POST', '/invoices')).status, 403)
    const { approvals } = JSON.parse((await command(sidecar, 'approvals', 'list', '--json')).out)
    assert.equal(approvals.length, 1)
    const [{ id }] = approvals
    assert.equal((await ask(sidecar, 'GET', '/invoices/in-held')).status, 403)
    assert.match(
      (await command(sidecar, 'approvals', 'list')).out,
      new RegExp(
        `${id}  coder .*POST /invoices\n  held by .*[\\s\\S]*  coder .*GET /invoices/\\{id\\}\n  on invoice in-held\n  held by`,
      ),
    )
    const shown = await command(sidecar, 'approvals', 'show', id)
    assert.match(shown.out, /acting for {3}maria, who can’t approve it/)
    assert.match(shown.out, /New invoices are read by somebody first/)
    assert.match(shown.out, /^ {2}operation {4}billing POST \/invoices$/m)
    assert.equal((await command(sidecar, 'approvals', 'show', 'no-such')).code, 1)
  })

  test('grant list shows the grants in force', async () => {
    await sidecar.grant()
    const listed = await command(sidecar, 'grant', 'list')
    assert.equal(listed.code, 0, listed.err)
    assert.match(listed.out, /coder .* until 20/)
  })

  test('receipts erase closes an attempt for ever, and the log says so and still verifies', async () => {
    const { receipt } = await ask(sidecar, 'GET', '/invoices/7')
    const [, seq = ''] = /seq=([0-9]+)/.exec(receipt) ?? []
    const erase = (...more: string[]) =>
      command(sidecar, 'receipts', 'erase', seq, '--because', 'ticket 77', '--by', 'maria', ...more)

    const stranger = await erase('--key', sidecar.loaded.path('trust/keys/enrol.jwk'))
    assert.equal(stranger.code, 2, stranger.err)
    assert.match(stranger.err, /signing_key_unknown/)

    const done = await erase()
    assert.equal(done.code, 0, done.err)
    const [, said = ''] = /^Attempt \d+ is closed for ever; receipt (\d+) says so\.\n$/.exec(done.out) ?? []
    const shown = JSON.parse((await command(sidecar, 'receipts', 'show', said, '--json')).out)
    assert.deepEqual(
      [shown.type, shown.data.attempt, shown.data.because],
      ['erase', Number(seq), 'ticket 77'],
    )
    assert.equal((await command(sidecar, 'receipts', 'verify')).code, 0)

    const twice = await erase()
    assert.match(twice.err, /no decision inputs/)
  })
})
