import {
  type Crypto,
  canonicalBytes,
  decodeEnvelope,
  type Envelope,
  type JsonObject,
  PAYLOAD_TYPES,
  type SigningKey,
  signEnvelope,
} from '../canon/index.js'
import { policyFault } from './error-table.js'
import { openSigned } from './open-signed.js'
import { Type } from './schema-type.js'
import { checkShape } from './shape.js'
import { keysOfRole, signersOf } from './signatures.js'
import type { TrustRoot } from './trust.js'

/** How long after it was prepared a recovery may be applied: 7 days, for signers in several time zones. */
export const RECOVERY_WINDOW_MS = 604_800_000
/** How far the clocks of two hosts may differ. */
const CLOCK_SKEW_MS = 60_000

const strict = { additionalProperties: false }
const Count = Type.Integer({ minimum: 0 })
const Hex32 = Type.String({ pattern: '^[0-9a-f]{64}$' })
const RecoverySchema = Type.Object(
  {
    v: Type.Literal(1),
    origin: Type.String({ pattern: '^[a-z0-9.-]+/countersign/[a-z0-9-]+$' }),
    epoch: Type.Integer({ minimum: 1, maximum: 999_999_998 }),
    verdict: Type.String({ pattern: '^[a-z_]{1,64}$' }),
    left: Type.Object({ size: Count, root: Hex32, leaf: Hex32, t: Count }, strict),
    known: Type.Union([Type.Object({ size: Count, root: Hex32 }, strict), Type.Null()]),
    lost: Count,
    policy: Type.Union([
      Type.Object({ cid: Type.String({ pattern: '^sha256:[0-9a-f]{64}$' }), version: Count }, strict),
      Type.Null(),
    ]),
    // Shown to people and written in a receipt: no control, format or unassigned character.
    because: Type.String({ pattern: '^[^\\p{C}]{1,512}$' }),
    t: Count,
    nonce: Type.String({ pattern: '^[A-Za-z0-9_-]{16,64}$' }),
  },
  strict,
)

/**
 * Payload of a recovery: the `recover` role says that a ledger is lost as it was, what is left of it, and that the
 * sidecar may go on in the next epoch. JCS, in a DSSE envelope:
 *
 *     {"because":"…","epoch":1,"known":{"root":"…","size":4183},"left":{"leaf":"…","root":"…","size":4166,"t":…},
 *      "lost":17,"nonce":"…","origin":"acme.dev/countersign/edge","policy":{"cid":"sha256:…","version":7},"t":…,"v":1,
 *      "verdict":"ledger_behind_mark"}
 */
export interface Recovery {
  readonly v: 1
  /** `<domain>/countersign/<sidecar>`. */
  readonly origin: string
  /** The epoch that ends; the next one begins. */
  readonly epoch: number
  /** What `countersign ledger check` said of it. */
  readonly verdict: string
  /** The entries that are proven, from the first on; `t` is the time of the newest of them, Unix milliseconds. */
  readonly left: {
    readonly size: number
    readonly root: string
    readonly leaf: string
    readonly t: number
  }
  /** The largest size that a mark or a checkpoint vouches for; null where there is none. */
  readonly known: { readonly size: number; readonly root: string } | null
  /** Entries that are known to be lost; there may have been more. */
  readonly lost: number
  /** Highest policy that was ever in force, as far as the signers know: nothing below it is activated. */
  readonly policy: { readonly cid: string; readonly version: number } | null
  readonly because: string
  /** When it was prepared, Unix milliseconds: the keeper had stopped by then. */
  readonly t: number
  readonly nonce: string
}

/** The envelope without or with signatures; throws `recovery_malformed` for what nobody could open. */
export function sealRecovery(recovery: Recovery, keys: readonly SigningKey[]): Envelope {
  readRecovery(recovery as unknown as JsonObject)
  return signEnvelope(PAYLOAD_TYPES.recovery, canonicalBytes(recovery), keys)
}

/** A recovery, and the names of the keys of the role `recover` that have signed it. */
export interface SignedRecovery {
  readonly recovery: Recovery
  readonly signers: readonly string[]
}

/**
 * Opens a recovery. Throws what is wrong with the seal, or `recovery_malformed`. It says nothing about time: a log is
 * read long after it was written. See `requireFreshRecovery`.
 */
export function openRecovery(
  bytes: Uint8Array,
  trust: TrustRoot,
  crypto: Pick<Crypto, 'sha256' | 'verify'>,
): SignedRecovery {
  const { payload } = openSigned(bytes, 'recovery', trust, crypto)
  const signers = signersOf(crypto, decodeEnvelope(bytes), keysOfRole(trust, 'recover'))
  const names = trust.roles.recover.keys.filter(name => signers.has(trust.keys[name] as string))
  return { recovery: readRecovery(payload), signers: names }
}

/** Throws `recovery_stale` for one that was prepared too long ago, or in the future. */
export function requireFreshRecovery({ t }: Recovery, nowMs: number): void {
  if (t > nowMs + CLOCK_SKEW_MS || nowMs - t > RECOVERY_WINDOW_MS) throw policyFault('recovery_stale')
}

/** The statement behind a payload, whoever vouches for it; throws `recovery_malformed`. */
export function readRecovery(payload: JsonObject): Recovery {
  const recovery: Recovery = checkShape(RecoverySchema, payload, 'recovery_malformed')
  const { known, left, lost } = recovery
  if (lost < (known?.size ?? 0) - left.size)
    throw policyFault('recovery_malformed', 'it names fewer lost entries than the mark and what is left do')
  return recovery
}
