import {
  canonicalize,
  decodeEnvelope,
  encodeEnvelope,
  formatPublicKey,
  fromUtf8,
  hex,
  PAYLOAD_TYPES,
  preAuthEncoding,
  type SigningKey,
  utf8,
} from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { sealTrustRoot, type TrustRoot } from '../../src/policy/index.js'
import {
  type AttemptBody,
  type Bundle,
  cosign,
  encodeBundle,
  formatVerifierKey,
  gatherProofs,
  leafHash,
  type NoteKey,
  settledEnvelope,
  settledNote,
  signatureLine,
} from '../../src/receipt/index.js'
import { keyNamed, signedAnyhow, written } from '../policy/trust-fixture.js'
import { smallTrustRoot } from '../receipt/bundle-fixture.js'
import { attemptBody, BOOT, genesis, LogOnPaper, outcomeBody } from '../receipt/log-fixture.js'

export const ORIGIN = 'acme.test/countersign/edge'
/** Every key is made from its name alone, so that whoever runs this gets the same bytes. */
export const [RECEIPT, CHECKPOINT] = [keyNamed('receipt'), keyNamed('checkpoint')]
export const WITNESSES: readonly NoteKey[] = ['w1', 'w2'].map(name => ({
  name: `witness.test/${name}`,
  use: 'witness',
  publicKey: keyNamed(name).publicKey,
}))
/** Unix seconds. */
export const WITNESSED_AT = 1_790_000_100

/** What an entry shall be wrong in; the rest of it is as it has to be. */
export interface Forgery {
  /** Changes the payload before it is signed. */
  readonly payload?: (json: string) => string | Uint8Array
  readonly signature?: (signed: Uint8Array) => Uint8Array
  readonly key?: SigningKey
  readonly payloadType?: string
  /** Changes the envelope after it was signed and before it goes into the tree. */
  readonly envelope?: (json: string) => string
}

/** A log on paper that can also hold what no keeper would write. */
export class CorpusLog extends LogOnPaper {
  constructor(receipt = RECEIPT, checkpoint = CHECKPOINT, epoch = 1) {
    super(receipt, checkpoint)
    this.chain = `${ORIGIN}/${epoch}`
  }

  /** Genesis and boot. */
  begin(enrolment: Uint8Array | null = enrolmentOf(this.receiptKey, this.checkpointKey)): this {
    const start = genesis(this.receiptKey, this.checkpointKey)
    if (start.type !== 'genesis') throw new Error('a log begins with its genesis')
    this.append({
      ...start,
      data: { ...start.data, enrolment: enrolment === null ? null : fromUtf8(enrolment) },
    })
    this.append(this.bootEntry())
    return this
  }

  /** A heartbeat with something wrong in it. */
  forge({ payload, signature, key, payloadType, envelope }: Forgery): this {
    const entry = {
      ...this.heartbeat(),
      v: 1,
      chain: this.chain,
      seq: this.tree.size,
      prev: this.leaves.at(-1),
      t: this.t++,
      boot: BOOT,
    }
    const json = canonicalize(entry)
    const made = payload?.(json) ?? json
    const bytes = typeof made === 'string' ? utf8(made) : made
    const type = payloadType ?? PAYLOAD_TYPES.receipt
    const signer = key ?? this.receiptKey
    const signed = preAuthEncoding(type, bytes)
    const sig = signature?.(signed) ?? signer.sign(signed)
    const sealed = fromUtf8(
      encodeEnvelope({ payloadType: type, payload: bytes, signatures: [{ keyid: signer.keyid, sig }] }),
    )
    return this.put(envelope?.(sealed) ?? sealed)
  }

  /** So many heartbeats. */
  beat(count: number): this {
    for (let i = 0; i < count; i++) this.append(this.heartbeat())
    return this
  }

  /** An admitted attempt and its outcome. */
  pair(change: Partial<AttemptBody> = {}): this {
    const seq = this.append(smallAttempt(change))
    this.append(outcomeBody(seq, this.leaves[seq] as string))
    return this
  }

  put(envelope: string): this {
    const leaf = leafHash(nativeCrypto, utf8(envelope))
    this.entries.push(utf8(envelope))
    this.leaves.push(hex(leaf))
    this.tree.append(leaf)
    return this
  }

  /** A bundle of these entries, all of them unless told. */
  async bundle(
    change: Partial<Bundle> = {},
    seqs: readonly number[] = this.entries.map((_, seq) => seq),
  ): Promise<Bundle> {
    const { entries } = await gatherProofs(nativeCrypto, this.read(), seqs, this.tree.size)
    return {
      checkpoint: settledNote(this.note()),
      entries: entries.map(({ seq, bytes, proof }) => ({ seq, entry: fromUtf8(bytes), proof })),
      policies: [],
      catalogs: [],
      trust: [],
      disclosures: [],
      ...change,
    }
  }

  dump(): string {
    return this.entries.map(bytes => `${fromUtf8(bytes)}\n`).join('')
  }
}

const LIST: AttemptBody['ops'][number] = { name: 'list', classes: ['read'], scope: {}, resources: [] }

/** As little as an attempt may say. */
export function smallAttempt(change: Partial<AttemptBody> = {}): AttemptBody {
  const who = { id: 'a', environment: 's', task: 't', owner: 'o', grant: '' }
  const { inputs_c, req } = attemptBody()
  const { api, method, target_c } = req
  return attemptBody({ agent: who, ops: [LIST], req: { api, method, target_c }, inputs_c, ...change })
}

export interface EnrolmentChange {
  readonly origin?: string
  readonly by?: string
  /** Sealed even where that is a key which nobody may enrol. */
  readonly receipt?: string
  /** Members that an enrolment doesn't have. */
  readonly more?: Readonly<Record<string, string>>
}

export function enrolmentOf(
  receipt: SigningKey,
  checkpoint: SigningKey,
  { origin = ORIGIN, by = 'admin', receipt: other, more = {} }: EnrolmentChange = {},
): Uint8Array {
  const enrolment = {
    v: 1,
    origin,
    keys: {
      receipt: other ?? formatPublicKey(receipt.publicKey),
      checkpoint: formatPublicKey(checkpoint.publicKey),
      grant: written('grant'),
    },
    notBefore: '2026-01-01T00:00:00Z',
    notAfter: '2027-01-01T00:00:00Z',
    ...more,
  } as const
  return encodeEnvelope(signedAnyhow(enrolment, [by], PAYLOAD_TYPES.enrolment))
}

/** Root and enrolment in one hand, policies in another. */
export function corpusRoot(change: Partial<TrustRoot> = {}): TrustRoot {
  const { roles } = smallTrustRoot()
  return smallTrustRoot({
    keys: { admin: written('admin'), policy: written('policy') },
    roles: { ...roles, policy: { keys: ['policy'], threshold: 1 } },
    ...change,
  })
}

/** Signed whatever it says: what seals versions refuses what nobody could open. */
export function sealedAnyhow(root: object): string {
  return settledEnvelope(signedAnyhow(root, ['admin'], PAYLOAD_TYPES.trustRoot))
}

export function sealedVersion(root: TrustRoot, ...keys: readonly string[]): string {
  return settledEnvelope(sealTrustRoot(root, (keys.length === 0 ? ['admin'] : keys).map(keyNamed)))
}

/** The note with the lines of these witnesses, in the form of a bundle. */
export function cosigned(note: string, names: readonly string[] = ['w1', 'w2']): string {
  const body = note.slice(0, note.lastIndexOf('\n\n') + 1)
  const lines = names.map(name =>
    signatureLine(cosign(nativeCrypto, body, `witness.test/${name}`, keyNamed(name), WITNESSED_AT)),
  )
  return settledNote(`${note}${lines.join('')}`)
}

/** A policy file in which both witnesses are needed. */
export function witnessPolicy(witnesses: readonly NoteKey[] = WITNESSES): string {
  const lines = witnesses.map((key, at) => `witness W${at + 1} ${formatVerifierKey(nativeCrypto, key)}\n`)
  const names = witnesses.map((_, at) => `W${at + 1}`).join(' ')
  return `${lines.join('')}group both all ${names}\nquorum both\n`
}

export function bundleText(bundle: Bundle): string {
  return fromUtf8(encodeBundle(bundle))
}

/** The payload of an envelope as text. */
export function payloadOf(envelope: string): string {
  return fromUtf8(decodeEnvelope(utf8(envelope)).payload)
}
