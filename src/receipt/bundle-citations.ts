import { CONTENT_ID } from '../canon/index.js'
import type { Entry } from './entry.js'

/** What an entry names and other evidence has to show. */
export interface Citation {
  readonly kind: 'grant' | 'mint' | 'approval' | 'activation' | 'policy' | 'probe'
  /** `jti`, id of the mint or approval, content id of the policy, number of the entry that asks. */
  readonly id: string
  /** The first attempt that cites it. */
  readonly seq: number
}

/**
 * What attempts cite and nothing here shows. It is no finding: a grant of an earlier epoch is in another log, and a
 * policy that nobody kept is lost. But nobody should take it for shown.
 */
export function missingCitations(
  entries: readonly Entry[],
  policies: ReadonlySet<string>,
): readonly Citation[] {
  const shown = new Set(entries.flatMap(shownBy))
  for (const cid of policies) shown.add(`policy ${cid}`)
  const missing = new Map<string, Citation>()
  for (const citation of entries.flatMap(citationsOf)) {
    const key = keyOf(citation)
    if (!shown.has(key) && !missing.has(key)) missing.set(key, citation)
  }
  return [...missing.values()]
}

/** What an entry cites; empty for all but attempts. */
export function citationsOf(entry: Entry): readonly Citation[] {
  if (entry.type !== 'attempt') return []
  const { agent, credential, approval, policy, probes = [], seq } = entry
  const citations: Citation[] = []
  const cite = (kind: Citation['kind'], id: string | undefined) => {
    if (id !== undefined && id !== '') citations.push({ kind, id, seq })
  }
  cite('grant', agent.grant)
  cite('mint', credential?.mint)
  cite('approval', approval)
  for (const { asked } of probes) cite('probe', asked === undefined ? undefined : String(asked))
  if (CONTENT_ID.test(policy.cid)) {
    cite('activation', policy.cid)
    cite('policy', policy.cid)
  }
  return citations
}

function shownBy(entry: Entry): readonly string[] {
  switch (entry.type) {
    case 'grant':
      return entry.data.action === 'issued' ? [`grant ${entry.data.jti}`] : []
    case 'mint':
      return entry.data.action === 'minted' ? [`mint ${entry.data.id}`] : []
    case 'probe':
      return [`probe ${entry.seq}`]
    case 'approval':
      return entry.data.state === 'requested' ? [`approval ${entry.data.id}`] : []
    case 'policy':
      return entry.data.action === 'activated' ? [`activation ${entry.data.cid}`] : []
    default:
      return []
  }
}

function keyOf({ kind, id }: Citation): string {
  return `${kind} ${id}`
}
