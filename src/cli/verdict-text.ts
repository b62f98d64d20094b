import type {
  CountersignaturesChecked,
  Recovered,
  ReferenceSummary,
  TrustFollowed,
  Verification,
} from '../receipt/index.js'
import { timeWords, visible } from './entry-text.js'
import type { DecisionsReplayed } from './replay/decision-replay.js'
import type { Verdict } from './verify-log.js'

/** What a verification proved, for people, and what it didn't. Never a bare OK. */
export interface VerdictWords {
  readonly title: string
  readonly findings: readonly string[]
  /** What it is about, and what there is to it; a name that is empty goes on with the one before. */
  readonly rows: readonly (readonly [name: string, text: string])[]
  readonly notProven: readonly string[]
}

export function verdictWords(found: Verdict): VerdictWords {
  return {
    title: headline(found),
    findings: findingWords(found),
    rows: [
      ['log', found.chain ?? 'unknown'],
      ...(found.recovered === null ? [] : [['recovery', recoveredText(found.recovered)] as const]),
      ['keys', keysText(found)],
      ['entries', `${found.size} read, ${found.validPrefix} valid from the first on`],
      ['kinds', countsText(found)],
      ['time', timeText(found)],
      ['root', found.root],
      ['checkpoint', checkpointText(found)],
      ['witnessed', witnessedText(found)],
      ['open', openText(found)],
      ...trustRows(found.trust),
      ...(found.references === null ? [] : referenceRows(found.references)),
      ...(found.decisions === null ? [] : decisionRows(found.decisions)),
      ...signedRows(found),
      ...erasureRows(found),
    ],
    notProven: notProven(found),
  }
}

/** The findings that are written out, and how many more there are. */
export function findingWords({
  findings,
  findingCount,
}: {
  readonly findings: readonly { readonly message: string }[]
  readonly findingCount: number
}): readonly string[] {
  const more = findingCount - findings.length
  return [...findings.map(({ message }) => message), ...(more > 0 ? [`and ${more} more`] : [])]
}

export function verdictLines(found: Verdict): string[] {
  const { title, findings, rows, notProven } = verdictWords(found)
  return [
    title,
    ...findings.map(finding => `  ! ${finding}`),
    ...rows.map(([name, text]) => `  ${name.padEnd(11)} ${text}`),
    '  not proven',
    ...notProven.map(what => `    - ${what}`),
  ].map(visible)
}

function headline({ sound, signatures, findingCount, validPrefix }: Verification): string {
  if (!sound)
    return `NOT SOUND: ${plural(findingCount, 'finding')}, ${validPrefix} entries are valid from the first on.`
  return signatures
    ? 'SOUND: nothing was found.'
    : 'TREE ONLY: nothing was found, and no signature was looked at: anybody could have made this log.'
}

function referenceRows({
  policies,
  grants,
  approvals,
  mints,
  stops,
}: ReferenceSummary): VerdictWords['rows'] {
  return [
    [
      'policies',
      `${policies.activated} put in force, ${policies.refused} refused, ${policies.withdrawn} withdrawn, ${policies.expired} expired; every attempt cites the one in force, or is listed above`,
    ],
    [
      'grants',
      `${grants.issued} issued, ${grants.revoked} revoked${grants.earlier === 0 ? '' : `; ${plural(grants.earlier, 'refusal')} under grants from before this epoch, not held against them`}`,
    ],
    [
      'approvals',
      `${approvals.requested} asked for, ${approvals.consumed} used, ${approvals.expired} expired`,
    ],
    ['credentials', `${mints.minted} minted, ${mints.ended} ended before their time`],
    ['stops', stopsText(stops)],
  ]
}

function stopsText({ halted, resumed, frozen, thawed, earlier }: ReferenceSummary['stops']): string {
  const said = `${halted} halted, ${resumed} resumed, ${frozen} frozen, ${thawed} thawed`
  const before = earlier === 0 ? '' : ` (${earlier} ended that began before this epoch)`
  return `${said}${before}; what passed in spite of one is listed above`
}

function decisionRows({
  decided,
  replayed,
  fromInputs,
  differing,
  notReplayed,
  undecided,
}: DecisionsReplayed): VerdictWords['rows'] {
  const left = decided - replayed
  return [
    [
      'decisions',
      `replayed ${replayed} of ${decided} (${fromInputs} from their inputs, ${replayed - fromInputs} from the receipt), differing ${differing}, not replayable ${left}`,
    ],
    ...notReplayed.map(
      ({ why, count, firstSeq }) => ['', `${count} from entry ${firstSeq} on: ${why}`] as const,
    ),
    ...(undecided === 0 ? [] : [['', `${undecided} more were refused before a policy was asked`] as const]),
  ]
}

/** What nobody may conclude from this verification. */
function notProven(found: Verdict): string[] {
  const { mode, signatures, trustVersion, checkpointed, size, unwitnessedTail, references, decisions } = found
  return [
    ...(signatures ? [] : ['who wrote the entries: signatures were left out']),
    ...(mode === 'pinned keys' ? [] : ['whose log it is: no key came from outside of it']),
    ...(trustVersion === null || !signatures ? [] : [laterRevocationsText(trustVersion)]),
    ...(checkpointed === size ? [] : [cutOffText(checkpointed ?? size)]),
    ...(unwitnessedTail === 0
      ? []
      : [
          `that the holder of the log’s keys showed nobody another log: ${unwitnessedTail} of ${size} entries have no witness`,
        ]),
    ...(references === null
      ? [
          'that attempts cite a policy in force, a grant and a credential of their own, and no halt or freeze stood before them',
        ]
      : []),
    ...unfollowed(found.trust),
    ...carriedBy(found),
    ...untoldLoss(found.recovered),
    ...undecidedBy(decisions),
    ...unsignedBy(found),
    ...doubtedSeals(found),
    ...unordered(found),
    'that everything passed through the sidecar, and what the upstream did with what it was sent',
  ]
}

const MOST_WITHDRAWN = 8

/** Which trust root the log went by, and what the newest one has taken back. */
export function trustRows(trust: TrustFollowed | null): (readonly [string, string])[] {
  if (trust === null || trust.held === 0) return []
  const { said, held, withdrawn } = trust
  const went =
    said === null
      ? `no entry says which version it went by; you hold version ${held}`
      : `went by version ${said.version} from entry ${said.seq} on; you hold version ${held}`
  const more = withdrawn.length - MOST_WITHDRAWN
  return [
    ['trust root', went],
    ...withdrawn
      .slice(0, MOST_WITHDRAWN)
      .map(cid => ['', `version ${held} has withdrawn the policy ${cid}, which was in force here`] as const),
    ...(more > 0 ? [['', `and ${more} more`] as const] : []),
  ]
}

/** ATTACK: whoever is shown an old trust root believes what a later one took back. */
export function newerTrust(trust: TrustFollowed): string[] {
  const { said, held } = trust
  if (said === null || said.version <= held) return []
  return [
    `what the trust root says by now: the log goes by its version ${said.version} from entry ${said.seq} on, and you hold ${held}`,
  ]
}

/** ATTACK: whoever goes by an old one lets pass what a later one had taken back. */
function unfollowed(trust: TrustFollowed | null): string[] {
  if (trust === null) return []
  const { said, held } = trust
  if (said === null)
    return held < 2 ? [] : [`that anything went by version ${held} of the trust root: no entry says which`]
  if (said.version >= held) return newerTrust(trust)
  return [
    `that anything went by version ${held} of the trust root: no entry says so, the last that one says is ${said.version}`,
  ]
}

/** What was halted or frozen when the epoch before was lost goes on being so; its entries are not in this log. */
function carriedBy({ references, recovered }: Verdict): string[] {
  if (references === null || recovered === null) return []
  return ['that nothing passed in spite of a halt or freeze from before this epoch']
}

function untoldLoss(recovered: Recovered | null): string[] {
  if (recovered === null || recovered.known !== null) return []
  return [
    'how much was lost before this epoch: hold it against witnesses and copies of the one before, `receipts inventory` does',
  ]
}

function cutOffText(size: number): string {
  return size === 0
    ? 'that there ever was an entry, or none'
    : `that nothing was cut off behind entry ${size - 1}`
}

function undecidedBy(decisions: DecisionsReplayed | null): string[] {
  if (decisions === null)
    return ['that the policy decides so: pass --policies, and --auditor-key for the arguments']
  const { decided, replayed, undescribed, approved, agreed, opened } = decisions
  const left = decided - replayed
  const unheld = approved - agreed
  const why =
    opened > 0 ? 'their decision inputs don’t say what that was' : 'pass --auditor-key and a ledger folder'
  return [
    ...(left === 0 ? [] : [`that the policy decides so for ${plural(left, 'attempt')}: see decisions`]),
    ...(undescribed === 0
      ? []
      : [
          `that ${plural(undescribed, 'attempt')} asked for what the receipt says: an older classifier named the operations`,
        ]),
    ...(unheld === 0
      ? []
      : [`that ${plural(unheld, 'approved attempt')} had the arguments that people agreed to: ${why}`]),
  ]
}

/** Only where people were asked. */
function signedRows({ countersignatures }: Verdict): (readonly [string, string])[] {
  if (countersignatures === null || countersignatures.proven + countersignatures.unproven === 0) return []
  const { proven, touched, unproven } = countersignatures
  const touches = touched === 0 ? '' : ` (${touched} by touching a passkey)`
  return [['people', `${plural(proven, 'word')} signed as the policy asks${touches}, ${unproven} not proven`]]
}

/** Only where something was erased. */
function erasureRows({ erasures }: Verdict): (readonly [string, string])[] {
  if (erasures === null || erasures.ordered + erasures.unproven === 0) return []
  const { ordered, unproven } = erasures
  return [['erasures', `${ordered} as the operate role ordered, ${unproven} whose order is not in the log`]]
}

function unordered({ erasures }: Verdict): string[] {
  if (erasures === null || erasures.unproven === 0) return []
  return [
    `that anybody ordered ${plural(erasures.unproven, 'erasure')}: the log has a digest of the order alone`,
  ]
}

function unsignedBy({ references, countersignatures }: Verdict): string[] {
  const asked = references !== null && references.approvals.requested > 0
  const doubts = doubtedWords(countersignatures)
  if (!asked || countersignatures?.unproven === 0) return doubts
  return ['that people signed what was approved: pass --policies, all of them', ...doubts]
}

/** What a revocation without a time leaves open. */
function doubtedSeals({ seals }: Verdict): string[] {
  if (seals === null) return []
  const { doubted, unproven } = seals
  const sealed =
    unproven === 0
      ? []
      : [
          `that ${plural(unproven, 'policy', 'policies')} which came into force ${unproven === 1 ? 'was' : 'were'} sealed: not at hand, or with no seal that holds`,
        ]
  if (doubted === 0) return sealed
  const policies = doubted === 1 ? '1 policy was' : `${doubted} policies were`
  return [
    ...sealed,
    `that its holder sealed with a key that was revoked, by which ${policies} sealed: the trust root doesn’t say since when`,
  ]
}

/** The same of what people signed. */
export function doubtedWords(found: CountersignaturesChecked | null): string[] {
  if (found === null || found.doubted === 0) return []
  return [
    `that its holder signed ${plural(found.doubted, 'word')} by a key that was revoked: the trust root doesn’t say since when`,
  ]
}

/** ATTACK: whoever hands over the trust root leaves the version out that revokes the key he stole. */
export function laterRevocationsText(version: number): string {
  return `that no key was revoked after version ${version} of the trust root: ask its holders for the newest`
}

function keysText({ mode, trustVersion, signatures, size }: Verification): string {
  if (size === 0) return 'nothing is here that a key could have signed'
  if (!signatures) return 'not looked at: no signature was checked'
  if (trustVersion !== null) return `pinned: the trust root, up to its version ${trustVersion}, leads to them`
  return mode === 'pinned keys'
    ? 'pinned: signed by the keys that you named'
    : 'integrity only: the keys are those that the log names itself, which proves no origin (pass --trust and --pin, or --key)'
}

/** `epoch 2, continues epoch 1 after a loss of 17 entries, signed by maria and jo: …`. */
function recoveredText({ epoch, chain, size, lost, because, known, signers }: Recovered): string {
  const before = chain.slice(chain.lastIndexOf('/') + 1)
  const loss = lossText({ lost, known })
  const signed =
    signers === null
      ? 'NOT held against a trust root (pass --trust and --pin)'
      : `signed by ${signers.join(' and ')}`
  return `epoch ${epoch}, continues epoch ${before} after ${loss} (${size} are proven there), ${signed}: ${because}`
}

/** Without a mark or a checkpoint nobody knew how many entries there had been. */
export function lossText({ lost, known }: Pick<Recovered, 'lost' | 'known'>): string {
  if (lost > 0) return `a loss of ${plural(lost, 'entry', 'entries')}`
  return known === null ? 'a loss that no mark or checkpoint could tell' : 'no known loss'
}

function countsText({ counts }: Verification): string {
  const kinds = Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1))
  return kinds.map(([kind, count]) => `${count} ${kind}`).join(', ') || 'none'
}

function timeText({ firstT, lastT }: Verification): string {
  if (firstT === null || lastT === null) return 'unknown'
  return `${timeWords(firstT)} to ${timeWords(lastT)}`
}

function checkpointText({ checkpointed, size }: Verification): string {
  if (checkpointed === null) return 'none that fits: a tail that was cut off would not be noticed'
  const behind = size - checkpointed
  return `covers ${plural(checkpointed, 'entry', 'entries')}${behind === 0 ? '' : `, ${behind} came after it`}`
}

function witnessedText({ witnessed, witnessedT, unwitnessedTail }: Verification): string {
  const alone = `${plural(unwitnessedTail, 'entry', 'entries')} vouched for by this log's own keys alone`
  if (witnessed === null || witnessedT === null)
    return `no cosignature that counts: ${alone} (--witnesses FILE says whose count)`
  return `${plural(witnessed, 'entry', 'entries')} since ${timeWords(witnessedT)}; the unwitnessed tail: ${alone}`
}

function openText({ open, size }: Verification): string {
  if (size === 0) return 'nothing is here'
  if (open.length === 0) return 'every admitted attempt has its outcome'
  const first = open.slice(0, 5).map(attempt => attempt.seq)
  return `${plural(open.length, 'attempt')} without an outcome: ${first.join(', ')}${open.length > 5 ? ', …' : ''}`
}

function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
