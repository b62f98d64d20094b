import type { CompiledRule } from './compiled.js'
import type { TermChange } from './diff.js'
import { limitWords } from './rule-words.js'
import { limitedWays, limitsAsMuch, type Ways } from './way-cover.js'

/** Operations of one pool that are named; the rest are counted. */
const MOST_NAMED = 4

/** What one limit counts together for one agent, of which something can still pass. */
interface Pool {
  readonly agent: string
  readonly rule: CompiledRule
  readonly counted: Set<string>
  /** Ids of the new policy's rules that limit every operation so far as much. */
  by: ReadonlySet<string>
}

/**
 * Limits as what they count together. ATTACK: a limit over two operations becomes two limits of the same size, or
 * the rule gets another id, under which nothing has been counted yet: each operation by itself is limited as before.
 */
export class LimitPools {
  private readonly pools = new Map<string, Pool>()

  /** Takes note of one operation that can pass under the new policy. One that nothing limits any more is wider by itself. */
  add(agent: string, operation: string, before: Ways, after: Ways): void {
    for (const way of limitedWays(before)) {
      const { rule } = way
      if (rule === null) continue
      const limiting = limitedWays(after).filter(other => limitsAsMuch(other, way, before.listed))
      if (limiting.length === 0) continue
      const by = new Set(limiting.flatMap(each => (each.rule === null ? [] : [each.rule.id])))
      const key = JSON.stringify([agent, rule.id])
      const pool = this.pools.get(key)
      if (pool === undefined)
        this.pools.set(key, { agent, rule: rule.rule, counted: new Set([operation]), by })
      else {
        pool.counted.add(operation)
        pool.by = new Set([...pool.by].filter(id => by.has(id)))
      }
    }
  }

  changes(): readonly TermChange[] {
    return [...this.pools.values()].flatMap(({ agent, rule, counted, by }): readonly TermChange[] => {
      if (by.has(rule.id) || rule.limit === undefined) return []
      const limit = `the limit of ${rule.id}, ${limitWords(rule.limit)},`
      const [first] = [...by].sort()
      if (first === undefined)
        return [
          {
            direction: 'widened',
            what: `for ${agent} ${limit} no longer counts together: ${namesOf([...counted])}`,
          },
        ]
      const what = `for ${agent} what ${limit} has counted is forgotten: ${first} counts anew`
      return [{ direction: 'changed', what }]
    })
  }
}

function namesOf(counted: readonly string[]): string {
  const more = counted.length - MOST_NAMED
  return counted.slice(0, MOST_NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '')
}
