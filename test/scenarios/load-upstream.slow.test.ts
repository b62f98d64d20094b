import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import type { Config } from '../../src/cli/config-schema.js'
import { invoicesPolicy } from './invoices.js'
import { descriptorsOf, peakResidentMib } from './limit.js'
import { assertOneOutcomeEach, attemptOf, outcomesOf, settled, stopAndVerify } from './soundness.js'
import { eventually, type Sidecar, startSidecar } from './supervised-sidecar.js'
import { type MannerName, startUnruly } from './unruly-upstream.js'

const MIB = 1024 * 1024
const MAX_RESIDENT_MIB = 300
/** Of each manner, at once. */
const TIMES = 3

/** What the agent reads: a status with the code of the refusal, `cut` for an answer that breaks off; and the outcome. */
const EXPECTED: Readonly<Record<Exclude<MannerName, 'never-ends'>, readonly [string, string]>> = {
  answers: ['200', 'completed'],
  hangs: ['504 upstream_timeout', 'timeout'],
  'hangs-in-the-head': ['504 upstream_timeout', 'timeout'],
  'dribbles-its-head': ['504 upstream_timeout', 'timeout'],
  'hangs-in-the-body': ['cut', 'timeout'],
  'never-closes': ['cut', 'timeout'],
  closes: ['502 upstream_broken', 'upstream_error'],
  resets: ['502 upstream_broken', 'upstream_error'],
  'closes-in-the-body': ['cut', 'upstream_error'],
  'closes-in-a-chunk': ['cut', 'upstream_error'],
  'says-more-than-its-length': ['200', 'completed'],
  'says-two-lengths': ['502 upstream_broken', 'upstream_error'],
  'speaks-something-else': ['502 upstream_broken', 'upstream_error'],
  'has-huge-headers': ['502 upstream_broken', 'upstream_error'],
  'has-endless-headers': ['502 upstream_broken', 'upstream_error'],
  'is-zipped': ['502 upstream_encoding', 'completed'],
  informs: ['200', 'completed'],
  'informs-without-end': ['502 upstream_broken', 'upstream_error'],
  'switches-protocols': ['502 upstream_broken', 'upstream_error'],
}

async function scene(t: TestContext): Promise<{ sidecar: Sidecar; authorization: string }> {
  const upstream = await startUnruly(t)
  const sidecar = await startSidecar(t, {
    policy: invoicesPolicy(upstream.address),
    billing: upstream.address,
    configure: (config: Config): Config => ({
      ...config,
      gate: { ...config.gate, upstreamTimeoutSeconds: 5 },
    }),
  })
  return { sidecar, authorization: `Bearer ${await sidecar.grant()}` }
}

/** Reads the whole answer, on a connection of its own. */
async function ask(sidecar: Sidecar, authorization: string, id: string): Promise<string> {
  // Not `fetch`, which on Node 20 takes an answer that broke off for a whole one.
  const asked = request(`${sidecar.url}/billing/invoices/${id}`, {
    headers: { authorization, connection: 'close' },
  })
  try {
    const [answer] = (await once(asked.end(), 'response')) as [IncomingMessage]
    const said = await text(answer)
    return answer.statusCode === 200
      ? '200'
      : `${answer.statusCode} ${(JSON.parse(said) as { code: string }).code}`
  } catch {
    return 'cut'
  }
}

test('whatever an upstream does, the agent has an answer or a clean end, and the ledger one outcome', async t => {
  const { sidecar, authorization } = await scene(t)
  assert.equal(await ask(sidecar, authorization, 'answers-0'), '200')
  const before = descriptorsOf(sidecar.pid('gate'))
  const manners = Object.keys(EXPECTED) as (keyof typeof EXPECTED)[]
  const asked = manners.flatMap(manner =>
    Array.from({ length: TIMES }, async (_, n) => {
      const id = `${manner}-${n + 1}`
      return { manner, id, read: await ask(sidecar, authorization, id) }
    }),
  )
  const answers = await Promise.all(asked)
  assert.equal(await ask(sidecar, authorization, 'answers-99'), '200')
  const peak = peakResidentMib(sidecar.pid('gate'))
  assert.ok(peak < MAX_RESIDENT_MIB, `the gate took ${peak} MiB`)
  await eventually('the end of every connection', () =>
    descriptorsOf(sidecar.pid('gate')) <= before + 1 ? true : undefined,
  )
  const entries = await stopAndVerify(sidecar, () => settled(sidecar))
  assertOneOutcomeEach(entries)
  const seen = answers.map(({ manner, id, read }) => {
    const outcomes = outcomesOf(entries, attemptOf(entries, id)?.seq ?? -1)
    return `${manner}: ${read}, ${outcomes.map(({ status }) => status).join()}`
  })
  const expected = answers.map(({ manner }) => `${manner}: ${EXPECTED[manner].join(', ')}`)
  assert.deepEqual(seen, expected)
})

test('an answer without end passes in bounded memory, waits for an agent that doesn’t read, and ends with it', async t => {
  const { sidecar, authorization } = await scene(t)
  const begin = async (n: number): Promise<IncomingMessage> => {
    const asked = request(`${sidecar.url}/billing/invoices/never-ends-${n}`, { headers: { authorization } })
    const [answer] = (await once(asked.end(), 'response')) as [IncomingMessage]
    answer.on('error', () => undefined)
    return answer
  }
  const reader = await begin(1)
  let readBytes = 0
  await new Promise<void>(resolve =>
    reader.on('data', (part: Buffer) => {
      readBytes += part.length
      if (readBytes > 256 * MIB) resolve()
    }),
  )
  const idlers = await Promise.all([2, 3, 4, 5].map(begin))
  assert.equal(await ask(sidecar, authorization, 'answers-1'), '200')
  for (const answer of [reader, ...idlers]) answer.destroy()
  const entries = await stopAndVerifyWhile(sidecar)
  for (const n of [1, 2, 3, 4, 5])
    assert.deepEqual(
      outcomesOf(entries, attemptOf(entries, `never-ends-${n}`)?.seq ?? -1).map(({ status }) => status),
      ['aborted'],
    )
})

async function stopAndVerifyWhile(sidecar: Sidecar) {
  const entries = await settled(sidecar)
  const peak = peakResidentMib(sidecar.pid('gate'))
  assert.ok(peak < MAX_RESIDENT_MIB, `the gate took ${peak} MiB`)
  assertOneOutcomeEach(entries)
  return stopAndVerify(sidecar, () => entries)
}
