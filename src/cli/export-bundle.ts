import { CountersignError, contentId, decodeEnvelope, fromUtf8, utf8 } from '../canon/index.js'
import { readCheckpointFile } from '../ledger/index.js'
import { nativeCrypto } from '../native/index.js'
import { openTrustChain, type TrustRoot } from '../policy/index.js'
import {
  type Bundle,
  type BundleVerification,
  encodeBundle,
  gatherProofs,
  parseCheckpoint,
  settledCatalogs,
  settledEnvelope,
  settledNote,
  settledPolicies,
  signatureLine,
  verifyBundle,
} from '../receipt/index.js'
import { type Selection, selectIncident } from './bundle-selection.js'
import type { LoadedConfig } from './config.js'
import { AnswerNo, type Io, printLine, UsageError } from './io.js'
import { writeNewFile } from './new-file.js'
import { policyFoldersOf } from './policy-location.js'
import { progress } from './progress.js'
import type { Question } from './question.js'
import type { ReceiptSource } from './receipt-source.js'
import { catalogBeside, sealedPoliciesIn } from './sealed-policies.js'
import { trustChainIn } from './trust-files.js'

/** What goes into a bundle beside the log's own entries. */
export interface BundleParts {
  readonly question: Question
  /** A checkpoint in a file; null to take the log's own. */
  readonly checkpoint: string | null
  /** File of the trust root; null for that of the configuration, if there is one. */
  readonly trust: string | null
  /** Folders that keep sealed policies; empty for that of the configuration, if there is one. */
  readonly policies: readonly string[]
  readonly catalogs: boolean
  /** Null where none was named. */
  readonly config: LoadedConfig | null
}

/** What was written. */
export interface WrittenBundle {
  readonly selection: Selection
  readonly verification: BundleVerification
}

const DIGEST = /sha256:[0-9a-f]{64}/g

/**
 * Answers a question with a bundle in a new file, never over another. Throws AnswerNo where no attempt fits, or where
 * what was gathered doesn't verify: what is wrong is printed, and nothing is written.
 */
export async function exportBundle(
  file: string,
  source: ReceiptSource,
  parts: BundleParts,
  io: Io,
): Promise<WrittenBundle> {
  const newest = await noteOf(source, parts.checkpoint)
  const read = progress(io, 'entries')
  const selection = await selectIncident(() => source.entries(), parts.question, sizeOf(newest), read.count)
  const named = parts.question.seqs.length > 0
  if (selection.attempts === 0 && !named) return answerNo(io, 'No attempt of this log fits what was asked.')
  const note = parts.checkpoint === null ? await witnessedOr(newest, source, selection) : newest
  const { size, root } = parseCheckpoint(utf8(note))
  const gathered = await gatherProofs(nativeCrypto, source.entries(), selection.seqs, size, read.count)
  read.done()
  if (gathered.size < size || gathered.root !== root)
    return answerNo(
      io,
      `The log is not the one that its checkpoint over ${size} entries signed. Verify it first.`,
    )
  const trust = trustOf(parts)
  const bundle: Bundle = {
    checkpoint: note,
    entries: gathered.entries.map(({ seq, bytes, proof }) => ({ seq, entry: fromUtf8(bytes), proof })),
    ...policiesOf(parts, selection.policies, versionsOf(trust)),
    trust: trust.map(bytes => settledEnvelope(decodeEnvelope(bytes))),
    disclosures: [],
  }
  const bytes = encodeBundle(bundle)
  const verification = verifyBundle(bytes, { crypto: nativeCrypto, trust: null })
  // Whose cosignatures the witnesses' are is for the reader's own policy to say.
  const wrong = verification.findings.filter(({ code }) => code !== 'checkpoint_line')
  if (wrong.length > 0)
    return answerNo(
      io,
      ['The log doesn’t verify:', ...wrong.map(({ message }) => `  ! ${message}`)].join('\n'),
    )
  await writeNewFile(file, bytes)
  return { selection, verification }
}

async function noteOf(source: ReceiptSource, file: string | null): Promise<string> {
  if (file === null) {
    const note = await source.checkpointNote()
    if (note !== null) return settledNote(note)
    throw new UsageError(
      'this log has no checkpoint that the proofs could lead to',
      'Pass --checkpoint FILE: a checkpoint, or the high-water file.',
    )
  }
  const { body, signatures } = await readCheckpointFile(file, nativeCrypto)
  return settledNote(`${body}\n${signatures.map(signatureLine).join('')}`)
}

/** The newest checkpoint that witnesses have cosigned, where it covers all that was picked; the one over the head otherwise. */
async function witnessedOr(newest: string, source: ReceiptSource, { seqs }: Selection): Promise<string> {
  const witnessed = await source.witnessedNote()
  const covers =
    witnessed !== null && sizeOf(witnessed) > (seqs.at(-1) ?? 0) && sizeOf(witnessed) <= sizeOf(newest)
  return covers ? settledNote(witnessed) : newest
}

function sizeOf(note: string): number {
  return parseCheckpoint(utf8(note)).size
}

function trustOf({ trust, config }: BundleParts): readonly Uint8Array[] {
  const file = trust ?? config?.path(config.config.trust.root) ?? null
  return file === null ? [] : trustChainIn(file)
}

/** Oldest first. What is wrong with a chain, the bundle's verification says. */
function versionsOf(chain: readonly Uint8Array[]): readonly TrustRoot[] {
  const [first] = chain
  if (first === undefined) return []
  try {
    return openTrustChain(chain, contentId(nativeCrypto, decodeEnvelope(first).payload), nativeCrypto)
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error
    return []
  }
}

function policiesOf(
  { policies, catalogs, config }: BundleParts,
  cids: readonly string[],
  versions: readonly TrustRoot[],
): Pick<Bundle, 'policies' | 'catalogs'> {
  const configured = config === null ? [] : policyFoldersOf(config)
  const folders = policies.length > 0 ? policies : configured
  const found = [...sealedPoliciesIn(folders, cids, versions).values()]
  const pinned = !catalogs
    ? []
    : found.flatMap(policy => {
        const digests = new Set(fromUtf8(policy.envelope.payload).match(DIGEST))
        return [...digests].flatMap(digest => catalogBeside(policy, digest) ?? [])
      })
  return {
    policies: settledPolicies(
      nativeCrypto,
      found.map(({ envelope }) => envelope),
    ),
    catalogs: settledCatalogs(nativeCrypto, pinned),
  }
}

function answerNo(io: Io, line: string): never {
  printLine(io, line)
  throw new AnswerNo()
}
