import { contentId, isRemoteKey, parsePublicKey, utf8 } from '../../canon/index.js'
import {
  type AwsGrantKeys,
  awsGrantKeys,
  awsGrantMaterial,
  type GrantIssuer,
  type GrantVerifier,
  grantIssuer,
  grantVerifier,
} from '../../credential/index.js'
import {
  type InstanceKeys,
  type Log,
  type NextKeys,
  type Revocations,
  successionEntries,
} from '../../keeper/index.js'
import { type KeySuccession, type Ledger, lastHandOver, type RetiringKey } from '../../ledger/index.js'
import { nativeCrypto, watchFiles } from '../../native/index.js'
import type { TrustRoot } from '../../policy/index.js'
import type { LoadedConfig } from '../config.js'
import {
  dropRetired,
  type HeldKey,
  type Instance,
  nextFile,
  promote,
  readNext,
  retiringKeys,
} from '../instance-keys.js'
import type { PrivateJwk } from '../keyfile.js'
import type { InstanceSigners } from '../signer/instance-signers.js'

const DAY_MS = 86_400_000
const OVERLAP_DAYS = 30
/** A grant lives for an hour at most; a clock may have been set back a little meanwhile. */
const GRANT_LIFE_MS = 3_900_000
const TIDY_MS = 60_000
const POLL_MS = 30_000

/** The keys of this sidecar while it runs: what they sign and verify, and those that follow them. */
export interface KeyRing {
  readonly verifier: GrantVerifier
  readonly issuer: GrantIssuer
  readonly awsKeys: AwsGrantKeys
  readonly instanceKeys: InstanceKeys
  /** Ends the watch for keys that have had their time. */
  close(): void
}

/** What grants are issued and verified with. */
interface GrantKeys {
  readonly verifier: GrantVerifier
  readonly issuer: GrantIssuer
  readonly awsKeys: AwsGrantKeys
}

export async function openKeyRing(
  loaded: LoadedConfig,
  first: Instance,
  signers: InstanceSigners,
  ledger: Ledger,
  memory: Pick<Revocations, 'isRevoked' | 'wasIssued'>,
  log: Log,
): Promise<KeyRing> {
  const { origin } = loaded.config
  let inForce = first
  let handedOverMs = (await lastHandOver(ledger.state))?.t ?? null
  let grant = await grantKeyOf(first.keys.grant)
  const retired = isWithin(GRANT_LIFE_MS) ? retiringKeys(loaded, 'grant', first, signers) : []
  let grantsBefore: readonly GrantKey[] = await Promise.all(retired.map(grantKeyOf))
  let grants = grantKeys()

  function grantKeys(): GrantKeys {
    const all = [grant, ...grantsBefore]
    const [now, ...before] = all.map(({ material }) => material) as [GrantKey['material']]
    const keys = all.map(({ publicKey }) => publicKey)
    const isRevoked = (jti: string, issuedMs: number): boolean => memory.isRevoked(jti, issuedMs)
    return {
      verifier: issuedHere(grantVerifier({ keys, origin, isRevoked }), memory),
      issuer: grantIssuer(grant.issuing, origin),
      awsKeys: awsGrantKeys(now, ...before),
    }
  }

  function isWithin(ms: number): boolean {
    return handedOverMs !== null && Date.now() < handedOverMs + ms
  }

  function believe(before: readonly GrantKey[]): void {
    grantsBefore = before
    grants = grantKeys()
  }

  /** ATTACK: a grant key that was stolen, revoked and replaced goes on to sign grants for as long as those of before are good. */
  function disbelieve({ revoked }: TrustRoot): void {
    const stands = ({ written }: GrantKey) => !revoked.keys.includes(written)
    if (!grantsBefore.every(stands)) believe(grantsBefore.filter(stands))
    deleting(() => dropRetired(loaded, 'grant', publicKey => revoked.keys.includes(publicKey)))
  }

  /** Keys that have had their time are deleted: what isn't there can't be stolen. */
  function tidy(): void {
    if (!isWithin(GRANT_LIFE_MS)) {
      dropRetired(loaded, 'grant')
      if (grantsBefore.length > 0) believe([])
    }
    if (!isWithin(overlapMs(loaded))) dropRetired(loaded, 'checkpoint')
  }

  function deleting(work: () => void): void {
    try {
      work()
    } catch (error) {
      const code = String((error as NodeJS.ErrnoException).code)
      log.error({ code }, 'a key that was replaced can’t be deleted')
    }
  }

  const timer = setInterval(() => deleting(tidy), TIDY_MS)
  timer.unref()

  async function follow(next: Instance, trust: TrustRoot): Promise<NextKeys> {
    // Before the ledger is handed over: a signer that can't be used is found out now.
    const following = await grantKeyOf(next.keys.grant)
    return {
      succession: successionOf(loaded, inForce, next),
      enrolment: contentId(nativeCrypto, utf8(next.envelope)),
      adopt: async () => {
        const replaced = inForce.keys.grant.publicKey !== next.keys.grant.publicKey
        const before = isWithin(GRANT_LIFE_MS) ? grantsBefore : []
        const others = replaced ? [grant, ...before] : before
        grant = following
        inForce = next
        handedOverMs = Date.now()
        believe(others)
        promote(loaded)
        disbelieve(trust)
      },
    }
  }

  return {
    verifier: { verify: (token, slot, nowMs) => grants.verifier.verify(token, slot, nowMs) },
    issuer: { issue: (order, nowMs) => grants.issuer.issue(order, nowMs) },
    awsKeys: {
      secretOf: jti => grants.awsKeys.secretOf(jti),
      signingKeys: (jti, scope) => grants.awsKeys.signingKeys(jti, scope),
    },
    instanceKeys: {
      expiresMs: () => Date.parse(inForce.enrolment.notAfter),
      inForce: () => inForce.enrolment.keys,
      next: async trust => {
        disbelieve(trust)
        const next = readNext(loaded, trust, signers)
        return next === null || next.envelope === inForce.envelope ? null : follow(next, trust)
      },
      watch: onChange => watchFiles([nextFile(loaded, 'enrolment.json')], POLL_MS, onChange),
    },
    close: () => clearInterval(timer),
  }
}

/** Of the grants that our keys have signed those that are in the ledger. */
function issuedHere(verifier: GrantVerifier, memory: Pick<Revocations, 'wasIssued'>): GrantVerifier {
  return {
    verify: async (token, slot, nowMs) => {
      const verdict = await verifier.verify(token, slot, nowMs)
      return verdict.kind === 'grant' && !memory.wasIssued(verdict.grant)
        ? { kind: 'refused', code: 'grant_signature' }
        : verdict
    },
  }
}

/** A grant key as it issues, as it verifies, and what the secrets of AWS grants are derived from. */
interface GrantKey {
  /** `ed25519:…` */
  readonly written: string
  readonly publicKey: Uint8Array
  readonly issuing: Parameters<typeof grantIssuer>[0]
  readonly material: Parameters<typeof awsGrantKeys>[0]
}

async function grantKeyOf({ publicKey: written, jwk, key }: HeldKey): Promise<GrantKey> {
  const publicKey = parsePublicKey(written)
  if (isRemoteKey(key)) return { written, publicKey, issuing: key, material: await awsGrantMaterial(key) }
  return { written, publicKey, issuing: jwk as PrivateJwk, material: jwk as PrivateJwk }
}

/** The hand-over from one instance's keys to the next. */
export function successionOf(loaded: LoadedConfig, before: Instance, next: Instance): KeySuccession {
  return {
    signer: next.keys.receipt.key,
    checkpointKey: next.keys.checkpoint.key,
    enrolment: next.envelope,
    entries: successionEntries(next.envelope, next.enrolment.keys, before.enrolment.keys),
    overlapMs: overlapMs(loaded),
  }
}

/** The checkpoint key before, while it still signs beside. */
export function retiringCheckpointKey(
  loaded: LoadedConfig,
  inForce: Instance,
  signers: InstanceSigners,
): RetiringKey | null {
  const [held] = retiringKeys(loaded, 'checkpoint', inForce, signers)
  return held === undefined ? null : { key: held.key, overlapMs: overlapMs(loaded) }
}

function overlapMs({ config }: LoadedConfig): number {
  return (config.keeper.overlapDays ?? OVERLAP_DAYS) * DAY_MS
}
