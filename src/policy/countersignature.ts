import {
  type Crypto,
  canonicalBytes,
  canonicalize,
  decodeEnvelopeUpTo,
  type Envelope,
  hex,
  type JsonObject,
  type JsonValue,
  keyIdOf,
  PAYLOAD_TYPES,
  parseCanonical,
  parsePublicKey,
  type SigningKey,
  signEnvelope,
  utf8,
} from '../canon/index.js'
import type { Operation } from '../protocol/index.js'
import type { ApproverGroup, ApproverKey } from './active.js'
import { policyFault } from './error-table.js'
import { MAX_ASSERTION_BYTES, type PasskeyTouch, passkeyKeyId, verifyPasskey } from './passkey.js'
import type { ProbeResult } from './probe.js'
import { Type } from './schema-type.js'
import { checkShape } from './shape.js'
import { signersOf } from './signatures.js'
import type { TrustRoot } from './trust.js'

/** How far the time in a countersignature may lie from now, either way: 10 minutes. */
export const COUNTERSIGNATURE_WINDOW_MS = 600_000
/** Of a statement in JCS: what is longer nobody can read, and a receipt couldn't hold it signed. */
export const MAX_STATEMENT_BYTES = 16_384

const strict = { additionalProperties: false }
/** Shown to people and written in receipts: no control, format or unassigned character. */
const PlainText = Type.String({ pattern: '^[^\\p{C}]{1,500}$' })
const Id = Type.String({ minLength: 1, maxLength: 512 })
const Hex32 = Type.String({ pattern: '^[0-9a-f]{64}$' })

const StatementSchema = Type.Object(
  {
    v: Type.Literal(1),
    origin: Type.String({ pattern: '^[a-z0-9.-]+/countersign/[a-z0-9-]+$' }),
    id: Id,
    agent: Id,
    environment: Id,
    task: Id,
    owner: Id,
    policy: Type.String({ pattern: '^sha256:[0-9a-f]{64}$' }),
    api: Id,
    operations: Type.Array(
      Type.Object(
        {
          name: Type.String(),
          classes: Type.Array(Type.String()),
          scope: Type.Record(Type.String(), Type.String()),
          resources: Type.Array(Type.Object({ type: Type.String(), id: Type.String() }, strict)),
          account: Type.Optional(Type.String()),
        },
        strict,
      ),
      { minItems: 1 },
    ),
    args_c: Hex32,
    probes_c: Type.Optional(Hex32),
  },
  strict,
)

const CountersignatureSchema = Type.Object(
  {
    v: Type.Literal(1),
    verdict: Type.Union([Type.Literal('approve'), Type.Literal('reject'), Type.Literal('withdraw')]),
    statement: StatementSchema,
    because: Type.Optional(PlainText),
    t: Type.Integer({ minimum: 0 }),
  },
  strict,
)

/**
 * What people agree to, in words that a receipt may show: who asks, for what operation on what, under which policy. The
 * arguments stand in it as a commitment, which whoever approves makes again from the arguments that they are shown.
 */
export interface ApprovalStatement {
  readonly v: 1
  /** The sidecar, whatever the epoch of its log. */
  readonly origin: string
  /** UUID of the approval: the same call, asked for again later, is another statement. */
  readonly id: string
  readonly agent: string
  readonly environment: string
  readonly task: string
  readonly owner: string
  readonly policy: string
  readonly api: string
  readonly operations: readonly StatedOperation[]
  /** HMAC-SHA-256, hex, of the JCS of the list of all operations' arguments under the approval's salt. */
  readonly args_c: string
  /** The same of what the upstream was asked and has said before (`ProbeResult`s); absent where nothing was asked. */
  readonly probes_c?: string
}

export interface StatedOperation {
  readonly name: string
  readonly classes: readonly string[]
  readonly scope: Readonly<Record<string, string>>
  readonly resources: readonly { readonly type: string; readonly id: string }[]
  /** Account that the request names; absent where it is the API's own. */
  readonly account?: string
}

/** `withdraw` takes back one's own approval, as long as nobody has used it. */
export type ApprovalVerdict = 'approve' | 'reject' | 'withdraw'

/** What an approver signs: the whole statement, never a bare digest of it. */
export interface Countersignature {
  readonly v: 1
  readonly verdict: ApprovalVerdict
  readonly statement: ApprovalStatement
  /** In the approver's words; of a rejection it reaches the agent. */
  readonly because?: string
  /** When it was signed, Unix milliseconds. */
  readonly t: number
}

/** A countersignature, and whose it is. */
export interface OpenCountersignature extends Countersignature {
  /** Name that the policy gives the key. */
  readonly by: string
  /** Groups of the hold that the key belongs to. */
  readonly groups: readonly string[]
  /** Null where it is signed by an Ed25519 key. */
  readonly touch: PasskeyTouch | null
}

/** One person's standing approval. */
export interface Signature {
  readonly by: string
  /** Groups of the hold that their key belongs to. */
  readonly groups: readonly string[]
  /** When it was signed, Unix milliseconds. */
  readonly t: number
}

/** Whether each of the groups that are asked has agreed, by as many different people as it wants. */
export function hasEnough(
  groups: readonly ApproverGroup[],
  asked: readonly string[],
  signed: readonly Signature[],
): boolean {
  return (
    asked.length > 0 &&
    asked.every(name =>
      isMet(
        groups.find(group => group.name === name),
        signed,
      ),
    )
  )
}

function isMet(group: ApproverGroup | undefined, signed: readonly Signature[]): boolean {
  if (group === undefined) return false
  // ATTACK: one person with two keys. Names are counted, each once.
  // Who is not in the group any more, since their key was revoked, has not signed for it.
  const counts = ({ by, groups }: Signature) => groups.includes(group.name) && Object.hasOwn(group.keys, by)
  const people = new Set(signed.filter(counts).map(({ by }) => by))
  return people.size >= group.threshold
}

/** Whether so many of a group may approve for this owner that its threshold can be met; not where the owner is one whom it takes. */
export function isWithinReach({ keys, threshold }: ApproverGroup, owner: string): boolean {
  return Object.keys(keys).filter(name => !isSamePerson(name, owner)).length >= threshold
}

/**
 * Whether a word may follow the one that the same person signed last, at `before` in Unix milliseconds; undefined where
 * this is their first. ATTACK: who has read an approval in the log shows it again after it was withdrawn.
 */
export function isLater(
  { verdict, t }: Pick<Countersignature, 'verdict' | 't'>,
  before: number | undefined,
): boolean {
  // In doubt the word that lets nothing pass counts.
  return before === undefined || t > before || (t === before && verdict !== 'approve')
}

/** An operation as a statement names it. Its arguments are left to `argumentsCommitment`. */
export function statedOperation(operation: Operation): StatedOperation {
  const { name, classes, scope, resources, account } = operation
  return {
    name,
    classes: [...classes],
    scope: { ...scope },
    resources: resources.map(({ type, id }) => ({ type, id })),
    ...(account === undefined ? {} : { account }),
  }
}

/** Commitment to the arguments of all operations, in their order; `salt` has 32 bytes. */
export function argumentsCommitment(
  crypto: Pick<Crypto, 'hmacSha256'>,
  salt: Uint8Array,
  args: readonly JsonValue[],
): string {
  return hex(crypto.hmacSha256(salt, canonicalBytes(args as JsonValue)))
}

/** Commitment to what an upstream was asked about a call and has said; `salt` has 32 bytes. */
export function probesCommitment(
  crypto: Pick<Crypto, 'hmacSha256'>,
  salt: Uint8Array,
  probes: readonly ProbeResult[],
): string {
  return hex(crypto.hmacSha256(salt, utf8(`probes ${canonicalize(probes)}`)))
}

/** Digest of a statement, hex, as receipts and passkeys' challenges have it. */
export function statementDigest(crypto: Pick<Crypto, 'sha256'>, statement: ApprovalStatement): string {
  return hex(crypto.sha256(canonicalBytes(statement)))
}

/** What of a countersignature is signed; throws `countersignature_malformed` for one that nobody could open. */
export function countersignaturePayload(
  countersignature: Countersignature,
): Pick<Envelope, 'payloadType' | 'payload'> {
  checkCountersignature(countersignature as unknown as JsonObject)
  return { payloadType: PAYLOAD_TYPES.countersignature, payload: canonicalBytes(countersignature) }
}

/** Signs a countersignature by an Ed25519 key; throws `countersignature_malformed`. For passkeys see `passkeyEnvelope`. */
export function sealCountersignature(countersignature: Countersignature, key: SigningKey): Envelope {
  const { payloadType, payload } = countersignaturePayload(countersignature)
  return signEnvelope(payloadType, payload, [key])
}

/** Parses the envelope of a countersignature, whoever it is by; throws `envelope_malformed` or `payload_type_wrong`. */
export function decodeCountersignature(bytes: Uint8Array): Envelope {
  const envelope = decodeEnvelopeUpTo(MAX_ASSERTION_BYTES, bytes)
  if (envelope.payloadType !== PAYLOAD_TYPES.countersignature) throw policyFault('payload_type_wrong')
  return envelope
}

/**
 * Opens a countersignature of one statement. Throws `envelope_malformed`, `payload_type_wrong`, `signature_invalid`,
 * `approver_unknown` where the key is in none of the groups, `approver_is_owner`, `countersignature_malformed`,
 * `countersignature_elsewhere` where it is of another statement, or `countersignature_stale` outside the window; of a
 * passkey also what `verifyPasskey` throws.
 */
export function openCountersignature(
  bytes: Uint8Array,
  options: {
    readonly statement: ApprovalStatement
    /** Groups that may sign this statement. */
    readonly groups: readonly ApproverGroup[]
    readonly crypto: Pick<Crypto, 'sha256' | 'verify' | 'verifyP256'>
    readonly nowMs: number
  },
): OpenCountersignature {
  const { statement, groups, crypto, nowMs } = options
  const envelope = decodeCountersignature(bytes)
  const { by, within, touch } = signerOf(envelope, groups, crypto)
  // ATTACK: whoever asks for something agrees to it as well, by a key of their own in the group.
  if (isSamePerson(by, statement.owner)) throw policyFault('approver_is_owner', by)
  const payload = parseCanonical(envelope.payload)
  const opened = checkCountersignature(payload as JsonObject)
  if (statementDigest(crypto, opened.statement) !== statementDigest(crypto, statement))
    throw policyFault('countersignature_elsewhere')
  if (Math.abs(nowMs - opened.t) > COUNTERSIGNATURE_WINDOW_MS) throw policyFault('countersignature_stale')
  return { ...opened, by, groups: within, touch }
}

/** The groups without the keys that are revoked; a group may then be out of reach, and nothing that asks for it passes. */
export function standingGroups(
  groups: ReadonlyMap<string, ApproverGroup>,
  { revoked }: Pick<TrustRoot, 'revoked'>,
): ReadonlyMap<string, ApproverGroup> {
  if (revoked.keys.length === 0) return groups
  const stands = (key: ApproverKey) => !revoked.keys.includes(publicKeyOf(key))
  return new Map(
    [...groups].map(([name, group]) => [
      name,
      { ...group, keys: Object.fromEntries(Object.entries(group.keys).filter(([, key]) => stands(key))) },
    ]),
  )
}

function signerOf(
  envelope: Envelope,
  groups: readonly ApproverGroup[],
  crypto: Pick<Crypto, 'sha256' | 'verify' | 'verifyP256'>,
): { readonly by: string; readonly within: readonly string[]; readonly touch: PasskeyTouch | null } {
  const [signature, ...others] = envelope.signatures
  if (signature === undefined || others.length > 0)
    throw policyFault('countersignature_malformed', 'expected one signature')
  const holders = groups.flatMap(group =>
    Object.entries(group.keys).map(([name, key]) => ({ name, group: group.name, key })),
  )
  const held = holders.find(({ key }) => approverKeyId(key) === signature.keyid)
  if (held === undefined) throw policyFault('approver_unknown')
  const { name: by, key } = held
  const within = holders
    .filter(each => canonicalize(each.key) === canonicalize(key))
    .map(({ group }) => group)
  if ('passkey' in key)
    return { by, within, touch: verifyPasskey(envelope, signature.sig, key.passkey, crypto) }
  signersOf(crypto, envelope, [key.ed25519])
  return { by, within, touch: null }
}

/**
 * As a trust root may revoke it, where it is `ed25519:…`. ATTACK: a passkey that was stolen, and whose key was revoked, goes on
 * approving because it is no key in a file.
 */
export function publicKeyOf(key: ApproverKey): string {
  return 'passkey' in key ? key.passkey.key : key.ed25519
}

function approverKeyId(key: ApproverKey): string {
  return 'passkey' in key ? passkeyKeyId(key.passkey) : keyIdOf(parsePublicKey(key.ed25519))
}

/**
 * Whether an approver is the person that an agent acts for. Owners are often addresses and approvers short names, so
 * that a name is compared with the part before the @ as well: better two people taken for one than one for two.
 */
function isSamePerson(approver: string, owner: string): boolean {
  const [a, o] = [approver.toLowerCase(), owner.toLowerCase()]
  const local = (name: string): string => name.split('@')[0] as string
  return a === o || ((!a.includes('@') || !o.includes('@')) && local(a) === local(o))
}

function checkCountersignature(payload: JsonObject): Countersignature {
  return checkShape(CountersignatureSchema, payload, 'countersignature_malformed')
}
