import { randomBytes } from 'node:crypto'
import {
  formatPublicKey,
  fromHex,
  hex,
  portableSigningKey,
  type SigningKey,
  utf8,
} from '../../src/canon/index.js'
import { nativeCrypto, nativeSigningKey } from '../../src/native/index.js'
import {
  type AttemptBody,
  type Entry,
  type EntryBody,
  entrySealer,
  GrowingTree,
  type NodeReader,
  type OutcomeBody,
  type PinnedKeys,
  parseCheckpoint,
  type SignedCheckpoint,
  signCheckpoint,
} from '../../src/receipt/index.js'

export const CHAIN = 'acme.test/countersign/edge/1'
export const BOOT = '0198c0de-0000-4000-8000-000000000001'
export const HEX = 'c0'.repeat(32)

export function newKey(): SigningKey {
  const seed = randomBytes(32)
  return nativeSigningKey(seed, portableSigningKey(seed).publicKey)
}

/** A log in memory, written by the same code as the real one but under the test's hands. */
export class LogOnPaper {
  /** The one that signs from now on. */
  receiptKey: SigningKey
  readonly checkpointKey: SigningKey
  readonly entries: Uint8Array[] = []
  readonly leaves: string[] = []
  readonly tree = new GrowingTree(nativeCrypto)
  boot = BOOT
  /** Origin with epoch. */
  chain = CHAIN
  t = 1_790_000_000_000

  constructor(receiptKey = newKey(), checkpointKey = newKey()) {
    this.receiptKey = receiptKey
    this.checkpointKey = checkpointKey
  }

  /** Appends, with members of the entry replaced where the test wants a lie. */
  append(body: EntryBody, lie: Partial<Entry> = {}): number {
    const entry = { ...body, ...this.place(), ...lie } as Entry
    const { bytes, leaf } = entrySealer(nativeCrypto, this.receiptKey)(entry)
    this.entries.push(bytes)
    this.leaves.push(hex(leaf))
    this.tree.append(leaf)
    return this.entries.length - 1
  }

  start(): this {
    this.append(genesis(this.receiptKey, this.checkpointKey))
    this.append(this.bootEntry())
    return this
  }

  bootEntry(): EntryBody {
    return {
      type: 'boot',
      data: { size: this.tree.size, root: this.tree.rootHex(), software: 'test', side_key: null },
    }
  }

  /** An attempt and its outcome. */
  exchange(): void {
    const seq = this.append(attemptBody())
    this.append(outcomeBody(seq, this.leaves[seq] as string))
  }

  checkpoint(key = this.checkpointKey, origin = this.chain): SignedCheckpoint {
    return parseCheckpoint(utf8(this.note(key, origin)))
  }

  note(key = this.checkpointKey, origin = this.chain): string {
    return signCheckpoint(nativeCrypto, { origin, size: this.tree.size, root: this.tree.rootHex() }, key)
  }

  heartbeat(): EntryBody {
    return { type: 'heartbeat', data: { size: this.tree.size, open: 0 } }
  }

  keys(): PinnedKeys {
    const { receiptKey, checkpointKey } = this
    return { origin: null, receipt: [receiptKey.publicKey], checkpoint: [checkpointKey.publicKey] }
  }

  async *read(): AsyncGenerator<Uint8Array> {
    yield* this.entries
  }

  /** Complete subtrees, each hashed anew. */
  nodes(): NodeReader {
    return async ({ level, index }) => {
      const tree = new GrowingTree(nativeCrypto)
      for (const leaf of this.leaves.slice(index * 2 ** level, (index + 1) * 2 ** level))
        tree.append(fromHex(leaf) as Uint8Array)
      return tree.root()
    }
  }

  private place() {
    const prev = this.leaves.at(-1) ?? '0'.repeat(64)
    return { v: 1, chain: this.chain, seq: this.tree.size, prev, t: this.t++, boot: this.boot } as const
  }
}

export function genesis(receipt: SigningKey, checkpoint: SigningKey): EntryBody {
  return {
    type: 'genesis',
    data: {
      origin: 'acme.test/countersign/edge',
      receipt: formatPublicKey(receipt.publicKey),
      checkpoint: formatPublicKey(checkpoint.publicKey),
      enrolment: null,
    },
  }
}

export function attemptBody(changes: Partial<AttemptBody> = {}): AttemptBody {
  return {
    type: 'attempt',
    id: '0198c0de-0000-7000-8000-000000000000',
    agent: { id: 'coder', environment: 'staging', task: 'CS-17', owner: 'maria', grant: 'g-1' },
    req: { api: 'railway', method: 'POST', target_c: HEX, body_c: HEX, body_len: 42 },
    ops: [
      {
        name: 'serviceInstanceRedeploy',
        classes: ['update'],
        scope: { environment: '7c9e' },
        resources: [{ type: 'service', id: 's-1' }],
      },
    ],
    policy: { cid: `sha256:${HEX}`, version: 7 },
    classifier: 'graphql/1',
    decision: { effect: 'allow', code: 'allowed', rule: 'work-in-staging' },
    inputs_c: HEX,
    ...changes,
  }
}

export function denialBody(): AttemptBody {
  return attemptBody({ decision: { effect: 'deny', code: 'denied_by_rule', rule: 'never-volumes' } })
}

export function outcomeBody(attempt: number, leaf: string, changes: Partial<OutcomeBody> = {}): OutcomeBody {
  return { type: 'outcome', attempt, attempt_leaf: leaf, status: 'completed', http: 200, ms: 17, ...changes }
}
