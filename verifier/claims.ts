import type { BundleVerification, Citation } from '../src/receipt/index.js'

/** What the page says about a bundle as a whole. */
export interface Claims {
  readonly title: string
  readonly tone: 'good' | 'half' | 'bad'
  readonly proven: readonly string[]
  readonly unproven: readonly string[]
  readonly evidence: readonly (readonly [label: string, value: string])[]
}

const MOST_NAMED = 20

const CITED: Readonly<Record<Citation['kind'], string>> = {
  grant: 'a grant',
  mint: 'the minting of a credential',
  approval: 'an approval',
  activation: 'the activation of a policy',
  policy: 'a sealed policy',
  probe: 'what was asked of an upstream',
}

/** Never a bare OK: what is proven and what isn't belong to the answer. */
export function claimsOf(found: BundleVerification): Claims {
  const pinned = found.mode === 'pinned trust root'
  return {
    title: titleOf(found, pinned),
    tone: !found.sound ? 'bad' : pinned ? 'good' : 'half',
    proven: found.sound ? provenBy(found, pinned) : ['Nothing, before what was found is explained.'],
    unproven: unprovenBy(found, pinned),
    evidence: evidenceOf(found),
  }
}

function titleOf({ sound, findingCount }: BundleVerification, pinned: boolean): string {
  if (!sound) return `Not sound: ${counted(findingCount, 'finding')}`
  return pinned
    ? 'Sound, by your own trust root'
    : 'It agrees with itself, and nothing says where it is from: bring your own trust root'
}

function provenBy(
  { entries, size, chain, witnessedT, policies, disclosed }: BundleVerification,
  pinned: boolean,
) {
  return [
    `These ${entries} entries stand in the log ${chain} at ${size} entries, each unchanged and in its place${
      pinned ? ', signed by the keys that your trust root leads to.' : '.'
    }`,
    ...(witnessedT === null
      ? []
      : [
          `The witnesses of your policy had seen that log by ${timeText(witnessedT)}: it has not been rewritten since.`,
        ]),
    ...(pinned && policies.length > 0
      ? [
          `The ${counted(policies.length, 'policy', 'policies')} here were sealed by the holders of that role.`,
        ]
      : []),
    ...(disclosed.length > 0
      ? [`The ${counted(disclosed.length, 'disclosed value')} are what the receipts had committed to.`]
      : []),
  ]
}

function unprovenBy(found: BundleVerification, pinned: boolean): readonly string[] {
  const { open, missing, witnessedT, byCheckpointKeyAlone, countersignatures, firstT } = found
  return [
    ...(pinned ? [] : ['Who made this: the trust root is the one that the bundle brings itself.']),
    ...(pinned
      ? [
          `That no key was revoked after version ${found.trustVersions} of the trust root: ask its holders for the newest.`,
        ]
      : []),
    ...followedLess(found.trust),
    ...byCheckpointKeyAlone.map(
      key =>
        `What ${key} signed, against a thief of the checkpoint key as well: it was revoked, and no witness saw it before.`,
    ),
    ...(countersignatures.unproven === 0
      ? []
      : ['That people signed what was approved: the policy or the request is not here.']),
    ...(countersignatures.doubted === 0
      ? []
      : [
          `That its holder signed ${counted(countersignatures.doubted, 'word')} by a key that was revoked: the trust root doesn’t say since when.`,
        ]),
    ...(firstT === null
      ? []
      : [
          'That the policy decides so, and asks these people: decisions are derived again from the whole log.',
        ]),
    'That nothing else happened: the log has other entries, and a request that never passed the sidecar has none.',
    'That the upstream did what it answered.',
    ...(witnessedT === null
      ? [
          'That the log was not rewritten before this bundle was made: only its own key vouches for the checkpoint.',
        ]
      : []),
    ...open.slice(0, MOST_NAMED).map(seq => `What became of attempt ${seq}: its outcome is not here.`),
    ...missing
      .slice(0, MOST_NAMED)
      .map(({ kind, id, seq }) => `Receipt ${seq} cites ${CITED[kind]} that is not here: ${id}`),
    ...(missing.length > MOST_NAMED
      ? [`${missing.length - MOST_NAMED} more things that receipts cite are not here.`]
      : []),
  ]
}

/** Which version the entries say that the log went by. */
function wentBy({ said }: BundleVerification['trust']): string {
  return said === null ? '' : `; entry ${said.seq} says that the log went by version ${said.version}`
}

function followedLess({ said, held }: BundleVerification['trust']): readonly string[] {
  if (said === null || said.version <= held) return []
  return [`What the trust root says by now: the log went by version ${said.version}, and you hold ${held}.`]
}

function evidenceOf(found: BundleVerification): readonly (readonly [string, string])[] {
  const counts = Object.entries(found.counts).sort(([a], [b]) => (a < b ? -1 : 1))
  const { firstT, lastT, policies, disclosed } = found
  return [
    ['log', found.chain ?? 'unknown'],
    ['keys', found.mode === 'pinned trust root' ? 'by your own trust root' : 'integrity only'],
    ['trust root', `judged by ${counted(found.trustVersions, 'version')} of it${wentBy(found.trust)}`],
    [
      'checkpoint',
      found.size === null ? 'none that can be read' : `${found.size} entries, root ${found.root}`,
    ],
    ['witnessed', found.witnessedT === null ? 'not shown' : `since ${timeText(found.witnessedT)}`],
    ['entries', counts.map(([kind, count]) => `${count} ${kind}`).join(', ') || 'none'],
    ['time', firstT === null || lastT === null ? 'no attempt' : `${timeText(firstT)} to ${timeText(lastT)}`],
    ...policies.map(
      ({ name, version, cid, trustVersion, withdrawn }) =>
        [
          'policy',
          `${name} version ${version}, ${cid}${
            trustVersion === null
              ? ', its seal is not verified'
              : `, sealed under version ${trustVersion} of the trust root`
          }${withdrawn ? ', withdrawn since' : ''}`,
        ] as const,
    ),
    ...(found.recovered === null
      ? []
      : ([
          [
            'epoch',
            `${found.recovered.epoch}, which goes on from ${found.recovered.chain} at ${found.recovered.size} entries`,
          ],
          [
            'lost then',
            `${found.recovered.lost} entries${
              found.recovered.known === null ? ' and nobody knows how many more' : ''
            }, because: ${found.recovered.because}`,
          ],
        ] as const)),
    ['disclosed', disclosed.map(({ seq, field }) => `${field} of ${seq}`).join(', ') || 'nothing'],
  ]
}

export function timeText(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms)
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
