import type { DecisionInput } from '../../policy/index.js'
import type { OperationClass } from '../../protocol/index.js'
import type { ConsultedPolicy } from '../policy-file.js'
import { type CaseResult, EXPIRED } from './run-cases.js'

/** What the cases that hold have shown of a policy. */
export interface Coverage {
  /** Rules that had a say in a decision, in the order of the policy, and those that had none. */
  readonly rules: { readonly tested: readonly string[]; readonly untested: readonly string[] }
  /** Operations of the catalogs that are destructive or irreversible whatever their arguments, as `api name`. */
  readonly destructive: {
    /** Shown to be denied or held, and never shown to pass. */
    readonly stopped: readonly string[]
    /** Shown to pass, alone or beside others. */
    readonly admitted: readonly string[]
    readonly untested: readonly string[]
  }
}

const UNDOABLE: readonly OperationClass[] = ['destructive', 'irreversible']

export function coverageOf(policy: ConsultedPolicy, results: readonly CaseResult[]): Coverage {
  const spoken = new Set<string>()
  const stopped = new Set<string>()
  const admitted = new Set<string>()
  for (const { input, outcome, differences } of results) {
    if (input === null || differences.length > 0 || outcome.code === EXPIRED) continue
    for (const rule of rulesWithASay(policy, input, outcome)) spoken.add(rule)
    for (const operation of input.operations) {
      const name = `${operation.api} ${operation.name}`
      if (outcome.effect === 'allow') admitted.add(name)
      else if (isStopped(policy, input, operation)) stopped.add(name)
    }
  }
  const destructive = destructiveOf(policy)
  return {
    rules: {
      tested: policy.rules.filter(id => spoken.has(id)),
      untested: policy.rules.filter(id => !spoken.has(id)),
    },
    destructive: {
      stopped: destructive.filter(name => stopped.has(name) && !admitted.has(name)),
      admitted: destructive.filter(name => admitted.has(name)),
      untested: destructive.filter(name => !stopped.has(name) && !admitted.has(name)),
    },
  }
}

/** By itself, and with nothing used up: an operation beside it in the same request, or a limit, may have stopped it else. */
function isStopped(
  { active }: ConsultedPolicy,
  input: DecisionInput,
  operation: DecisionInput['operations'][number],
): boolean {
  return active.decide({ ...input, operations: [operation], usage: () => 0 }).effect !== 'allow'
}

/** The receipt names one rule; every other that fits and wants the same had a say as well. */
function rulesWithASay(
  { active }: ConsultedPolicy,
  input: DecisionInput,
  { effect, rule }: CaseResult['outcome'],
): readonly string[] {
  const fitting = active.fitting(input).filter(each => {
    if (each.effect !== effect) return false
    return each.when === null || each.when === 'yes' || (each.when === 'error' && each.effect !== 'allow')
  })
  return [...fitting.map(each => each.rule), ...(rule === null ? [] : [rule])]
}

function destructiveOf({ active }: ConsultedPolicy): readonly string[] {
  return [...active.apis.values()].flatMap(({ name: api, catalog }) =>
    catalog
      .operations()
      .filter(({ classes }) => classes.some(each => UNDOABLE.includes(each)))
      .map(({ name }) => `${api} ${name}`),
  )
}

/** Whole percent, rounded down; 100 of nothing. */
export function percent(part: number, whole: number): number {
  return whole === 0 ? 100 : Math.floor((100 * part) / whole)
}
