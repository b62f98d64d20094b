import type { Operation } from '../protocol/index.js'
import type { CompiledLimit, CompiledLimits, CompiledPolicy } from './compiled.js'
import type { LimitsSource } from './document-rule.js'
import { parseDurationSeconds } from './duration.js'
import type { DocumentPath, Findings } from './finding.js'

/**
 * A limit of the policy as people are told of it. `rule` is a rule's id, or `limits.perAgent` or `limits.perTask` for those
 * of the whole policy: no rule can be called so, because ids are written small.
 */
export interface Budget {
  readonly rule: string
  readonly max: number
  /** Null where operations are counted, or the amount has no unit. */
  readonly unit: string | null
  /** False where operations are counted. */
  readonly isAmount: boolean
  readonly window: CompiledLimit['window']
}

/** A budget of the whole policy, and whose operations it counts together. */
export interface SharedLimit {
  readonly id: `limits.${keyof CompiledLimits}`
  readonly limit: CompiledLimit
}

/** The limits of the whole policy; none where it sets none. */
export function sharedLimits({ limits = {} }: Pick<CompiledPolicy, 'limits'>): readonly SharedLimit[] {
  return (['perAgent', 'perTask'] as const).flatMap(name => {
    const limit = limits[name]
    return limit === undefined ? [] : [{ id: `limits.${name}` as const, limit }]
  })
}

/** Every limit that anything is counted under. */
export function budgetsOf(policy: CompiledPolicy): ReadonlyMap<string, Budget> {
  const own = policy.rules.flatMap(({ id, limit }) => (limit === undefined ? [] : [{ id, limit }]))
  return new Map(
    [...own, ...sharedLimits(policy)].map(({ id, limit }) => [
      id,
      {
        rule: id,
        max: limit.max,
        unit: limit.unit ?? null,
        isAmount: 'sum' in limit && limit.sum !== undefined,
        window: limit.window,
      },
    ]),
  )
}

/** What a shared limit counts: everything that does more than reading. */
export function countsUnderShared({ classes }: Pick<Operation, 'classes'>): boolean {
  return classes.some(each => each !== 'read')
}

/** The counter of a limit: one for each agent, and for `limits.perTask` one for each of its tasks. */
export function counterKey(id: string, agent: { readonly id: string; readonly task: string }): string {
  return id === 'limits.perTask' ? `${id}/${agent.id}/${agent.task}` : `${id}/${agent.id}`
}

/** What a counter counts, from its key; a task may be any text, an id of a rule or an agent has no slash. */
export function counterOf(key: string): {
  readonly rule: string
  readonly agent: string
  readonly task: string | null
} {
  const [rule = '', agent = '', ...task] = key.split('/')
  return { rule, agent, task: rule === 'limits.perTask' ? task.join('/') : null }
}

export function compileLimits(
  limits: LimitsSource | undefined,
  findings: Findings,
): CompiledLimits | undefined {
  if (limits === undefined) return undefined
  const compiled: CompiledLimits = {}
  for (const name of ['perAgent', 'perTask'] as const) {
    const source = limits[name]
    if (source === undefined) continue
    const { count, per } = source
    compiled[name] = { max: count, window: windowOf(per, ['limits', name, 'per'], findings), over: 'deny' }
  }
  return compiled
}

function windowOf(per: string, at: DocumentPath, findings: Findings): CompiledLimit['window'] {
  const window = limitWindow(per)
  if (window === null) findings.add('bad_duration', at, `"${per}" is longer than a year.`)
  return window ?? { kind: 'day' }
}

/** `day`, or a sliding window; null for one that is longer than a year. */
export function limitWindow(per: string): CompiledLimit['window'] | null {
  if (per === 'day') return { kind: 'day' }
  const seconds = parseDurationSeconds(per)
  return seconds === null ? null : { kind: 'sliding', ms: seconds * 1_000 }
}
