import {
  CONTENT_ID,
  CountersignError,
  type Crypto,
  contentId,
  fromUtf8,
  type JsonObject,
  utf8,
} from '../canon/index.js'
import {
  type ApproverGroup,
  readSealedApprovers,
  readSealedMetadata,
  type TrustRoot,
} from '../policy/index.js'
import { type Bundle, parseSettledEnvelope, payloadOf } from './bundle.js'
import { judgeSeal, type Report } from './bundle-trust.js'
import type { GroupsOf } from './countersignatures.js'
import type { Entry } from './entry.js'

/** A sealed policy of a bundle. */
export interface BundledPolicy {
  readonly cid: string
  readonly name: string
  readonly version: number
  /** Newest version of the trust root that lets it; null where none does, or none is there. */
  readonly trustVersion: number | null
  /** True where the trust root has withdrawn it since. */
  readonly withdrawn: boolean
}

/** A revoked key, `ed25519:…`, that sealed a policy, and when the policy was first cited, Unix milliseconds. */
export interface RevokedSealer {
  readonly key: string
  readonly cid: string
  readonly citedMs: number
}

/**
 * Verifies the policies of a bundle: each is sealed by its role, unless there is no trust root at all, and cited by an
 * entry. Answers those that can be read, the keys among their sealers that were revoked since, and the approver groups of
 * those whose seal holds.
 */
export function verifyPolicies(
  crypto: Crypto,
  policies: readonly string[],
  entries: Iterable<Entry>,
  versions: readonly TrustRoot[] | null,
  report: Report,
): {
  readonly policies: readonly BundledPolicy[]
  readonly revoked: readonly RevokedSealer[]
  readonly groupsOf: GroupsOf
} {
  const cited = firstCitations(entries)
  const read: BundledPolicy[] = []
  const revoked: RevokedSealer[] = []
  const groups = new Map<string, ReadonlyMap<string, ApproverGroup>>()
  for (const text of policies) {
    const opened = openPolicy(crypto, text, versions, report)
    if (opened === null) continue
    const { policy, sealers, approvers } = opened
    const { cid } = policy
    if (cid <= (read.at(-1)?.cid ?? '')) report('bundle_order', null, 'policies')
    const citedMs = cited.get(cid)
    if (citedMs === undefined) report('policy_uncited', null, cid)
    revoked.push(...sealers.map(key => ({ key, cid, citedMs: citedMs ?? Number.POSITIVE_INFINITY })))
    read.push(policy)
    if (approvers !== null) groups.set(cid, approvers)
  }
  return { policies: read, revoked, groupsOf: cid => groups.get(cid) ?? null }
}

interface OpenedPolicy {
  readonly policy: BundledPolicy
  /** Revoked since, as `ed25519:…`. */
  readonly sealers: readonly string[]
  /** Null where its seal doesn't hold, or it isn't a compiled one throughout. */
  readonly approvers: ReadonlyMap<string, ApproverGroup> | null
}

function openPolicy(
  crypto: Crypto,
  text: string,
  versions: readonly TrustRoot[] | null,
  report: Report,
): OpenedPolicy | null {
  try {
    const envelope = parseSettledEnvelope(text)
    const payload = payloadOf(envelope) as JsonObject
    const { name, version } = readSealedMetadata(payload)
    const cid = contentId(crypto, envelope.payload)
    const unsealed = { cid, name, version, trustVersion: null, withdrawn: false }
    const approvers = approversIn(payload)
    if (versions === null) return { policy: unsealed, sealers: [], approvers }
    const judged = judgeSeal(crypto, versions, envelope)
    if (judged.kind === 'good') {
      const { version: trustVersion, withdrawn, revoked } = judged
      return { policy: { ...unsealed, trustVersion, withdrawn }, sealers: revoked, approvers }
    }
    report('policy_signature', null, `${cid}: ${judged.why}`)
    return { policy: unsealed, sealers: [], approvers: null }
  } catch (error) {
    report('policy_malformed', null, (error as Error).message)
    return null
  }
}

function approversIn(payload: JsonObject): ReadonlyMap<string, ApproverGroup> | null {
  try {
    return readSealedApprovers(payload)
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error
    return null
  }
}

/** Content ids of the policies that entries cite, and the time of the first that does. */
function firstCitations(entries: Iterable<Entry>): ReadonlyMap<string, number> {
  const cited = new Map<string, number>()
  for (const entry of entries) {
    const cid = policyCitedBy(entry)
    if (cid !== null && !cited.has(cid)) cited.set(cid, entry.t)
  }
  return cited
}

function policyCitedBy(entry: Entry): string | null {
  switch (entry.type) {
    case 'attempt':
      return entry.policy.cid
    case 'approval':
      return entry.data.policy as string
    case 'policy':
      return entry.data.cid as string | null
    default:
      return null
  }
}

/** Verifies the catalogs of a bundle: a policy that is in it as well pins each. */
export function verifyCatalogs(crypto: Crypto, { catalogs, policies }: Bundle, report: Report): void {
  const pinned = new Set(policies.flatMap(digestsIn))
  let before = ''
  for (const catalog of catalogs) {
    const digest = contentId(crypto, utf8(catalog))
    if (digest <= before) report('bundle_order', null, 'catalogs')
    if (!pinned.has(digest)) report('catalog_uncited', null, digest)
    before = digest
  }
}

const DIGEST = new RegExp(CONTENT_ID.source.replace(/[$^]/g, ''), 'g')

/** Every content id in a sealed policy's payload. */
function digestsIn(policy: string): readonly string[] {
  try {
    return fromUtf8(parseSettledEnvelope(policy).payload).match(DIGEST) ?? []
  } catch {
    // A finding already, where the policies were looked at.
    return []
  }
}
