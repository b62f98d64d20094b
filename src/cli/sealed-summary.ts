import { contentId, type Envelope, type JsonObject, parseCanonical } from '../canon/index.js'
import { nativeCrypto } from '../native/index.js'
import { keysOfRole, readSealedMetadata, signersOf, type TrustRoot } from '../policy/index.js'
import { shortWord, timeWords, visible } from './entry-text.js'

/** What a sealed policy says of itself, and who has signed it. */
export interface SealedSummary {
  readonly file: string
  readonly id: string
  readonly name: string
  readonly version: number
  readonly audience: readonly string[]
  readonly expires: string
  /** Agents that observe, and until when. */
  readonly observing: readonly { readonly agent: string; readonly until: string }[]
  /** Key ids in the file; what they are worth only a trust root can say. */
  readonly signatures: readonly string[]
  /** What was proven before it was sealed: ids of the `never` statements. */
  readonly never: readonly string[]
  readonly holders?: Holders
  /** Where the policy that was there before is now. */
  readonly kept?: string
}

interface Holders {
  readonly threshold: number
  readonly signed: readonly string[]
  readonly missing: readonly string[]
  readonly enough: boolean
  /** False where the trust root was taken at its word. */
  readonly pinned: boolean
}

export function summaryOf(envelope: Envelope): Omit<SealedSummary, 'file'> {
  const payload = parseCanonical(envelope.payload) as JsonObject
  const { name, version, audience, expiresMs } = readSealedMetadata(payload)
  return {
    id: contentId(nativeCrypto, envelope.payload),
    name,
    version,
    audience,
    expires: timeWords(expiresMs),
    observing: observingOf(payload),
    signatures: envelope.signatures.map(({ keyid }) => keyid),
    never: neverIds(payload),
  }
}

function neverIds({ never }: JsonObject): readonly string[] {
  if (!Array.isArray(never)) return []
  return never.flatMap(each =>
    typeof each === 'object' && each !== null && 'id' in each && typeof each.id === 'string' ? [each.id] : [],
  )
}

/** ATTACK: a payload that no compiler made, in which an agent is nothing, or observes until a day that no calendar has. */
function observingOf({ agents }: JsonObject): SealedSummary['observing'] {
  return Object.entries((agents ?? {}) as Record<string, { observeUntil?: unknown } | null>).flatMap(
    ([agent, said]) =>
      typeof said?.observeUntil === 'number' ? [{ agent, until: timeWords(said.observeUntil) }] : [],
  )
}

/** Who of the policy role has signed. Throws for a signature that is not theirs, as the runtime would. */
export function holdersOf(envelope: Envelope, trust: TrustRoot, pinned: boolean): Holders {
  const { keys, threshold } = trust.roles.policy
  const signers = signersOf(nativeCrypto, envelope, keysOfRole(trust, 'policy'))
  const signed = keys.filter(name => signers.has(trust.keys[name] as string))
  const missing = keys.filter(name => !signed.includes(name))
  return { threshold, signed, missing, enough: signed.length >= threshold, pinned }
}

export function summaryLines(summary: SealedSummary): readonly string[] {
  const { file, id, name, version, audience, expires, observing, signatures, never, holders, kept } = summary
  const said = [
    `${file}: policy ${shortWord(name)}, version ${version}`,
    `  id          ${id}`,
    `  audience    ${audience.map(shortWord).join(', ')}`,
    `  expires     ${expires}`,
    ...(never.length > 0 ? [`  never       ${never.map(shortWord).join(', ')}`] : []),
    ...observing.map(
      ({ agent, until }) =>
        `  OBSERVES    ${shortWord(agent)}, until ${until}: what no rule reaches passes, up to update`,
    ),
    ...(holders === undefined
      ? [`  signatures  ${signatures.length}, not held against a trust root`]
      : holderLines(holders)),
    ...(kept === undefined ? [] : [`  kept        ${kept}, which was there before`]),
  ]
  // ATTACK: whoever signs reads this first, and a payload that no compiler made may be called anything.
  return said.map(visible)
}

function holderLines({ signed, threshold, pinned, enough, missing }: Holders): readonly string[] {
  return [
    `  signed by   ${signed.join(', ') || 'nobody'} (${signed.length} of ${threshold} needed)`,
    ...(pinned ? [] : ['  trust       NOT compared with a pin']),
    ...(enough ? [] : [`  missing     ${missing.join(', ')}`]),
  ]
}
