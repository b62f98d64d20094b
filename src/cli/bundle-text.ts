import type { BundleVerification, Citation } from '../receipt/index.js'
import { timeWords, visible } from './entry-text.js'
import {
  doubtedWords,
  findingWords,
  laterRevocationsText,
  lossText,
  newerTrust,
  trustRows,
  type VerdictWords,
} from './verdict-text.js'

const MOST_NAMED = 20

const KINDS: Readonly<Record<Citation['kind'], string>> = {
  grant: 'a grant',
  mint: 'the minting of a credential',
  approval: 'an approval',
  activation: 'the activation of a policy',
  policy: 'a sealed policy',
  probe: 'what was asked of an upstream',
}

/** What a bundle proves, for people. Never a bare OK. */
export function bundleWords(found: BundleVerification): VerdictWords {
  return {
    title: found.sound ? 'SOUND: nothing was found.' : `NOT SOUND: ${plural(found.findingCount, 'finding')}.`,
    findings: findingWords(found),
    rows: [
      ['log', found.chain ?? 'unknown'],
      ['keys', keysText(found)],
      ['entries', `${found.entries} in the bundle: ${countsText(found)}`],
      ['time', timeText(found)],
      [
        'checkpoint',
        found.size === null ? 'none that can be read' : `covers ${found.size} entries, root ${found.root}`,
      ],
      ['witnessed', witnessedText(found)],
      ...(found.trust.said === null ? [] : trustRows({ ...found.trust, withdrawn: [] })),
      ...found.policies.map(policy => ['policy', policyText(policy)] as const),
      ['disclosed', disclosedText(found)],
      ...peopleRows(found),
      ['open', openText(found)],
      ...(found.recovered === null ? [] : [['recovered', recoveredText(found.recovered)] as const]),
      ...found.missing
        .slice(0, MOST_NAMED)
        .map(({ kind, id, seq }) => ['not here', `receipt ${seq} cites ${KINDS[kind]}: ${id}`] as const),
      ...(found.missing.length > MOST_NAMED
        ? [['not here', `and ${found.missing.length - MOST_NAMED} more that receipts cite`] as const]
        : []),
      ['proven', provenText(found)],
    ],
    notProven: [
      ...(found.mode === 'pinned trust root' ? [laterRevocationsText(found.trustVersions)] : []),
      ...newerTrust(found.trust),
      ...found.byCheckpointKeyAlone.map(
        key =>
          `what ${key} signed, against a thief of the checkpoint key as well: it was revoked, and no witness saw it before`,
      ),
      ...(found.countersignatures.unproven === 0
        ? []
        : ['that people signed what was approved: the policy or the request is not in the bundle']),
      ...doubtedWords(found.countersignatures),
      ...(found.firstT === null
        ? []
        : [
            'that the policy decides so, and asks these people: decisions are derived again from a log, with --policies',
          ]),
      'that nothing else happened: the log has other entries, and what never passed the sidecar has none',
    ],
  }
}

export function bundleLines(found: BundleVerification): readonly string[] {
  const { title, findings, rows, notProven } = bundleWords(found)
  return [
    title,
    ...findings.map(finding => `  ! ${visible(finding)}`),
    ...[...rows, ...notProven.map(what => ['not proven', what] as const)].map(
      ([name, text]) => `  ${name.padEnd(11)} ${visible(text)}`,
    ),
  ]
}

function keysText({ mode, trustVersions }: BundleVerification): string {
  return mode === 'pinned trust root'
    ? `pinned: the trust root that you named, up to its version ${trustVersions}, leads to them`
    : 'integrity only: the trust root is the one that the bundle brings, which proves no origin (pass --trust)'
}

function countsText({ counts }: BundleVerification): string {
  const kinds = Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1))
  return kinds.map(([kind, count]) => `${count} ${kind}`).join(', ') || 'none'
}

function timeText({ firstT, lastT }: BundleVerification): string {
  if (firstT === null || lastT === null) return 'no attempt'
  return `${timeWords(firstT)} to ${timeWords(lastT)}`
}

function witnessedText({ witnessedT }: BundleVerification): string {
  return witnessedT === null
    ? 'by nobody: only the log’s own key vouches for the checkpoint'
    : `as the witness policy asks, since ${timeWords(witnessedT)}`
}

function policyText({
  cid,
  name,
  version,
  trustVersion,
  withdrawn,
}: BundleVerification['policies'][number]): string {
  const sealed =
    trustVersion === null
      ? 'its seal is not verified'
      : `sealed under version ${trustVersion} of the trust root`
  return `${name} version ${version}, ${cid}, ${sealed}${withdrawn ? ', withdrawn since' : ''}`
}

function disclosedText({ disclosed }: BundleVerification): string {
  if (disclosed.length === 0) return 'nothing: targets, bodies and arguments are commitments only'
  return disclosed.map(({ seq, field }) => `${field} of ${seq}`).join(', ')
}

/** Only where people were asked. */
function peopleRows({ countersignatures }: BundleVerification): (readonly [string, string])[] {
  const { proven, touched, unproven } = countersignatures
  if (proven + unproven === 0) return []
  const touches = touched === 0 ? '' : ` (${touched} by touching a passkey)`
  return [
    [
      'people',
      `${plural(proven, 'word')} signed by people of the groups that were asked${touches}, ${unproven} not proven`,
    ],
  ]
}

function recoveredText({
  epoch,
  chain,
  size,
  lost,
  because,
  known,
}: NonNullable<BundleVerification['recovered']>): string {
  return `epoch ${epoch} goes on from ${chain} at ${size} entries after ${lossText({ lost, known })}: ${because}`
}

function openText({ open }: BundleVerification): string {
  return open.length === 0
    ? 'every admitted attempt has its outcome here'
    : `${plural(open.length, 'admitted attempt')} without an outcome in this bundle: ${open.slice(0, 8).join(', ')}${open.length > 8 ? ', …' : ''}`
}

function provenText({ sound, mode, entries, size }: BundleVerification): string {
  if (!sound) return 'nothing, before what was found is explained'
  const by = mode === 'pinned trust root' ? 'as its keeper signed them' : 'by keys that nobody vouches for'
  return `these ${entries} entries are in the log at ${size} entries, ${by}`
}

function plural(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? '' : 's'}`
}
