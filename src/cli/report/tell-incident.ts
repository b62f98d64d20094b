import { decodeEnvelope, type Envelope, utf8 } from '../../canon/index.js'
import { nativeCrypto } from '../../native/index.js'
import { openNext, type TrustRoot } from '../../policy/index.js'
import {
  type Bundle,
  type BundleVerification,
  disclosedText,
  type Entry,
  openEntry,
  parseBundle,
} from '../../receipt/index.js'
import { bundleWords } from '../bundle-text.js'
import type { Io } from '../io.js'
import type { ReceiptSource } from '../receipt-source.js'
import { sealedPoliciesIn } from '../sealed-policies.js'
import { trustVersions } from '../trust-versions.js'
import { verdictWords } from '../verdict-text.js'
import { type VerifyRequest, verified } from '../verify-log.js'
import type { AttemptStep, IncidentReport } from './incident.js'
import { Narrator, type NarratorOptions } from './narrator.js'
import { sealedWords } from './seals.js'

/** Verifies a log and tells an incident from it, in one pass. Closes the source. */
export async function tellFromLog(
  source: ReceiptSource,
  request: VerifyRequest,
  /** Folders that keep sealed policies. */
  folders: readonly string[],
  options: NarratorOptions,
  io: Io,
): Promise<IncidentReport> {
  try {
    const narrator = new Narrator(options)
    const found = await verified(source, request, io, [narrator])
    const { sound, mode, witnessedT } = found
    const verdict = {
      of: 'log',
      ...verdictWords(found),
      sound,
      pinned: mode === 'pinned keys',
      witnessedT,
    } as const
    const versions = trustVersions(request.keys)?.toReversed() ?? []
    const policies = [...sealedPoliciesIn(folders, narrator.policies(), versions).values()]
    const words = sealedWords(
      policies.map(({ envelope }) => envelope),
      versions,
    )
    return narrator.report(source.where, verdict, words)
  } finally {
    await source.close()
  }
}

/** Tells an incident from a bundle that was verified as `found`; what can't be read is not told, and is a finding there. */
export function tellFromBundle(
  where: string,
  bytes: Uint8Array,
  found: BundleVerification,
  options: NarratorOptions,
): IncidentReport {
  const bundle = readable(() => parseBundle(bytes))
  const disclosed = bundle === null ? new Map<number, AttemptStep['disclosed']>() : disclosuresOf(bundle)
  const narrator = new Narrator({ ...options, disclosed: seq => disclosed.get(seq) ?? [] })
  for (const { entry: written } of bundle?.entries ?? []) {
    const entry = readable((): Entry => openEntry(utf8(written)).entry)
    if (entry !== null) narrator.audit(entry)
  }
  const { sound, mode, witnessedT } = found
  const pinned = mode === 'pinned trust root'
  const verdict = { of: 'bundle', ...bundleWords(found), sound, pinned, witnessedT } as const
  // ATTACK: a trust root that the bundle brings itself makes anybody a signer.
  const versions = bundle !== null && sound && pinned ? trustVersionsIn(bundle) : []
  const policies = (bundle?.policies ?? []).flatMap(text => readable(() => decodeEnvelope(utf8(text))) ?? [])
  return narrator.report(where, verdict, sealedWords(policies, versions))
}

/** The versions that a sound bundle brings, which the reader's own one begins; oldest first. */
function trustVersionsIn({ trust }: Bundle): readonly TrustRoot[] {
  const versions: TrustRoot[] = []
  for (const text of trust) {
    const envelope: Envelope = decodeEnvelope(utf8(text))
    versions.push(openNext(envelope, versions.at(-1) ?? null, nativeCrypto))
  }
  return versions
}

function disclosuresOf({ disclosures }: Bundle): Map<number, AttemptStep['disclosed']> {
  const bySeq = new Map<number, AttemptStep['disclosed'][number][]>()
  for (const { seq, field, value } of disclosures) {
    // On one line: in JSON a line end stands within no text.
    const text =
      field === 'target' ? disclosedText(field, value) : disclosedText(field, value).replace(/\n\s*/g, ' ')
    // ATTACK: a hundred thousand disclosures of one attempt, each of which copies those before.
    const known = bySeq.get(seq)
    if (known === undefined) bySeq.set(seq, [{ field, value: text }])
    else known.push({ field, value: text })
  }
  return bySeq
}

function readable<T>(read: () => T): T | null {
  try {
    return read()
  } catch {
    return null
  }
}
