import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { JsonObject } from '../../src/canon/index.js'
import type { AttemptStep, IncidentReport } from '../../src/cli/report/incident.js'
import type { Ledger } from '../../src/ledger/index.js'
import type { AttemptBody } from '../../src/receipt/index.js'
import { attempt, denial, ORIGIN, outcome, prepare, type Sidecar, sidecar } from '../ledger/ledger-fixture.js'
import { countersign } from './command-line.js'

const { agent: CODER, policy: POLICY } = attempt()
const { grant: _, id: agent, ...WHO } = CODER
const HELD_BY = { agent, ...WHO }
/** Far behind the times of the entries. */
const FAR = Date.parse('2099-01-01T00:00:00Z')
const REPORT_KIND = 'application/vnd.countersign.report.v1+json'

async function told(t: TestContext, tell: (ledger: Ledger) => Promise<unknown>): Promise<Sidecar> {
  const car = await sidecar(t)
  const ledger = await car.open()
  await prepare(ledger)
  await tell(ledger)
  await ledger.close()
  return car
}

async function reportOf(path: string, ...options: readonly string[]): Promise<IncidentReport> {
  const said = await countersign('receipts', 'report', path, '--json', ...options)
  assert.ok(said.code < 2, said.err)
  return JSON.parse(said.out) as IncidentReport
}

const on = (type: string, id: string, more: Partial<AttemptBody> = {}): AttemptBody =>
  attempt({
    ops: [{ name: 'volumeDelete', classes: ['irreversible'], scope: {}, resources: [{ type, id }] }],
    ...more,
  })

function approval(ledger: Ledger, id: string, state: string, more: JsonObject = {}) {
  const about = { policy: POLICY.cid, digest: 'ab'.repeat(32), expires: FAR, rule: 'ask-first' }
  return ledger.append({ type: 'approval', data: { id, state, ...HELD_BY, ...about, ...more } })
}

function mint(ledger: Ledger, id: string, more: JsonObject = {}) {
  const made = { action: 'minted', minter: 'railway-project-token', credential: 'railway' }
  const what = { scope: 'environment 7c9e', expires: 4_000_000_000_000, id, api: 'railway', ...HELD_BY }
  return ledger.append({ type: 'mint', data: { ...made, ...what, ...more } })
}

test('attack: names with markup, bidi and terminal escapes are text in a report, on paper and in a terminal', async t => {
  const evil = '</dd><script>alert(1)</script><img src=x onerror=alert(1)>\u202e\u200b\u001b[2J\n'
  const car = await told(t, async ledger => {
    const ops = [
      {
        name: `op${evil}`,
        classes: ['destructive' as const],
        scope: { [`member${evil}`]: evil },
        resources: [{ type: evil, id: `" onmouseover="alert(1)${evil}` }],
      },
    ]
    await ledger.append(outcome(await ledger.append(attempt({ ops })), { upstream_id: evil }))
    await ledger.append({
      ...denial(),
      ops,
      decision: { effect: 'deny', code: 'denied_by_rule', rule: evil },
    })
    await ledger.append({ type: 'halt', data: { action: 'halted', scope: 'all', by: evil, because: evil } })
    await mint(ledger, 'm-1', { scope: evil })
  })
  const page = join(car.folder, 'report.html')
  const said = await countersign('receipts', 'report', car.dir, '--html', page)
  assert.equal(said.code, 0, said.out + said.err)
  const html = await readFile(page, 'utf8')
  const tags = new Set([...html.matchAll(/<\/?([a-z0-9]+)/gi)].map(([, name]) => name?.toLowerCase()))
  for (const name of ['script', 'img', 'a', 'iframe', 'svg', 'link', 'form'])
    assert.ok(!tags.has(name), `<${name}> stands in the page`)
  assert.doesNotMatch(html, /<[^>]*\s(on\w+|src|href)\s*=/i)
  assert.match(html, /&#60;script&#62;/)
  for (const code of ['202E', '200B', '001B', '000A'])
    assert.ok(html.includes(`<span class="hidden-char">U+${code}</span>`), code)
  for (const hidden of ['\u202e', '\u200b', '\u001b']) assert.ok(!html.includes(hidden))
  const text = await countersign('receipts', 'report', car.dir)
  for (const hidden of ['\u202e', '\u200b', '\u001b']) assert.ok(!text.out.includes(hidden))
  assert.match(text.out, /<U\+202E>/)
})

test('attack: a resource that is named like a decision can’t pose as one on a line of the terminal', async t => {
  const posing = 'vol-1, by allowed-rule (allowed)'
  const car = await told(t, ledger => ledger.append({ ...denial(), ops: on('volume', posing).ops }))
  const said = await countersign('receipts', 'report', car.dir)
  assert.match(
    said.out,
    /on volume "vol-1, by allowed-rule \(allowed\)", by never-volumes \(denied_by_rule\)/,
  )
})

test('attack: a code can’t pose as a reason, neither on a line nor in a table', async t => {
  const code = 'denied_by_rule), because (maria said so'
  const car = await told(t, ledger =>
    ledger.append({ ...denial(), decision: { effect: 'deny', code, rule: 'never-volumes' } }),
  )
  const { out } = await countersign('receipts', 'report', car.dir)
  assert.match(out, /by never-volumes \("denied_by_rule\), because \(maria said so"\)/)
  assert.match(out, /refused by never-volumes {2}"denied_by_rule\)/)
})

test('a report keeps what passed, approvals and credentials apart from what was refused', async t => {
  const car = await told(t, async ledger => {
    await mint(ledger, 'm-1')
    await mint(ledger, 'm-2')
    await mint(ledger, 'm-other', { agent: 'robot' })
    await mint(ledger, 'm-short', { expires: Date.now() + 1 })
    await ledger.append({
      type: 'mint',
      data: {
        ...{
          action: 'revoked',
          minter: 'railway-project-token',
          credential: 'railway',
          scope: '',
          expires: 1,
        },
        ...{ id: 'm-2', ...HELD_BY },
      },
    })
    await approval(ledger, 'a-1', 'requested')
    await ledger.append(
      on('volume', 'vol-1', {
        approval: 'a-1',
        decision: { effect: 'hold', code: 'approval_required', rule: 'ask-first' },
      }),
    )
    await approval(ledger, 'a-1', 'approved', { by: 'maria' })
    const { seq, leaf } = await ledger.append(on('volume', 'vol-1', { approval: 'a-1' }))
    await approval(ledger, 'a-1', 'consumed', { attempt: seq })
    await ledger.append(outcome({ seq, leaf }))
    await approval(ledger, 'a-2', 'requested')
    await ledger.append({
      type: 'halt',
      data: { action: 'halted', scope: 'agent', agent: 'coder', by: 'jo', because: 'volume gone' },
    })
    await ledger.append({
      type: 'halt',
      data: { action: 'halted', scope: 'agent', agent: 'robot', by: 'jo' },
    })
    await ledger.append({ type: 'suppressed', data: { code: 'grant_missing', count: 41, from: 1, to: 2 } })
  })
  const report = await reportOf(car.dir, '--agent', 'coder')
  assert.deepEqual(
    report.passed.shown.map(({ operations }) => operations[0]?.resources),
    [[{ type: 'volume', id: 'vol-1' }]],
  )
  const [asked, unanswered] = report.approvals.shown
  assert.deepEqual(
    asked?.states.map(({ state, by }) => [state, by]),
    [
      ['requested', null],
      ['approved', 'maria'],
      ['consumed', null],
    ],
  )
  assert.deepEqual([asked?.usedSeq, unanswered?.usedSeq], [report.passed.shown[0]?.seq, null])
  assert.deepEqual(
    report.still.credentials.shown.map(({ id }) => id),
    ['m-1'],
  )
  assert.deepEqual(
    report.still.approvals.shown.map(({ id }) => id),
    ['a-2'],
  )
  assert.deepEqual(
    report.still.stops.map(({ agent, by, because }) => [agent, by, because]),
    [['coder', 'jo', 'volume gone']],
  )
  assert.equal(report.summary.suppressed, 41)
  const lifecycle = report.timeline.shown.map(step =>
    step.type === 'attempt' ? step.decision.effect : [step.type, step.action].join(' '),
  )
  assert.deepEqual(lifecycle, [
    'grant issued',
    'mint minted',
    'mint minted',
    'mint minted',
    'mint revoked',
    'approval requested',
    'hold',
    'approval approved',
    'allow',
    'approval consumed',
    'approval requested',
    'halt halted',
    'close ',
  ])
  // Of a resource, only what its attempts cite: a-2 and the mints are not theirs.
  const narrow = await reportOf(car.dir, '--resource', 'volume:vol-1', '--effect', 'allow')
  assert.deepEqual(
    narrow.approvals.shown.map(({ id }) => id),
    ['a-1'],
  )
})

test('a report lists no more than --limit, counts everything, and says loudly that there is more', async t => {
  const car = await told(t, async ledger => {
    for (let i = 0; i < 6; i++) await ledger.append(denial())
    for (let i = 0; i < 6; i++) await ledger.append(on('volume', `vol-${i}`))
  })
  const report = await reportOf(car.dir, '--limit', '3')
  assert.deepEqual([report.summary.attempts, report.decided[0]?.count], [12, 6])
  assert.deepEqual([report.timeline.shown.length, report.passed.shown.length, report.passed.more], [3, 3, 3])
  assert.deepEqual([report.still.open.shown.length, report.still.open.more], [3, 3])
  const said = await countersign('receipts', 'report', car.dir, '--limit', '3')
  assert.match(said.out, /^!! \d+ MORE ARE NOT SHOWN HERE: /m)
  assert.match(said.out, /^!! Admitted attempts without an outcome: 6\.$/m)
})

test('a report of damaged evidence says so before anything else, and exits 1', async t => {
  const car = await told(t, async ledger => ledger.append(outcome(await ledger.append(attempt()))))
  const dump = join(car.folder, 'dump.jsonl')
  await countersign('receipts', 'export', dump, '--in', car.dir)
  const lines = (await readFile(dump, 'utf8')).split('\n')
  lines.splice(4, 1)
  await writeFile(dump, lines.join('\n'))
  const said = await countersign('receipts', 'report', dump)
  assert.equal(said.code, 1)
  assert.match(said.out, /^NOT SOUND: /)
  assert.match(said.out, /^!! Something was found wrong, so nothing below is shown to be true/m)
})

test('the JSON of a report has the members that its documentation lists, also where nothing fits', async t => {
  const car = await told(t, ledger => ledger.append(denial()))
  const report = await reportOf(car.dir, '--agent', 'nobody')
  assert.deepEqual([report.v, report.kind, report.chain], [1, REPORT_KIND, `${ORIGIN}/1`])
  assert.deepEqual(report.timeline, { shown: [], more: 0 })
  const documented = await readFile(new URL('../../../docs/receipts.md', import.meta.url), 'utf8')
  const section = documented.slice(documented.indexOf('### Its JSON'))
  for (const name of Object.keys(report)) assert.ok(section.includes(`\`${name}\``), name)
  const full = await reportOf(car.dir)
  const step = full.timeline.shown.find((each): each is AttemptStep => each.type === 'attempt')
  for (const name of Object.keys(step ?? {})) assert.ok(section.includes(`\`${name}\``), name)
  const said = await countersign('receipts', 'report', car.dir, '--agent', 'nobody')
  assert.match(said.out, /^!! No attempt fits what was asked\.$/m)
})

test('what the API was asked first is told with the attempt, in its place and on paper', async t => {
  const car = await told(t, async ledger => {
    const asked = { probe: 'volume', type: 'volume', id: 'vol-7', operations: ['volume'], mint: 'm-1' }
    const { seq } = await ledger.append({
      type: 'probe',
      data: { id: '0198c3a2-0000-7000-8000-000000000001', ...HELD_BY, api: 'railway', asked: [asked] },
    })
    const about = { probe: 'volume', op: 0, resource: 0 }
    await ledger.append(
      on('volume', 'vol-7', {
        probes: [{ ...about, status: 'answered', asked: seq, facts_c: 'ab'.repeat(32) }],
      }),
    )
    await ledger.append(on('volume', 'vol-8', { probes: [{ ...about, status: 'no_credential' }] }))
  })
  const { timeline } = await reportOf(car.dir)
  const attempts = timeline.shown.filter((each): each is AttemptStep => each.type === 'attempt')
  const asks = timeline.shown.find(({ type }) => type === 'probe')
  assert.deepEqual(
    attempts.flatMap(({ probes }) => probes),
    [
      { probe: 'volume', type: 'volume', id: 'vol-7', status: 'answered', asked: asks?.seq },
      { probe: 'volume', type: 'volume', id: 'vol-8', status: 'no_credential', asked: null },
    ],
  )
  const { out } = await countersign('receipts', 'report', car.dir)
  assert.match(
    out,
    new RegExp(`asked first "?volume"? about "?volume"? "?vol-7"?: answered \\(entry ${asks?.seq}\\)`),
  )
  assert.match(out, /asked first .*vol-8.*: no credential \(nothing was sent\)/)
  assert.match(out, /probe[\s\S]*?asked "?volume about volume vol-7/)
})
