import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { formatPublicKey, hex, portableSigningKey, type SigningKey } from '../src/canon/index.js'
import { nativeCrypto, nativeSigningKey } from '../src/native/index.js'
import {
  type AttemptBody,
  type Entry,
  type EntryBody,
  entrySealer,
  GrowingTree,
  type OutcomeBody,
  signCheckpoint,
} from '../src/receipt/index.js'

const ORIGIN = 'bench.test/countersign/bench'
const CHAIN = `${ORIGIN}/1`
const BOOT = '0198c0de-0000-4000-8000-000000000001'
const COMMITMENT = 'c0'.repeat(32)
const POLICY = { cid: `sha256:${'ab'.repeat(32)}`, version: 7 }
const AGENT = { agent: 'coder', environment: 'staging', task: 'CS-17', owner: 'maria@acme.test' }
const GRANT = '0198c0de-0000-7000-8000-000000000000'
const MINT = '0198c0de-0000-7000-8000-000000000001'
const START_MS = 1_790_000_000_000
const HOUR_MS = 3_600_000
const CREDENTIAL = {
  minter: 'railway-project-token',
  scope: 'environment 7c9e of 3f25',
  expires: START_MS + HOUR_MS,
}

export interface SampleLog {
  /** Dump; `<file>.checkpoint` lies beside it. */
  readonly file: string
  readonly entries: number
  readonly bytes: number
  readonly receiptKey: string
  readonly checkpointKey: string
}

/** Writes a sound log of so many entries as a dump: a start, a policy, a grant, a mint, then attempts with their outcomes. */
export async function writeSampleLog(file: string, entries: number): Promise<SampleLog> {
  const [receipt, checkpoint] = [newKey(), newKey()]
  const seal = entrySealer(nativeCrypto, receipt)
  const tree = new GrowingTree(nativeCrypto)
  const out = createWriteStream(file)
  let prev = '0'.repeat(64)
  let bytesWritten = 0
  const append = async (body: EntryBody): Promise<void> => {
    const t = START_MS + Math.floor(tree.size / 10)
    const place = { v: 1, chain: CHAIN, seq: tree.size, prev, t, boot: BOOT } as const
    const { bytes, leaf } = seal({ ...body, ...place } as Entry)
    tree.append(leaf)
    prev = hex(leaf)
    bytesWritten += bytes.length + 1
    if (!out.write(Buffer.concat([bytes, Buffer.of(0x0a)]))) await once(out, 'drain')
  }
  const keys = {
    receipt: formatPublicKey(receipt.publicKey),
    checkpoint: formatPublicKey(checkpoint.publicKey),
  }
  await append({ type: 'genesis', data: { origin: ORIGIN, ...keys, enrolment: null } })
  await append({
    type: 'boot',
    data: { size: tree.size, root: tree.rootHex(), software: 'bench', side_key: null },
  })
  await append({ type: 'policy', data: { action: 'activated', ...POLICY } })
  await append({
    type: 'grant',
    data: { action: 'issued', jti: GRANT, ...AGENT, slot: 'bearer', expires: START_MS + HOUR_MS },
  })
  await append({
    type: 'mint',
    data: { action: 'minted', ...CREDENTIAL, credential: 'railway', id: MINT, ...AGENT, api: 'railway' },
  })
  while (tree.size + 1 < entries) {
    const [seq, id] = [tree.size, attemptId(tree.size)]
    await append(attempt(id))
    await append(outcome(seq, prev))
  }
  if (tree.size < entries) await append({ type: 'heartbeat', data: { size: tree.size, open: 0 } })
  out.end()
  await once(out, 'finish')
  const head = { origin: CHAIN, size: tree.size, root: tree.rootHex() }
  const beside = createWriteStream(`${file}.checkpoint`)
  beside.end(signCheckpoint(nativeCrypto, head, checkpoint))
  await once(beside, 'finish')
  return {
    file,
    entries: tree.size,
    bytes: bytesWritten,
    receiptKey: keys.receipt,
    checkpointKey: keys.checkpoint,
  }
}

/** An admitted attempt as the keeper writes it for one GraphQL mutation. */
export function attempt(id: string): AttemptBody {
  const { agent, ...who } = AGENT
  return {
    type: 'attempt',
    id,
    agent: { id: agent, ...who, grant: GRANT },
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
    policy: POLICY,
    classifier: 'graphql/1',
    decision: { effect: 'allow', code: 'allowed', rule: 'work-in-staging' },
    inputs_c: COMMITMENT,
    credential: { ...CREDENTIAL, mint: MINT },
  }
}

export function outcome(seq: number, leaf: string): OutcomeBody {
  return {
    ...{ type: 'outcome', attempt: seq, attempt_leaf: leaf, status: 'completed', http: 200 },
    ...{ resp_c: COMMITMENT, resp_len: 512, ms: 17 },
  }
}

/** UUIDv7 of the log's own time, the number of its entry where others have randomness. */
function attemptId(seq: number): string {
  const time = (START_MS + Math.floor(seq / 10)).toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${seq.toString(16).padStart(12, '0')}`
}

/** A key that is used for one run. */
export function newKey(): SigningKey {
  const seed = randomBytes(32)
  return nativeSigningKey(seed, portableSigningKey(seed).publicKey)
}
