import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { IncidentReport } from '../../src/cli/report/incident.js'
import { countersign } from '../cli/command-line.js'
import { type Invoices, invoicesPolicy, json, startInvoices } from './invoices.js'
import { eventually, type Sidecar, startSidecar } from './supervised-sidecar.js'

/** Creating is held, destroying by its own route is admitted, voiding is denied. */
function policy(address: string): string {
  const routes = 'routes:\n      - { route: "DELETE /invoices/{id}", class: destructive }'
  return `${invoicesPolicy(address).replace('routes:', routes)}  - id: may-delete
    allow: { api: billing, operations: ["DELETE /invoices/{id}"] }
    to: coder
  - id: create-with-a-second-person
    hold: { api: billing, operations: ["POST /invoices"] }
    to: coder
    approvers: operators
    because: New invoices are read by somebody first.
approvers:
  operators:
    keys: { nobody: "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }
    expires: 30m
`
}

interface Incident {
  readonly sidecar: Sidecar
  readonly invoices: Invoices
  /** Lets the upstream answer what it has kept waiting. */
  release(): void
}

/** An agent that read, deleted, was refused, was held, and waits for an answer that doesn't come. */
async function incident(t: TestContext): Promise<Incident> {
  const invoices = await startInvoices(t)
  const sidecar = await startSidecar(t, { policy: policy(invoices.address), billing: invoices.address })
  const waiting: (() => void)[] = []
  const ordinary = invoices.answer
  invoices.answer = (request, response) => {
    if (request.url === '/invoices/in-slow') waiting.push(() => json(response))
    else ordinary(request, response)
  }
  const authorization = `Bearer ${await sidecar.grant()}`
  const ask = async (method: string, path: string): Promise<number> => {
    const answer = await fetch(`${sidecar.url}/billing${path}`, { method, headers: { authorization } })
    await answer.arrayBuffer()
    return answer.status
  }
  assert.equal(await ask('GET', '/invoices/in-1'), 200)
  assert.equal(await ask('DELETE', '/invoices/in-1'), 200)
  assert.equal(await ask('POST', '/invoices/in-2/void'), 403)
  assert.equal(await ask('POST', '/invoices/in-3/void'), 403)
  assert.equal((await ask('POST', '/invoices')) >= 200, true)
  const slow = ask('GET', '/invoices/in-slow').catch(() => 0)
  const release = () => {
    for (const answer of waiting.splice(0)) answer()
  }
  t.after(() => {
    release()
    return slow
  })
  await eventually('the slow request', () => (waiting.length > 0 ? true : undefined))
  return { sidecar, invoices, release }
}

const config = ({ loaded }: Sidecar): readonly string[] => ['--config', loaded.file]

test('a report of a running sidecar says what was tried, what passed, by whose authority, and what is still dangerous', async t => {
  const { sidecar } = await incident(t)
  await eventually('the outcomes', async () =>
    (await sidecar.entries()).filter(({ type }) => type === 'outcome').length >= 2 ? true : undefined,
  )
  const said = await countersign('receipts', 'report', '--agent', 'coder', '--json', ...config(sidecar))
  assert.equal(said.code, 0, said.out + said.err)
  const report = JSON.parse(said.out) as IncidentReport
  assert.deepEqual([report.verdict.sound, report.verdict.pinned], [true, true])
  const { attempts, admitted, held, refused } = report.summary
  assert.deepEqual([attempts, admitted, held, refused], [6, 3, 1, 2])
  assert.deepEqual(
    report.decided.map(({ effect, rule, count, because }) => [effect, rule, count, because]),
    [
      ['deny', 'never-void', 2, "A voided invoice can't be reopened."],
      ['hold', 'create-with-a-second-person', 1, 'New invoices are read by somebody first.'],
    ],
  )
  assert.deepEqual(
    report.classes.map(({ class: name, ...counts }) => [name, ...Object.values(counts)]),
    [
      ['read', 2, 0, 0],
      ['create', 0, 1, 0],
      ['destructive', 1, 0, 0],
      ['irreversible', 0, 0, 2],
    ],
  )
  const [passed] = report.passed.shown
  assert.deepEqual(
    [passed?.operations[0]?.name, passed?.decision.rule, passed?.outcome?.status, passed?.outcome?.http],
    ['DELETE /invoices/{id}', 'may-delete', 'completed', 200],
  )
  const [policyInForce] = report.authority.policies
  assert.deepEqual(
    [policyInForce?.name, policyInForce?.version, policyInForce?.attempts, policyInForce?.seal.kind],
    ['invoices', 1, 6, 'sealed'],
  )
  assert.ok(policyInForce?.activated)
  const [grant] = report.authority.grants.shown
  assert.deepEqual(
    [grant?.agent, grant?.environment, grant?.owner, grant?.attempts, grant?.revoked],
    ['coder', 'staging', 'maria', 6, null],
  )
  const [approval] = report.approvals.shown
  assert.deepEqual(
    [approval?.states.map(({ state }) => state), approval?.rule, approval?.usedSeq],
    [['requested'], 'create-with-a-second-person', null],
  )
  const heldStep = report.timeline.shown.find(
    step => step.type === 'attempt' && step.decision.effect === 'hold',
  )
  assert.equal(approval?.heldSeq, heldStep?.seq)
  const { still } = report
  assert.ok(still.credentials.shown.length > 0)
  assert.ok(still.credentials.shown.every(each => each.expires > report.at && each.agent === 'coder'))
  assert.deepEqual(
    [still.grants.shown.length, still.approvals.shown.length, still.open.shown.length, still.stops],
    [1, 1, 1, []],
  )
  assert.equal(still.open.shown[0]?.outcome, null)

  const text = await countersign('receipts', 'report', '--agent', 'coder', ...config(sidecar))
  assert.match(text.out, /^SOUND: nothing was found\.\n/)
  assert.match(text.out, /^ {2}keys +pinned/m)
  assert.match(text.out, /6 attempts, .*: 3 admitted, 1 held, 2 refused\./)
  assert.match(text.out, /refused by never-void +\w+ +2 +\d+ to \d+ +A voided invoice can't be reopened\./)
  assert.match(text.out, /!! Admitted attempts without an outcome: 1\./)
  assert.match(text.out, /Halts and freezes in force: NONE\./)
  assert.match(text.out, /sealed +by \w+, under version 1 of the trust root/)
})

test('a report as of the future knows what has expired, and one of a stopped ledger what was never answered', async t => {
  const { sidecar } = await incident(t)
  const [first] = await sidecar.entries()
  const early = new Date((first?.t as number) - 1000).toISOString()
  const future = ['--at', '2098-01-01T00:00:00Z']
  const later = await countersign('receipts', 'report', ...future, '--json', ...config(sidecar))
  const { still } = JSON.parse(later.out) as IncidentReport
  assert.deepEqual(
    [still.credentials.shown.length, still.grants.shown.length, still.approvals.shown.length],
    [0, 0, 0],
  )
  assert.equal(still.open.shown.length, 1)
  const before = await countersign('receipts', 'report', '--at', early, '--json', ...config(sidecar))
  assert.equal((JSON.parse(before.out) as IncidentReport).summary.attempts, 0)
  process.kill(sidecar.pid('keeper'), 'SIGKILL')
  await sidecar.stop()
  await sidecar.start()
  const after = await eventually('the recovered outcome', async () => {
    const said = await countersign('receipts', 'report', '--json', ...config(sidecar))
    const report = JSON.parse(said.out) as IncidentReport
    return report.still.indeterminate.shown.length > 0 ? report : undefined
  })
  assert.equal(after.still.open.shown.length, 0)
  assert.ok(after.timeline.shown.some(({ type }) => type === 'boot'))
})

test('a report of a bundle tells the same attempts, and one HTML file holds it without script or network', async t => {
  const { sidecar, release } = await incident(t)
  const bundle = join(sidecar.folder, 'incident.json')
  const root = sidecar.loaded.path(sidecar.loaded.config.trust.root)
  release()
  const exported = await countersign('receipts', 'export', bundle, '--agent', 'coder', ...config(sidecar))
  assert.equal(exported.code, 0, exported.out + exported.err)
  const page = join(sidecar.folder, 'incident.html')
  const said = await countersign(...['receipts', 'report', bundle, '--trust', root, '--html', page, '--json'])
  assert.equal(said.code, 0, said.out + said.err)
  const report = JSON.parse(said.out) as IncidentReport
  assert.deepEqual([report.verdict.of, report.verdict.pinned, report.summary.attempts], ['bundle', true, 6])
  assert.equal(report.authority.policies[0]?.seal.kind, 'sealed')
  assert.equal(report.decided[0]?.because, "A voided invoice can't be reopened.")
  const html = readFileSync(page, 'utf8')
  assert.match(
    html,
    /<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; style-src &#39;sha256-/,
  )
  assert.doesNotMatch(html, /<script|src=|href=|url\(|@import/)
  assert.match(html, /A voided invoice can&#39;t be reopened\./)
  // Without a trust root of one's own nobody is named as a signer, and it is said first.
  const alone = await countersign('receipts', 'report', bundle)
  assert.match(alone.out, /!! No key came from outside of the evidence/)
  assert.match(alone.out, /sealed +NOT verified/)
})
