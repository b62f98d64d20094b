import type { OperationClass, OperationSpec } from '../protocol/index.js'
import { LimitPools } from './diff-limits.js'
import { termChanges } from './diff-terms.js'
import { type MatrixVerdict, UNLISTED } from './matrix.js'
import { conditionWords, limitWords } from './rule-words.js'
import {
  type ApiSurvey,
  type Case,
  type OperationSurvey,
  type PolicySurvey,
  surveyOperation,
  type Way,
} from './survey.js'
import { isWithin, signatureOf, type Ways } from './way-cover.js'

/**
 * `widened`: more can happen than before, or the same under less. `narrowed`: less. `changed`: neither could be
 * shown, so that it has to be read as if it were wider.
 */
export type Direction = 'widened' | 'narrowed' | 'changed'

/** What has become different for one operation and one agent. */
export interface OperationChange {
  readonly agent: string
  readonly api: string
  readonly operation: string
  readonly direction: Direction
  readonly from: Standing
  readonly to: Standing
  /** Classes that an argument has to raise for it; empty for the plain request. */
  readonly raised: readonly OperationClass[]
  readonly otherAccount: boolean
}

/** Where an operation stands in one of the two policies. */
export interface Standing {
  readonly verdict: MatrixVerdict
  /** `rule: conditions`, sorted; rules that only bar come after those that admit. */
  readonly by: readonly string[]
  /** The catalog has the operation. */
  readonly listed: boolean
  readonly classes: readonly OperationClass[]
}

/** A change outside the rules: a credential that means something else, an approver more. */
export interface TermChange {
  readonly direction: Direction
  readonly what: string
}

export interface PolicyDiff {
  readonly operations: readonly OperationChange[]
  readonly terms: readonly TermChange[]
  /** True where anything is wider, or can't be shown not to be. */
  readonly widens: boolean
}

/** Compares what two policies mean: for every agent, API and operation of either. */
export function diffPolicies(before: PolicySurvey, after: PolicySurvey): PolicyDiff {
  const agents = union(before.agents, after.agents)
  const apis = union(before.apis, after.apis)
  const limits = new LimitPools()
  const operations = agents.flatMap(agent =>
    apis.flatMap(api => diffApi(agent, sideOf(before, agent, api), sideOf(after, agent, api), api, limits)),
  )
  const terms = [...limits.changes(), ...termChanges(before.policy, after.policy)]
  const widens = [...operations, ...terms].some(({ direction }) => direction !== 'narrowed')
  return { operations, terms, widens }
}

function union(a: readonly string[], b: readonly string[]): readonly string[] {
  return [...new Set([...a, ...b])].sort()
}

/** Null where the policy doesn't have the agent or the API: everything is denied. */
function sideOf(survey: PolicySurvey, agent: string, api: string): ApiSurvey | null {
  return survey.agents.includes(agent) && survey.apis.includes(api) ? survey.of(agent, api) : null
}

function diffApi(
  agent: string,
  before: ApiSurvey | null,
  after: ApiSurvey | null,
  api: string,
  limits: LimitPools,
): readonly OperationChange[] {
  const specs = (side: ApiSurvey | null): ReadonlyMap<string, OperationSpec> =>
    new Map((side?.operations ?? []).map(spec => [spec.name, spec]))
  const [old, fresh] = [specs(before), specs(after)]
  const changes: OperationChange[] = []
  for (const name of [...union([...old.keys()], [...fresh.keys()]), UNLISTED]) {
    const from = surveyIn(before, old.get(name) ?? null)
    const to = surveyIn(after, fresh.get(name) ?? null)
    const found = diffOperation(from, to, (old, fresh) => limits.add(agent, `${api} ${name}`, old, fresh))
    if (found !== null) changes.push({ agent, api, operation: name, ...found })
  }
  return changes
}

/** An operation that a catalog doesn't have is what that policy makes of any such operation. */
function surveyIn(side: ApiSurvey | null, spec: OperationSpec | null): OperationSurvey | null {
  return side === null ? null : surveyOperation(side, spec)
}

type Found = Omit<OperationChange, 'agent' | 'api' | 'operation'>

/** The case that changes most: a wider one first, plain ones before raised ones. */
function diffOperation(
  before: OperationSurvey | null,
  after: OperationSurvey | null,
  stillPasses: (before: Ways, after: Ways) => void,
): Found | null {
  const keys = new Map<string, readonly [Case | null, Case | null]>()
  for (const each of before?.cases ?? []) keys.set(keyOf(before, each), [each, null])
  for (const each of after?.cases ?? []) {
    const key = keyOf(after, each)
    keys.set(key, [keys.get(key)?.[0] ?? null, each])
  }
  const listed = before?.spec != null || after?.spec != null
  let found: Found | null = null
  for (const [from, to] of keys.values()) {
    const [old, fresh] = [waysOf(from, listed), waysOf(to, listed)]
    if (verdictOf(to) !== 'denied') stillPasses(old, fresh)
    const direction = directionOf(verdictOf(from), verdictOf(to), old, fresh)
    if (direction === null || (found !== null && WORSE[direction] <= WORSE[found.direction])) continue
    const { raised, otherAccount } = to ?? (from as Case)
    found = { direction, from: standing(before, from), to: standing(after, to), raised, otherAccount }
  }
  return found
}

function waysOf(each: Case | null, listed: boolean): Ways {
  return { all: each?.ways ?? [], grounds: each?.grounds ?? [], listed }
}

const WORSE: Readonly<Record<Direction, number>> = { narrowed: 0, changed: 1, widened: 2 }

/** Cases of two catalogs are the same where the classes are that a request has in the end. */
function keyOf(survey: OperationSurvey | null, { raised, otherAccount }: Case): string {
  if (raised.length === 0) return `plain ${otherAccount}`
  return `${[...(survey?.spec?.classes ?? []), ...raised].sort().join()} ${otherAccount}`
}

const RANK: Readonly<Record<MatrixVerdict, number>> = { denied: 0, held: 1, admitted: 2 }

/** Null where nothing is different. */
function directionOf(from: MatrixVerdict, to: MatrixVerdict, old: Ways, fresh: Ways): Direction | null {
  if (RANK[to] > RANK[from]) return 'widened'
  // ATTACK: an allow that becomes a hold of something else, which nobody could ask for before.
  if (from !== to) return to === 'denied' || isWithin(fresh, old) ? 'narrowed' : 'changed'
  if (to === 'denied' || signatureOf(old) === signatureOf(fresh)) return null
  const wider = !isWithin(fresh, old)
  const narrower = !isWithin(old, fresh)
  if (!wider) return narrower ? 'narrowed' : null
  return narrower ? 'changed' : 'widened'
}

function verdictOf(each: Case | null): MatrixVerdict {
  if (each === null) return 'denied'
  return each.effects.has('allow') ? 'admitted' : each.effects.has('hold') ? 'held' : 'denied'
}

function standing(survey: OperationSurvey | null, each: Case | null): Standing {
  const ways = (each?.ways ?? []).filter(way => way.rule !== null && !way.over)
  return {
    verdict: verdictOf(each),
    by: [...new Set(ways.map(wordsOf))],
    listed: survey?.spec != null,
    classes: survey?.spec?.classes ?? [],
  }
}

function wordsOf(way: Way): string {
  const rule = way.rule?.rule
  if (rule === undefined) return ''
  const words = [
    ...conditionWords(rule, way.extent),
    ...(rule.limit === undefined ? [] : [limitWords(rule.limit)]),
  ]
  return `${rule.effect} ${rule.id}${words.length === 0 ? '' : `: ${words.join(', ')}`}`
}
