import type { Operation, OperationSpec } from '../protocol/index.js'
import type { PolicyAgent, PolicyApi } from './active.js'
import { sharedLimits } from './budget.js'
import type { CompiledPolicy, CompiledRule } from './compiled.js'
import { type Condition, compileCondition } from './condition.js'
import { type Candidates, compareIds, type IndexedRule, type RuleIndex } from './decide.js'
import { policyFault } from './error-table.js'
import { couldMatch, selectionOf } from './match.js'
import { ruleProbe } from './probe.js'
import { type WindowTest, windowTest } from './window.js'

/** What there is for one API: candidates by operation, and those for a name that its catalog doesn't have. */
interface ApiIndex {
  readonly byOperation: ReadonlyMap<string, Candidates>
  readonly unlisted: Candidates
}

/** A limit of the whole policy stands as a rule that every admitted change meets. */
const SHARED: Omit<IndexedRule, 'id' | 'limit'> = {
  effect: 'allow',
  select: selectionOf({}, ''),
  except: null,
  to: null,
  during: null,
  probe: null,
  when: null,
  approvers: [],
  because: null,
}

const NOTHING: Candidates = { deny: [], hold: [], allow: [], args: 'any' }

/**
 * Indexes a policy's rules by API and operation name, so that a decision looks only at rules that could match:
 * 10,000 routes, or rules by name, cost it the same as ten. Throws `compiled_policy_malformed` where a condition
 * or a zone can't be read.
 */
export function indexRules(
  policy: CompiledPolicy,
  apis: ReadonlyMap<string, PolicyApi>,
  agents: ReadonlyMap<string, PolicyAgent>,
): RuleIndex {
  const windows = new Map(
    Object.entries(policy.windows).map(([name, window]) => [
      name,
      readable(`windows.${name}`, () => windowTest(window)),
    ]),
  )
  const rules = [...policy.rules].sort((a, b) => compareIds(a.id, b.id))
  const conditions = new Map(rules.map(rule => [rule, conditionOf(rule)]))
  const indexes = new Map<string, ApiIndex>()
  for (const [name, api] of apis) {
    const own = rules.filter(rule => rule.apis.includes(name))
    const indexed = own.map(rule => indexedRule(rule, api, conditions.get(rule) ?? null, windows))
    indexes.set(name, indexApi(indexed, api.catalog.operations()))
  }
  return {
    expiresMs: policy.expires,
    agents,
    shared: sharedLimits(policy).map(({ id, limit }) => ({ ...SHARED, id, limit })),
    candidates: ({ api, name }: Operation) => {
      const index = indexes.get(api)
      return index === undefined ? NOTHING : (index.byOperation.get(name) ?? index.unlisted)
    },
  }
}

function conditionOf(rule: CompiledRule): Condition | null {
  const { when } = rule
  return when === undefined
    ? null
    : readable(`the condition of rule ${rule.id}`, () => compileCondition(when))
}

function readable<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch {
    throw policyFault('compiled_policy_malformed', `${what} can’t be read`)
  }
}

function indexedRule(
  rule: CompiledRule,
  { name: api, catalog }: PolicyApi,
  when: Condition | null,
  windows: ReadonlyMap<string, WindowTest>,
): IndexedRule {
  return {
    id: rule.id,
    effect: rule.effect,
    select: selectionOf(rule.select, api),
    except: rule.except === undefined ? null : selectionOf(rule.except, api),
    to: rule.to === undefined ? null : new Set(rule.to),
    during: rule.during === undefined ? null : rule.during.flatMap(name => windows.get(name) ?? []),
    when,
    probe: rule.probe === undefined ? null : ruleProbe(catalog, rule.probe),
    limit: rule.limit ?? null,
    approvers: rule.approvers ?? [],
    because: rule.because ?? null,
  }
}

function indexApi(rules: readonly IndexedRule[], operations: readonly OperationSpec[]): ApiIndex {
  const { byOperation, unlisted } = rulesByOperation(rules)
  const candidates = new Map<string, Candidates>()
  for (const spec of operations) candidates.set(spec.name, byEffect(byOperation(spec), spec))
  return { byOperation: candidates, unlisted: byEffect(unlisted, { args: 'any' }) }
}

/** What finding a rule by operation needs of it. */
export type FindableRule = Pick<IndexedRule, 'id' | 'effect' | 'select'>

/** The rules of one API that could match an operation of its catalog, and those that could match any other name; by id. */
export interface RulesByOperation<R extends FindableRule> {
  byOperation(spec: OperationSpec): readonly R[]
  readonly unlisted: readonly R[]
}

/** Rules that name their operations are found by name, so that indexing is not rules times operations either. */
export function rulesByOperation<R extends FindableRule>(rules: readonly R[]): RulesByOperation<R> {
  const byName = new Map<string, R[]>()
  const general: R[] = []
  for (const rule of rules) {
    const { names } = rule.select
    if (names === null) general.push(rule)
    for (const name of names === null ? [] : [...names.named, ...names.globbed]) {
      const others = byName.get(name)
      if (others === undefined) byName.set(name, [rule])
      else others.push(rule)
    }
  }
  return {
    byOperation: spec =>
      [...(byName.get(spec.name) ?? []), ...general]
        // INVARIANT: only an allow is left out on the catalog's word; a hold or deny is tried on what the request is.
        .filter(rule => rule.effect !== 'allow' || couldMatch(rule, rule.select, spec))
        .sort(byId),
    unlisted: rules.filter(rule => rule.select.names === null || rule.select.patterns.length > 0).sort(byId),
  }
}

function byId(a: FindableRule, b: FindableRule): number {
  return compareIds(a.id, b.id)
}

function byEffect(rules: readonly IndexedRule[], spec: Pick<OperationSpec, 'args'>): Candidates {
  return {
    deny: rules.filter(rule => rule.effect === 'deny'),
    hold: rules.filter(rule => rule.effect === 'hold'),
    allow: rules.filter(rule => rule.effect === 'allow'),
    // A large catalog makes the types of its arguments when they are asked for.
    get args() {
      return spec.args
    },
  }
}
