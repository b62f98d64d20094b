import {
  canonicalize,
  contentId,
  encodeEnvelope,
  formatPublicKey,
  fromUtf8,
  hex,
  type JsonObject,
  type SigningKey,
  utf8,
} from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { type Recovery, rotateTrustRoot, sealRecovery } from '../../src/policy/index.js'
import {
  type AttemptBody,
  type Bundle,
  type CommittedField,
  type ControlBody,
  commitment,
  consistencyProof,
  fieldKey,
  formatAddCheckpoint,
  formatTlogProof,
  inclusionProof,
  rootAt,
  settledDisclosures,
  settledNote,
  settledPolicies,
  signCheckpoint,
} from '../../src/receipt/index.js'
import { compiled, keyNamed, signedAnyhow, written } from '../policy/trust-fixture.js'
import { outcomeBody } from '../receipt/log-fixture.js'
import { accepted, LOG_KEY, verifierKeyOf, WITNESS_KEYS, type WrittenCase } from './corpus-case.js'
import {
  bundleText,
  CHECKPOINT,
  CorpusLog,
  corpusRoot,
  cosigned,
  enrolmentOf,
  ORIGIN,
  RECEIPT,
  sealedVersion,
  smallAttempt,
} from './corpus-log.js'

const SECRET = nativeCrypto.sha256(utf8('the secret of an attempt'))
const WHO = { agent: 'a', environment: 's', task: 't', owner: 'o' }

/** A policy, sealed; nothing in it decides anything here. */
export const SEALED = signedAnyhow(compiled({ name: 'corpus' }), ['policy'])
export const POLICY = contentId(nativeCrypto, SEALED.payload)

/** The second version of the trust root: another person enrols from now on. */
export const SECOND_ROOT = rotateTrustRoot(
  corpusRoot(),
  {
    keys: { ...corpusRoot().keys, next: written('next') },
    roles: { ...corpusRoot().roles, enrol: { keys: ['next'], threshold: 1 } },
  },
  nativeCrypto,
)
export const SECOND_SEALED = sealedVersion(SECOND_ROOT)

/** An attempt whose commitments open; the outcome commits to the response. */
export function withCommitments(log: CorpusLog, change: Partial<AttemptBody> = {}): number {
  const c = (field: CommittedField) => commitment(nativeCrypto, SECRET, field, disclosedValue(field))
  const req = { api: 'railway', method: 'POST', target_c: c('target'), body_c: c('body'), body_len: 4 }
  const seq = log.append(smallAttempt({ req, inputs_c: c('inputs'), ...change }))
  log.append(outcomeBody(seq, log.leaves[seq] as string, { resp_c: c('resp'), resp_len: 2 }))
  return seq
}

export function disclosure(seq: number, field: CommittedField): Bundle['disclosures'][number] {
  return { seq, field, key: fieldKey(nativeCrypto, SECRET, field), value: disclosedValue(field) }
}

/** The 32 bytes of a digest stand for a body and a response. */
function disclosedValue(field: CommittedField): Uint8Array {
  return field === 'body' || field === 'resp'
    ? nativeCrypto.sha256(utf8(field))
    : utf8(field === 'target' ? '/v2/graphql' : canonicalize({ now: 1_790_000_000_000 }))
}

const UNDER_POLICY = {
  agent: { id: 'a', environment: 's', task: 't', owner: 'o', grant: 'g-1' },
  policy: { cid: POLICY, version: 7 },
}

/** Activation, grant, an attempt under both, its outcome. */
export function underPolicy(grant: Record<string, unknown> = {}): CorpusLog {
  const log = new CorpusLog().begin()
  log.append({ type: 'policy', data: { action: 'activated', cid: POLICY, version: 7 } })
  const issued = { action: 'issued', jti: 'g-1', ...WHO, slot: 'bearer', expires: 1_790_003_600_000 }
  log.append({ type: 'grant', data: { ...issued, ...grant } as never })
  return log.pair(UNDER_POLICY)
}

/** What `underPolicy` begins with, then the steps: operations of another attempt like its own, or what people did. */
export function withStops(...steps: readonly (AttemptBody['ops'] | ControlBody)[]): CorpusLog {
  const log = underPolicy()
  for (const step of steps)
    if ('type' in step) log.append(step)
    else log.pair({ ...UNDER_POLICY, ops: step })
  return log
}

export const halted = (data: JsonObject = {}): ControlBody => ({
  type: 'halt',
  data: { action: 'halted', scope: 'agent', agent: 'a', by: 'o', ...data },
})
export const resumed = (): ControlBody => halted({ action: 'resumed' })
export const frozen = (data: JsonObject = {}): ControlBody => ({
  type: 'freeze',
  data: { action: 'frozen', by: 'o', ...data },
})
const thawed = (): ControlBody => frozen({ action: 'thawed' })
const one = (only: 'read' | 'update'): AttemptBody['ops'] => [
  { name: only, classes: [only], scope: {}, resources: [] },
]
export const READ = one('read')
export const CHANGE = one('update')

/** Everything that may pass between them. */
function everyStop(): CorpusLog {
  const again = halted({ because: 'Still at it.' })
  const others = { action: 'halted', scope: 'task', task: 'other', by: 'o' }
  return withStops(
    ...[halted(), again, resumed(), { type: 'halt', data: others } as const, CHANGE],
    ...[frozen({ until: 1_790_009_000_000 }), READ, thawed(), CHANGE],
    ...[frozen(), frozen({ until: 1_790_000_000_001 }), CHANGE],
  )
}

export interface Succession {
  readonly enrolment?: (receipt: SigningKey, checkpoint: SigningKey) => Uint8Array
  /** Who signs behind the entry that enrols the new receipt key. */
  readonly signer?: 'new' | 'old'
}

export const NEXT_RECEIPT = keyNamed('receipt 2')
export const NEXT_CHECKPOINT = keyNamed('checkpoint 2')
export const NEXT_KEYS = {
  checkpointKeys: [verifierKeyOf(`${ORIGIN}/1`, NEXT_CHECKPOINT.publicKey), LOG_KEY],
  receiptKeys: [RECEIPT, NEXT_RECEIPT].map(({ publicKey }) => formatPublicKey(publicKey)),
}

/** A log whose checkpoint key and then receipt key were replaced. */
export function afterRotation({ enrolment = enrolmentOf, signer = 'new' }: Succession = {}): CorpusLog {
  const log = new CorpusLog().begin()
  const sealed = fromUtf8(enrolment(NEXT_RECEIPT, NEXT_CHECKPOINT))
  const enrolled = (role: string, before: SigningKey, after: SigningKey) => {
    const key = formatPublicKey(after.publicKey)
    const data = { action: 'enrolled', role, key, replaces: formatPublicKey(before.publicKey) }
    log.append({ type: 'key', data: { ...data, enrolment: sealed } })
  }
  enrolled('checkpoint', CHECKPOINT, NEXT_CHECKPOINT)
  enrolled('receipt', RECEIPT, NEXT_RECEIPT)
  if (signer === 'new') log.receiptKey = NEXT_RECEIPT
  return log.beat(1)
}

/** A note over the whole log, signed by each of these keys. */
export function noteBy(log: CorpusLog, ...keys: readonly SigningKey[]): string {
  const checkpoint = { origin: log.chain, size: log.tree.size, root: log.tree.rootHex() }
  return settledNote(signCheckpoint(nativeCrypto, checkpoint, ...keys))
}

/** The second epoch, begun on a statement by these keys. */
export function laterEpoch(statement: Partial<Recovery> | null = {}, ...by: readonly string[]): CorpusLog {
  const log = new CorpusLog(RECEIPT, CHECKPOINT, 2).begin()
  const said = { size: 17, root: 'ab'.repeat(32), because: 'The disk was lost.', lost: 3 }
  const recovery: Recovery = {
    v: 1,
    origin: ORIGIN,
    epoch: 1,
    verdict: 'ledger_behind_mark',
    left: { size: said.size, root: said.root, leaf: 'cd'.repeat(32), t: 1_789_999_000_000 },
    known: { size: 20, root: 'ef'.repeat(32) },
    lost: said.lost,
    policy: null,
    because: said.because,
    t: 1_789_999_900_000,
    nonce: 'AAAAAAAAAAAAAAAA',
    ...statement,
  }
  const sealed = fromUtf8(
    encodeEnvelope(sealRecovery(recovery, (by.length > 0 ? by : ['admin']).map(keyNamed))),
  )
  if (statement !== null)
    log.append({ type: 'recover', data: { chain: `${ORIGIN}/1`, ...said, statement: sealed } })
  return log.beat(1)
}

export const SECOND_EPOCH = { checkpointKeys: [verifierKeyOf(`${ORIGIN}/2`, CHECKPOINT.publicKey)] }

/** Nine entries, so that no two proofs have one shape. */
export function nine(): CorpusLog {
  return underPolicy().beat(3)
}

const TEXTS = [
  'Ångström',
  'Σίσυφος',
  '麻雀',
  'ﬃ ﬃ',
  '\u0000\u001f\u007f\u2028',
  '"\\/\b\f\n\r\t',
  '😂',
  '<&>',
]

/** Names whose spelling and order are what implementations of JCS get wrong. */
function manyScripts(): CorpusLog {
  const log = new CorpusLog().begin()
  const scope = Object.fromEntries(
    [...TEXTS, '\ufb33', '\u20ac', '\r', '1', '10', '2', '__proto__x'].map(t => [t, t]),
  )
  const resources = TEXTS.map(id => ({ type: 'text', id }))
  log.append(smallAttempt({ ops: [{ name: 'many scripts', classes: ['read'], scope, resources }] }))
  log.append({ type: 'suppressed', data: { code: 'edge', count: Number.MAX_SAFE_INTEGER, from: 0, to: 0 } })
  return log
}

/** Evidence that everybody accepts. */
export async function acceptedEvidence(): Promise<readonly WrittenCase[]> {
  const plain = nine()
  const disclosed = new CorpusLog().begin()
  const seq = withCommitments(disclosed)
  const rotated = afterRotation()
  const bothNotes = noteBy(rotated, NEXT_CHECKPOINT, CHECKPOINT)
  const epoch = laterEpoch()
  const started = (change: Partial<AttemptBody>) => {
    const log = new CorpusLog().begin()
    log.append(smallAttempt(change))
    return log
  }
  const denied = { effect: 'deny', code: 'denied_by_rule', rule: null } as const
  const bundle = (name: string, shows: string, made: Bundle, options = {}) =>
    accepted('bundle', name, shows, bundleText(made), options)
  return [
    bundle(
      'plain',
      'An attempt with its outcome and the grant that it cites, five entries of a log of nine.',
      await plain.bundle({}, [0, 1, 3, 4, 5]),
    ),
    bundle('whole-log', 'Every entry of a log of nine.', await plain.bundle()),
    bundle(
      'last-entry',
      'The last of nine entries: its proof has one hash.',
      await plain.bundle({}, [0, 1, 8]),
    ),
    bundle('with-trust-root', 'It brings a version of the trust root that the reader doesn’t have yet.', {
      ...(await plain.bundle({}, [0, 1])),
      trust: [sealedVersion(corpusRoot()), SECOND_SEALED],
    }),
    bundle(
      'with-cosignatures',
      'Two witnesses have cosigned the checkpoint, and the policy asks for both.',
      { ...(await plain.bundle({}, [0, 1])), checkpoint: cosigned(plain.note()) },
      { witnesses: 'witnesses.txt', checkpointKeys: [LOG_KEY, ...WITNESS_KEYS] },
    ),
    bundle(
      'with-disclosures',
      'Target, body and response are disclosed.',
      await disclosed.bundle({
        disclosures: settledDisclosures(
          (['target', 'body', 'resp'] as const).map(field => disclosure(seq, field)),
        ),
      }),
    ),
    bundle(
      'with-policy',
      'The sealed policy, and the grant that the attempt cites.',
      await underPolicy().bundle({
        policies: settledPolicies(nativeCrypto, [SEALED]),
      }),
    ),
    bundle(
      'after-key-rotation',
      'Checkpoint key and receipt key were replaced; both checkpoint keys sign.',
      await rotated.bundle({ checkpoint: bothNotes }),
      NEXT_KEYS,
    ),
    bundle(
      'later-epoch',
      'The log goes on after a loss, as the role recover signed.',
      await epoch.bundle(),
      SECOND_EPOCH,
    ),
    bundle(
      'stops',
      'Halts and freezes, and what passes before, beside and behind them.',
      await everyStop().bundle(),
    ),
    bundle(
      'many-scripts',
      'Names that RFC 8785 orders by UTF-16 code units, and a number of 2^53 − 1.',
      await manyScripts().bundle(),
    ),
    bundle(
      'without-outcome',
      'An admitted attempt whose outcome is not there yet.',
      await started({}).bundle(),
    ),
    bundle(
      'denied',
      'A denied attempt, which gets no outcome.',
      await started({ decision: denied }).bundle(),
    ),
    accepted('dump', 'plain', 'A whole log of nine entries.', plain.dump(), { checkpoint: plain.note() }),
    accepted(
      'dump',
      'stops',
      'Halts and freezes, and what passes before, beside and behind them.',
      everyStop().dump(),
      { checkpoint: everyStop().note() },
    ),
    accepted('dump', 'grown', 'Entries that came after the checkpoint.', grown().dump(), {
      checkpoint: nine().note(),
    }),
    accepted('dump', 'after-key-rotation', 'Checkpoint key and receipt key were replaced.', rotated.dump(), {
      checkpoint: noteBy(rotated, NEXT_CHECKPOINT, CHECKPOINT),
      ...NEXT_KEYS,
    }),
    accepted(
      'dump',
      'later-epoch',
      'The log goes on after a loss, as the role recover signed.',
      epoch.dump(),
      {
        checkpoint: epoch.note(),
        ...SECOND_EPOCH,
      },
    ),
    ...(await proofs()),
  ]
}

/** The log of nine, two entries later. */
function grown(): CorpusLog {
  return nine().beat(2)
}

async function proofs(): Promise<readonly WrittenCase[]> {
  const log = nine()
  const proven = async (index: number) =>
    formatTlogProof({
      index,
      hashes: await inclusionProof(nativeCrypto, index, 9, log.nodes()),
      note: log.note(),
    })
  return [
    accepted('proof', 'first-entry', 'The first of nine entries.', await proven(0), {
      against: 'proofs/entry-0.json',
    }),
    accepted('proof', 'last-entry', 'The last of nine entries.', await proven(8), {
      against: 'proofs/entry-8.json',
    }),
    accepted('growth', 'from-4', 'From four entries, a whole subtree, to nine.', await growthFrom(4), {
      against: 'proofs/at-4.checkpoint',
    }),
    accepted('growth', 'from-6', 'From six entries to nine.', await growthFrom(6), {
      against: 'proofs/at-6.checkpoint',
    }),
    accepted('growth', 'from-9', 'From nine entries to the same nine.', await growthFrom(9), {
      against: 'proofs/at-9.checkpoint',
    }),
  ]
}

export async function growthFrom(older: number): Promise<string> {
  const log = nine()
  const hashes = await consistencyProof(nativeCrypto, older, 9, log.nodes())
  return formatAddCheckpoint({ oldSize: older, hashes, note: log.note() })
}

/** Its checkpoint when it had so many entries. */
export async function noteAt(log: CorpusLog, size: number): Promise<string> {
  const root = hex(await rootAt(nativeCrypto, size, log.nodes()))
  return signCheckpoint(nativeCrypto, { origin: log.chain, size, root }, CHECKPOINT)
}
