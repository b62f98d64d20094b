import assert from 'node:assert/strict'
import process from 'node:process'
import { type TestContext, test } from 'node:test'
import type { Entry } from '../../src/receipt/index.js'
import { type Invoices, invoicesPolicy, json, startInvoices } from './invoices.js'
import { limit } from './limit.js'
import { type Load, readInvoice, startLoad } from './load.js'
import { assertOneOutcomeEach, attemptOf, outcomesOf, settled, stopAndVerify } from './soundness.js'
import { eventually, type Sidecar, startSidecar } from './supervised-sidecar.js'

interface Scene {
  readonly invoices: Invoices
  readonly sidecar: Sidecar
  readonly authorization: string
}

async function scene(t: TestContext): Promise<Scene> {
  const invoices = await startInvoices(t)
  const policy = invoicesPolicy(invoices.address)
  const sidecar = await startSidecar(t, { policy, billing: invoices.address })
  return { invoices, sidecar, authorization: `Bearer ${await sidecar.grant()}` }
}

/** A request that the upstream has and doesn't answer before it is told to. */
async function holdOne({ invoices, sidecar, authorization }: Scene, id: string) {
  let release = (): void => {}
  const ordinary = invoices.answer
  invoices.answer = (request, response) => {
    if (request.url === `/invoices/${id}`) release = () => json(response)
    else ordinary(request, response)
  }
  const answered = readInvoice(sidecar.url, authorization, id)
  await eventually('the held request', () => invoices.seen.some(seen => seen.path.endsWith(id)) || undefined)
  return { answered, release: () => release() }
}

function seenIds({ seen }: Invoices): string[] {
  return seen.map(({ path }) => path.slice('/invoices/'.length))
}

function countOf({ answers }: Load, status: number | null): number {
  return answers.filter(answer => answer.status === status).length
}

/** No request reached the upstream without a receipt that was durable before, and none reached it twice. */
function assertReceiptsFor({ invoices }: Scene, entries: readonly Entry[]): void {
  const admitted = new Set(
    entries.flatMap(entry =>
      entry.type === 'attempt' && entry.decision.effect === 'allow'
        ? entry.ops.flatMap(op => op.resources.map(({ id }) => id))
        : [],
    ),
  )
  const seen = seenIds(invoices)
  assert.ok(seen.length > 0)
  assert.deepEqual(
    seen.filter(id => !admitted.has(id)),
    [],
  )
  assert.equal(new Set(seen).size, seen.length)
}

test('a keeper that is killed under load lets nothing through, comes back, and closes what was open', async t => {
  const stage = await scene(t)
  const { invoices, sidecar } = stage
  const held = await holdOne(stage, 'in-held')
  const load = await startLoad(sidecar)
  await eventually('traffic', () => countOf(load, 200) >= 50 || undefined)
  const killed = sidecar.pid('keeper')
  process.kill(killed, 'SIGKILL')
  await eventually('refusals', () => countOf(load, 503) > 0 || undefined)
  const before = countOf(load, 200)
  await eventually('service again', () => countOf(load, 200) >= before + 50 || undefined)
  await load.stop()
  held.release()
  assert.equal((await held.answered).status, 200, 'the answer of what was sent still reaches the agent')
  assert.notEqual(sidecar.pid('keeper'), killed)

  for (const { id, status, code } of load.answers) {
    assert.ok(status === 200 || status === 503, `${status}`)
    if (status !== 503) continue
    assert.match(code ?? '', /^(keeper_gone|no_policy|keeper_stopping)$/)
    assert.ok(!seenIds(invoices).includes(id), `${id} was refused and forwarded`)
  }
  const entries = await stopAndVerify(sidecar, () => settled(sidecar))
  assertReceiptsFor(stage, entries)
  assertOneOutcomeEach(entries)
  const attempt = attemptOf(entries, 'in-held')
  assert.deepEqual(
    outcomesOf(entries, attempt?.seq ?? -1).map(({ status }) => status),
    ['indeterminate'],
  )
})

test('a gate that is killed leaves no attempt open, and another one serves', async t => {
  const stage = await scene(t)
  const { sidecar, authorization } = stage
  const held = await holdOne(stage, 'in-held')
  process.kill(sidecar.pid('gate'), 'SIGKILL')
  assert.equal((await held.answered).status, null)
  const answer = await eventually('another gate', async () => {
    const { status } = await readInvoice(sidecar.url, authorization, 'in-after')
    return status === 200 ? status : undefined
  })
  assert.equal(answer, 200)
  const entries = await stopAndVerify(sidecar, () => settled(sidecar))
  const attempt = attemptOf(entries, 'in-held')
  assert.deepEqual(
    outcomesOf(entries, attempt?.seq ?? -1).map(({ status }) => status),
    ['indeterminate'],
  )
  assertOneOutcomeEach(entries)
})

test('a stop in the middle of traffic loses no receipt', async t => {
  const stage = await scene(t)
  const { sidecar } = stage
  const load = await startLoad(sidecar)
  await eventually('traffic', () => countOf(load, 200) >= 50 || undefined)
  assert.equal(await sidecar.stop(), 0)
  await load.stop()
  // Read back by the next start: the ledger is the only witness that is left.
  await sidecar.start()
  const entries = await sidecar.entries()
  const closed = entries.findIndex(entry => entry.type === 'close')
  assert.ok(closed > 0, 'the ledger was closed')
  assertReceiptsFor(stage, entries)
  assertOneOutcomeEach(entries.slice(0, closed + 1))
  for (const { id, status } of load.answers) {
    if (status !== 200) continue
    const attempt = attemptOf(entries, id)
    assert.deepEqual(
      outcomesOf(entries, attempt?.seq ?? -1).map(each => each.status),
      ['completed'],
    )
  }
  await stopAndVerify(sidecar, () => [])
})

test('a keeper that has stalled is answered for with 503 within the deadline, and recovers', async t => {
  const stage = await scene(t)
  const { invoices, sidecar, authorization } = stage
  const keeper = sidecar.pid('keeper')
  process.kill(keeper, 'SIGSTOP')
  t.after(() => {
    try {
      process.kill(keeper, 'SIGCONT')
    } catch {
      // It has ended, as it should have.
    }
  })
  const refused = await readInvoice(sidecar.url, authorization, 'in-slow')
  assert.deepEqual(refused, { id: 'in-slow', status: 503, code: 'keeper_slow' })
  process.kill(keeper, 'SIGCONT')
  await eventually('service again', async () => {
    const { status } = await readInvoice(sidecar.url, authorization, 'in-again')
    return status === 200 ? true : undefined
  })
  assert.ok(!seenIds(invoices).includes('in-slow'), 'the late admission was forwarded')
  const entries = await settled(sidecar)
  assert.deepEqual(
    outcomesOf(entries, attemptOf(entries, 'in-slow')?.seq ?? -1).map(({ status }) => status),
    ['not_sent'],
  )
})

test('a disk that is full refuses everything; once there is room the sidecar goes on by itself', async t => {
  const stage = await scene(t)
  const { invoices, sidecar } = stage
  const load = await startLoad(sidecar, 4)
  await eventually('traffic', () => countOf(load, 200) >= 20 || undefined)
  const full = sidecar.pid('keeper')
  const unable = limit(full, 'fsize', 4_096)
  if (unable !== undefined) {
    await load.stop()
    return t.skip(unable)
  }
  await eventually('refusals', () => countOf(load, 503) > 0 || undefined)
  const before = countOf(load, 200)
  // The next keeper is started without that limit: there is room again.
  await eventually('service again', () => countOf(load, 200) >= before + 20 || undefined)
  await load.stop()
  assert.notEqual(sidecar.pid('keeper'), full)
  assert.match(sidecar.output, /"code":"(ledger|mark)_write_failed"/)
  for (const { id, status } of load.answers)
    if (status === 503) assert.ok(!seenIds(invoices).includes(id), `${id} was refused and forwarded`)
  const entries = await stopAndVerify(sidecar, () => settled(sidecar))
  assertReceiptsFor(stage, entries)
  assertOneOutcomeEach(entries)
})
