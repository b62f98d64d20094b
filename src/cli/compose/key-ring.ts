import { contentId, fromBase64url, utf8 } from '../../canon/index.js'
import {
  type AwsGrantKeys,
  awsGrantKeys,
  type GrantIssuer,
  type GrantVerifier,
  grantIssuer,
  grantVerifier,
} from '../../credential/index.js'
import {
  type InstanceKeys,
  type Log,
  type NextKeys,
  successionEntries,
  watchFiles,
} from '../../keeper/index.js'
import { type KeySuccession, type Ledger, lastHandOver, type RetiringKey } from '../../ledger/index.js'
import { nativeCrypto } from '../../native/index.js'
import type { LoadedConfig } from '../config.js'
import { dropRetired, type Instance, nextFile, promote, readNext, retiringKey } from '../instance-keys.js'
import { signingKeyOf } from '../keyfile.js'

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
  ledger: Ledger,
  isRevoked: (jti: string, issuedMs: number) => boolean,
  log: Log,
): Promise<KeyRing> {
  const { origin } = loaded.config
  let inForce = first
  let handedOverMs = (await lastHandOver(ledger.state))?.t ?? null
  let grantBefore = retiringKey(loaded, 'grant', first)
  let grants = grantKeys()

  function grantKeys(): GrantKeys {
    const now = inForce.keys.grant
    const live = grantBefore !== null && isWithin(GRANT_LIFE_MS) ? [grantBefore] : []
    return {
      verifier: grantVerifier({ keys: [now, ...live].map(({ x }) => fromBase64url(x)), origin, isRevoked }),
      issuer: grantIssuer(now, origin),
      awsKeys: awsGrantKeys(now, ...live),
    }
  }

  function isWithin(ms: number): boolean {
    return handedOverMs !== null && Date.now() < handedOverMs + ms
  }

  /** Keys that have had their time are deleted: what isn't there can't be stolen. */
  function tidy(): void {
    if (!isWithin(GRANT_LIFE_MS) && grantBefore !== null) {
      dropRetired(loaded, 'grant')
      grantBefore = null
      grants = grantKeys()
    }
    if (!isWithin(overlapMs(loaded))) dropRetired(loaded, 'checkpoint')
  }

  const timer = setInterval(() => {
    try {
      tidy()
    } catch (error) {
      const code = String((error as NodeJS.ErrnoException).code)
      log.error({ code }, 'a key that was replaced can’t be deleted')
    }
  }, TIDY_MS)
  timer.unref()

  function follow(next: Instance): NextKeys {
    return {
      succession: successionOf(loaded, inForce, next),
      enrolment: contentId(nativeCrypto, utf8(next.envelope)),
      adopt: async () => {
        const { grant } = inForce.keys
        if (grant.x !== next.keys.grant.x) grantBefore = grant
        inForce = next
        handedOverMs = Date.now()
        grants = grantKeys()
        promote(loaded)
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
        const next = readNext(loaded, trust)
        return next === null || next.envelope === inForce.envelope ? null : follow(next)
      },
      watch: onChange => watchFiles([nextFile(loaded, 'enrolment.json')], POLL_MS, onChange),
    },
    close: () => clearInterval(timer),
  }
}

/** The hand-over from one instance's keys to the next. */
export function successionOf(loaded: LoadedConfig, before: Instance, next: Instance): KeySuccession {
  return {
    signer: signingKeyOf(next.keys.receipt),
    checkpointKey: signingKeyOf(next.keys.checkpoint),
    enrolment: next.envelope,
    entries: successionEntries(next.envelope, next.enrolment.keys, before.enrolment.keys),
    overlapMs: overlapMs(loaded),
  }
}

/** The checkpoint key before, while it still signs beside. */
export function retiringCheckpointKey(loaded: LoadedConfig, inForce: Instance): RetiringKey | null {
  const jwk = retiringKey(loaded, 'checkpoint', inForce)
  return jwk === null ? null : { key: signingKeyOf(jwk), overlapMs: overlapMs(loaded) }
}

function overlapMs({ config }: LoadedConfig): number {
  return (config.keeper.overlapDays ?? OVERLAP_DAYS) * DAY_MS
}
