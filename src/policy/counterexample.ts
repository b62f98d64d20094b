import { type Catalog, classify, type Operation, type RawRequest } from '../protocol/index.js'
import type { ActivePolicy, DecisionInput } from './active.js'
import { guesses } from './argument-guess.js'
import { ConditionContext, compileCondition } from './condition.js'
import { matchSelector } from './match.js'
import { type Breach, ruleOf } from './never.js'
import { accountOf, regionOf } from './resource-guess.js'
import { surveyedRule } from './survey-rule.js'

/** A request that shows a breach. */
export interface Counterexample {
  readonly request: RawRequest
  /** The time at which it passes, in Unix milliseconds. */
  readonly nowMs: number
  /** True where `decide` itself was asked, and let it pass; otherwise some condition couldn't be met by guessing. */
  readonly confirmed: boolean
}

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

/**
 * Writes a request for a breach, and asks the policy itself about it; null where the catalog can't write one. The
 * arguments are guessed from what is supposed: scope, resources, raised classes, conditions.
 */
export function counterexampleOf(breach: Breach, policy: ActivePolicy, nowMs: number): Counterexample | null {
  const api = policy.apis.get(breach.api)
  const { spec } = breach
  if (api === undefined || spec === null) return null
  const { catalog } = api
  let first: Counterexample | null = null
  for (const args of guesses(breach, catalog)) {
    const named = { name: spec.name, args, ...regionOf(breach, catalog) }
    // Where an API has a header for it; elsewhere the arguments name the other account.
    const other = breach.otherAccount ? { ...named, account: accountOf(breach) } : named
    const request = catalog.write?.(other) ?? catalog.write?.(named) ?? null
    if (request === null) continue
    for (const at of timesAround(nowMs, policy.expiresMs)) {
      const confirmed = passes(breach, policy, catalog, request, at)
      if (confirmed) return { request, nowMs: at, confirmed }
      first ??= { request, nowMs: at, confirmed }
    }
  }
  return first
}

/** Every hour of a day, for rules that hold during windows. */
function timesAround(nowMs: number, expiresMs: number): readonly number[] {
  const start = Math.min(nowMs, expiresMs - DAY_MS)
  return Array.from({ length: 24 }, (_, hour) => start + hour * HOUR_MS)
}

function passes(
  breach: Breach,
  policy: ActivePolicy,
  catalog: Catalog,
  request: RawRequest,
  nowMs: number,
): boolean {
  const classified = classify(catalog, request)
  const agent = policy.agents.get(breach.agent)
  if (classified.kind === 'unclassifiable' || agent === undefined) return false
  const operations = classified.operations.map(each => catalog.describe(breach.api, each))
  const input: DecisionInput = {
    agent: { id: agent.id, environment: agent.environment, task: 'proof', owner: '' },
    authorizationDetails: null,
    request: { api: breach.api, method: request.method, target: request.target },
    operations,
    nowMs,
    lastEntryMs: 0,
    probe: null,
    usage: () => 0,
  }
  const { effect } = policy.decide(input)
  return (
    effect === breach.effect && operations.some(operation => isForbidden(breach, input, operation, policy))
  )
}

/** Whether a statement speaks of an operation, as a deny would. */
function isForbidden(
  { statement, api, spec }: Breach,
  input: DecisionInput,
  operation: Operation,
  policy: ActivePolicy,
): boolean {
  if (matchSelector(surveyedRule(ruleOf(statement), api, {}), operation) === 'no') return false
  if (statement.when === undefined) return true
  const agent = policy.agents.get(input.agent.id)
  const context = new ConditionContext(input, operation, agent, spec?.args ?? 'any')
  return compileCondition(statement.when).holds(context) !== 'no'
}
