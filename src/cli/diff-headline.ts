import type { Direction, PolicyDiff } from '../policy/index.js'

/** How many agents the sentence names; the rest are counted together. */
const MOST_AGENTS = 5

/** One sentence: whether anything is wider, and how many operations for whom. */
export function diffHeadline(found: PolicyDiff): string {
  const [wider, unsure, narrower] = [what(found, 'widened'), what(found, 'changed'), what(found, 'narrowed')]
  if (wider !== null)
    return `The new policy widens ${wider}${unsure === null ? '' : `; it may widen ${unsure}`}.`
  if (unsure !== null) return `The new policy may widen ${unsure}: it could not be shown that it doesn’t.`
  if (narrower !== null) return `The new policy widens nothing; it narrows ${narrower}.`
  return 'The two policies mean the same.'
}

/** `1 operation for coder, 3 for on-call and 1 term beside the rules`; null for nothing. */
function what({ operations, terms }: PolicyDiff, direction: Direction): string | null {
  const counts = new Map<string, number>()
  for (const each of operations)
    if (each.direction === direction) counts.set(each.agent, (counts.get(each.agent) ?? 0) + 1)
  const agents = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
  const parts = agents
    .slice(0, MOST_AGENTS)
    .map(([agent, count], i) => `${i === 0 ? counted(count, 'operation') : count} for ${agent}`)
  const others = agents.slice(MOST_AGENTS)
  if (others.length > 0)
    parts.push(
      `${others.reduce((sum, [, count]) => sum + count, 0)} for ${counted(others.length, 'agent')} more`,
    )
  const beside = terms.filter(each => each.direction === direction).length
  if (beside > 0) parts.push(`${counted(beside, 'term')} beside the rules`)
  if (parts.length < 2) return parts[0] ?? null
  return `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
