import { randomBytes, randomUUID } from 'node:crypto'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { portableSigningKey, type SigningKey } from '../../src/canon/index.js'
import { type Ledger, type OpenLedgerOptions, openLedger } from '../../src/ledger/index.js'
import { nativeCrypto, nativeSigningKey } from '../../src/native/index.js'
import type { AttemptBody, OutcomeBody } from '../../src/receipt/index.js'
import type { Lasting } from '../lasting.js'

export const ORIGIN = 'acme.test/countersign/edge'

export function signingKey(seed: Uint8Array = randomBytes(32)): SigningKey {
  return nativeSigningKey(seed, portableSigningKey(seed).publicKey)
}

/** A folder that is gone after the test. */
export async function temporaryFolder(t: Lasting): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-ledger-'))
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** What one sidecar has: its folders and its keys. */
export interface Sidecar {
  readonly folder: string
  readonly dir: string
  readonly highWater: string
  readonly receiptKey: SigningKey
  readonly checkpointKey: SigningKey
  open(changes?: Partial<OpenLedgerOptions>): Promise<Ledger>
}

/** A sidecar that was never started; `seeds` are those of its receipt and checkpoint keys. */
export async function sidecar(t: Lasting, seeds: readonly Uint8Array[] = []): Promise<Sidecar> {
  const opened: Ledger[] = []
  t.after(() => Promise.allSettled(opened.map(ledger => ledger.close())))
  const folder = await temporaryFolder(t)
  const dir = join(folder, 'ledger')
  const highWater = join(folder, 'mark', 'high-water.json')
  const [receiptKey, checkpointKey] = [signingKey(seeds[0]), signingKey(seeds[1])]
  return {
    folder,
    dir,
    highWater,
    receiptKey,
    checkpointKey,
    open: async changes => {
      const ledger = await openLedger({
        dir,
        highWater,
        origin: ORIGIN,
        signer: receiptKey,
        checkpointKey,
        crypto: nativeCrypto,
        clock: Date.now,
        boot: randomUUID(),
        software: 'countersign/test',
        enrolment: null,
        side: null,
        ...changes,
      })
      opened.push(ledger)
      return ledger
    },
  }
}

/** Puts a copy of a stopped ledger in the place of one that was never started; both have the same keys. */
export async function copyLedger(from: Sidecar, to: Sidecar): Promise<void> {
  await cp(from.dir, to.dir, { recursive: true })
  await cp(dirname(from.highWater), dirname(to.highWater), { recursive: true })
}

const C = 'c0'.repeat(32)

/** Appends what the attempts below cite: the policy in force, and the grant. */
export async function prepare(ledger: Pick<Ledger, 'append'>): Promise<void> {
  const { policy, agent } = attempt()
  const { id, environment, task, owner, grant: jti } = agent
  await ledger.append({ type: 'policy', data: { action: 'activated', ...policy } })
  const who = { agent: id, environment, task, owner }
  const expires = Date.now() + 3_600_000
  await ledger.append({ type: 'grant', data: { action: 'issued', jti, ...who, slot: 'bearer', expires } })
}

export function attempt(changes: Partial<AttemptBody> = {}): AttemptBody {
  return {
    type: 'attempt',
    id: randomUUID(),
    agent: {
      id: 'coder',
      environment: 'staging',
      task: 'CS-17 “fix”',
      owner: 'maria@acme.test',
      grant: 'g-4711',
    },
    req: { api: 'railway', method: 'POST', target_c: C, body_c: C, body_len: 213 },
    ops: [
      {
        name: 'serviceInstanceRedeploy',
        classes: ['update'],
        scope: { project: 'p-1', environment: '7c9e' },
        resources: [{ type: 'service', id: 's-1' }],
      },
    ],
    policy: { cid: `sha256:${'ab'.repeat(32)}`, version: 7 },
    classifier: 'graphql/1',
    decision: { effect: 'allow', code: 'allowed', rule: 'work-in-staging' },
    inputs_c: C,
    credential: { minter: 'railway-project-token', scope: 'environment 7c9e', expires: 4_000_000_000_000 },
    reserved: [{ key: 'work-in-staging/coder/CS-17', amount: 1 }],
    ...changes,
  }
}

export function denial(): AttemptBody {
  const { credential, reserved, ...rest } = attempt()
  return { ...rest, decision: { effect: 'deny', code: 'denied_by_rule', rule: 'never-volumes' } }
}

export function outcome(of: { seq: number; leaf: string }, changes: Partial<OutcomeBody> = {}): OutcomeBody {
  return {
    type: 'outcome',
    attempt: of.seq,
    attempt_leaf: of.leaf,
    status: 'completed',
    http: 200,
    upstream_id: 'req_1',
    resp_c: C,
    resp_len: 512,
    ms: 17,
    ...changes,
  }
}

export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of source) all.push(item)
  return all
}
