import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { portableSigningKey } from '../src/canon/index.js'
import { type Ledger, openLedger } from '../src/ledger/index.js'
import { nativeCrypto, nativeSigningKey } from '../src/native/index.js'
import type { AttemptBody, OutcomeBody } from '../src/receipt/index.js'

/**
 * How many receipts a second become signed, integrated into the tree and fsynced, with so many requests under way at
 * once: each appends an attempt, waits until it is durable, then appends its outcome, which rides along.
 * `node dist/bench/ledger.js [requests] [concurrency]`.
 */
const requests = Number(process.argv[2] ?? 50_000)
const concurrency = Number(process.argv[3] ?? 64)

const COMMITMENT = 'c0'.repeat(32)

function attempt(): AttemptBody {
  return {
    type: 'attempt',
    id: randomUUID(),
    agent: {
      id: 'coder',
      environment: 'staging',
      task: 'CS-17',
      owner: 'maria@acme.test',
      grant: '0198c0de-0000-7000-8000-000000000000',
    },
    req: { api: 'railway', method: 'POST', target_c: COMMITMENT, body_c: COMMITMENT, body_len: 213 },
    ops: [
      {
        name: 'serviceInstanceRedeploy',
        classes: ['update'],
        scope: {
          environment: '7c9e6679-7425-40de-944b-e07fc1f90ae7',
          project: '3f2504e0-4f89-41d3-9a0c-0305e82c3301',
        },
        resources: [{ type: 'service', id: '9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d' }],
      },
    ],
    policy: { cid: `sha256:${'ab'.repeat(32)}`, version: 7 },
    classifier: 'graphql/1',
    decision: { effect: 'allow', code: 'allowed', rule: 'work-in-staging' },
    inputs_c: COMMITMENT,
    credential: {
      minter: 'railway-project-token',
      scope: 'environment 7c9e of 3f25',
      expires: 1_900_000_000_000,
    },
  }
}

function outcome(seq: number, leaf: string): OutcomeBody {
  return {
    type: 'outcome',
    attempt: seq,
    attempt_leaf: leaf,
    status: 'completed',
    http: 200,
    resp_c: COMMITMENT,
    resp_len: 512,
    ms: 17,
  }
}

async function work(ledger: Ledger, count: number): Promise<void> {
  const settled: Promise<unknown>[] = []
  for (let i = 0; i < count; i++) {
    const { seq, leaf } = await ledger.append(attempt())
    settled.push(ledger.append(outcome(seq, leaf), { urgency: 'soon' }))
  }
  await Promise.all(settled)
}

function newKey() {
  const seed = randomBytes(32)
  return nativeSigningKey(seed, portableSigningKey(seed).publicKey)
}

const folder = await mkdtemp(join(process.env.COUNTERSIGN_BENCH_DIR ?? tmpdir(), 'countersign-bench-'))
try {
  const ledger = await openLedger({
    dir: join(folder, 'ledger'),
    highWater: join(folder, 'mark.json'),
    origin: 'bench.test/countersign/bench',
    signer: newKey(),
    checkpointKey: newKey(),
    crypto: nativeCrypto,
    clock: Date.now,
    boot: randomUUID(),
    software: 'countersign/bench',
    enrolment: null,
    side: null,
  })
  await work(ledger, 500)
  const before = { size: ledger.head().size, cpu: process.cpuUsage(), at: performance.now() }
  await Promise.all(
    Array.from({ length: concurrency }, () => work(ledger, Math.ceil(requests / concurrency))),
  )
  const seconds = (performance.now() - before.at) / 1000
  const entries = ledger.head().size - before.size
  const cpu = process.cpuUsage(before.cpu)
  process.stdout.write(
    `${JSON.stringify({
      entries,
      seconds: Number(seconds.toFixed(3)),
      entriesPerSecond: Math.round(entries / seconds),
      cpuMicrosecondsPerEntry: Number(((cpu.user + cpu.system) / entries).toFixed(1)),
      residentMiB: Math.round(process.memoryUsage().rss / 2 ** 20),
      concurrency,
      machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`,
    })}\n`,
  )
  await ledger.close()
} finally {
  await rm(folder, { recursive: true, force: true })
}
