import type { ArgumentType, OperationSpec, ProbeSpec } from '../protocol/index.js'
import type { Effect } from './active.js'
import { listOf } from './api-catalog.js'
import { memberType, mergeTypes, typeOfValue } from './argument-type.js'
import { limitWindow } from './budget.js'
import type { ResolvedApi } from './compile.js'
import { probeOf } from './compile-probe.js'
import { compileExcept, compileSelect } from './compile-selector.js'
import type { CompiledLimit, CompiledPolicy, CompiledRule } from './compiled.js'
import { checkCondition } from './condition-check.js'
import { compareIds } from './decide.js'
import type { PolicyDocument } from './document.js'
import type { RuleSource, SelectorSource } from './document-rule.js'
import { type DocumentPath, didYouMean, type Findings } from './finding.js'
import { couldMatch, selectionOf } from './match.js'

export const EFFECTS: readonly Effect[] = ['allow', 'hold', 'deny']

/** The rules, by id: names resolved, selectors held against the catalogs, conditions checked. */
export function compileRules(
  document: PolicyDocument,
  apis: ReadonlyMap<string, ResolvedApi>,
  agents: CompiledPolicy['agents'],
  findings: Findings,
): CompiledRule[] {
  const compiler = new RuleCompiler(document, apis, agents, findings)
  const rules = document.rules.flatMap((rule, index) => compiler.compile(rule, ['rules', index]) ?? [])
  return rules.sort((a, b) => compareIds(a.id, b.id))
}

export class RuleCompiler {
  private readonly document: Pick<PolicyDocument, 'apis' | 'windows' | 'approvers'>
  private readonly apis: ReadonlyMap<string, ResolvedApi>
  private readonly agents: CompiledPolicy['agents']
  private readonly findings: Findings
  private readonly ids = new Set<string>()

  constructor(
    document: Pick<PolicyDocument, 'apis' | 'windows' | 'approvers'>,
    apis: ReadonlyMap<string, ResolvedApi>,
    agents: CompiledPolicy['agents'],
    findings: Findings,
  ) {
    this.document = document
    this.apis = apis
    this.agents = agents
    this.findings = findings
  }

  /** `selectorPath` is where the selector stands in the source, unless it is under the rule's effect. */
  compile(rule: RuleSource, path: DocumentPath, selectorPath?: DocumentPath): CompiledRule | null {
    if (this.ids.has(rule.id))
      this.findings.add('duplicate', [...path, 'id'], `The rule id ${rule.id} is taken.`)
    this.ids.add(rule.id)
    const effects = EFFECTS.filter(effect => rule[effect] !== undefined)
    const [effect] = effects
    if (effect === undefined || effects.length > 1) {
      const written = effects.length === 0 ? 'none' : effects.join(' and ')
      this.findings.add('rule_effect', path, `The rule ${rule.id} has ${written} of them.`)
      return null
    }
    const selector = rule[effect] as SelectorSource
    const at = selectorPath ?? [...path, effect]
    this.checkWidth(effect, selector, at)
    const apis = this.resolveApis(effect, selector, at)
    const to = this.resolveAgents(effect, rule, path)
    const selected = apis.flatMap(name => this.apis.get(name) ?? [])
    const select = compileSelect(effect, selector, selected, at, this.findings)
    const except = compileExcept(effect, selector, selected, at, this.findings)
    const compiled: CompiledRule = {
      id: rule.id,
      effect,
      apis: [...apis],
      select,
      ...(except === null ? {} : { except }),
      ...(to === null ? {} : { to: [...to] }),
      ...(rule.when === undefined ? {} : { when: rule.when }),
      ...(rule.probe === undefined ? {} : { probe: rule.probe }),
      ...this.during(rule, path),
      ...this.limit(effect, rule, path),
      ...this.approvers(effect, rule, path),
      ...(rule.because === undefined ? {} : { because: rule.because }),
    }
    const operations = this.selectedOperations(compiled, selected)
    if (operations.length === 0 && selected.length > 0 && !reachesUnknown(compiled)) {
      this.findings.add(
        'nothing_selected',
        at,
        `The rule ${rule.id} matches no operation of ${apis.join(', ')}.`,
      )
    }
    this.checkSum(rule, operations, path)
    const probe =
      rule.probe === undefined
        ? undefined
        : probeOf(rule.probe, rule.id, selected, operations, this.document, [...path, 'probe'], this.findings)
    // What an unknown probe finds is unknown as well, and said once.
    if (rule.probe === undefined || probe !== undefined)
      this.checkWhen(effect, rule, operations, to, probe?.facts, path)
    return compiled
  }

  private checkWidth(effect: Effect, selector: SelectorSource, path: DocumentPath): void {
    if (effect !== 'allow') return
    const { operations, class: classes, effect: tag } = selector
    if (operations === undefined && classes === undefined && tag === undefined) {
      this.findings.add(
        'allow_too_wide',
        path,
        'An allow has to say what it allows; an absent key never widens it.',
      )
    }
  }

  private resolveApis(effect: Effect, selector: SelectorSource, path: DocumentPath): readonly string[] {
    const known = Object.keys(this.document.apis)
    const names = listOf(selector.api)
    if (names.length === 0 && effect !== 'deny') {
      this.findings.add('api_required', path, `Every ${effect} names its APIs.`)
    }
    if (names.length === 0 || names.includes('*')) return known.sort(compareIds)
    return this.resolve('API', names, known, [...path, 'api'])
  }

  private resolveAgents(effect: Effect, rule: RuleSource, path: DocumentPath): readonly string[] | null {
    const known = Object.keys(this.agents)
    if (rule.to === undefined) {
      if (effect !== 'deny')
        this.findings.add('to_required', path, `The rule ${rule.id} does not say for whom.`)
      return null
    }
    const names = listOf(rule.to)
    return names.includes('*') ? known.sort(compareIds) : this.resolve('agent', names, known, [...path, 'to'])
  }

  /** Names that are defined, sorted; the others become findings. */
  private resolve(
    kind: string,
    names: readonly string[],
    known: readonly string[],
    path: DocumentPath,
  ): readonly string[] {
    for (const name of names) {
      if (known.includes(name)) continue
      this.findings.add('undefined_name', path, `There is no ${kind} "${name}".${didYouMean(name, known)}`)
    }
    return [...new Set(names)].filter(name => known.includes(name)).sort(compareIds)
  }

  private during(rule: RuleSource, path: DocumentPath): Pick<CompiledRule, 'during'> {
    if (rule.during === undefined) return {}
    const known = Object.keys(this.document.windows ?? {})
    return { during: [...this.resolve('window', listOf(rule.during), known, [...path, 'during'])] }
  }

  private approvers(effect: Effect, rule: RuleSource, path: DocumentPath): Pick<CompiledRule, 'approvers'> {
    const holds = effect === 'hold' || rule.limit?.over === 'hold'
    if (rule.approvers === undefined) {
      if (holds)
        this.findings.add('approvers_required', path, `The rule ${rule.id} does not say who may approve.`)
      return {}
    }
    if (!holds) {
      const message = 'Only a hold, or a limit with `over: hold`, is approved by anybody.'
      this.findings.add('key_without_use', [...path, 'approvers'], message)
    }
    const known = Object.keys(this.document.approvers ?? {})
    return {
      approvers: [...this.resolve('approver group', listOf(rule.approvers), known, [...path, 'approvers'])],
    }
  }

  private limit(effect: Effect, rule: RuleSource, path: DocumentPath): Pick<CompiledRule, 'limit'> {
    const { limit } = rule
    if (limit === undefined) return {}
    const at = [...path, 'limit']
    if (effect === 'deny') {
      this.findings.add('key_without_use', at, 'What is denied needs no limit.')
      return {}
    }
    const window = limitWindow(limit.per)
    if (window === null)
      this.findings.add('bad_duration', [...at, 'per'], `"${limit.per}" is longer than a year.`)
    const counts = limit.count !== undefined && limit.sum === undefined && limit.max === undefined
    const sums = limit.count === undefined && limit.sum !== undefined && limit.max !== undefined
    if (counts === sums || (counts && limit.unit !== undefined)) {
      this.findings.add('bad_limit', at, 'A limit either counts (`count`) or sums (`sum`, `unit`, `max`).')
    }
    const compiled: CompiledLimit = {
      ...(limit.sum === undefined ? {} : { sum: limit.sum.split('.').slice(1) }),
      ...(limit.unit === undefined ? {} : { unit: limit.unit.toLowerCase() }),
      max: limit.count ?? limit.max ?? 1,
      window: window ?? { kind: 'day' },
      over: limit.over ?? 'deny',
    }
    return { limit: compiled }
  }

  private selectedOperations(rule: CompiledRule, apis: readonly ResolvedApi[]): readonly OperationSpec[] {
    return apis.flatMap(api => {
      const selection = selectionOf(rule.select, api.name)
      // A rule by name looks at its own operations only: compiling is not rules times operations either.
      const { names } = selection
      const among =
        names === null
          ? api.operations
          : [...names.named, ...names.globbed].flatMap(name => api.byName.get(name) ?? [])
      return among.filter(spec => couldMatch(rule, selection, spec))
    })
  }

  private checkSum(rule: RuleSource, operations: readonly OperationSpec[], path: DocumentPath): void {
    const sum = rule.limit?.sum
    if (sum === undefined || operations.length === 0) return
    const steps = sum.split('.').slice(1)
    const types = operations.map(({ args }) =>
      steps.reduce<ArgumentType | undefined>((type, step) => type && memberType(type, step), args),
    )
    const at = [...path, 'limit', 'sum']
    if (types.every(type => type === undefined)) {
      this.findings.add('when_unknown_path', at, `${sum} exists in no selected operation.`)
    } else if (types.some(type => type !== undefined && type !== 'int')) {
      this.findings.add(
        'when_untyped',
        at,
        `${sum} is not known to be a whole number in every selected operation.`,
      )
    }
  }

  private checkWhen(
    effect: Effect,
    rule: RuleSource,
    operations: readonly OperationSpec[],
    to: readonly string[] | null,
    probe: ProbeSpec['facts'] | undefined,
    path: DocumentPath,
  ): void {
    if (rule.when === undefined || operations.length === 0) return
    const facts = (to ?? Object.keys(this.agents))
      .map((id): ArgumentType => {
        const stated = Object.entries(this.agents[id]?.facts ?? {})
        return { fields: Object.fromEntries(stated.map(([fact, value]) => [fact, typeOfValue(value)])) }
      })
      .reduce<ArgumentType>(mergeTypes, { fields: {} })
    const scope = { effect, operations, facts, probe: probe === undefined ? undefined : { fields: probe } }
    for (const { code, message, at } of checkCondition(rule.when, scope)) {
      this.findings.add(code, [...path, 'when'], `At letter ${at + 1} of \`when\`: ${message}`)
    }
  }
}

/** A deny reaches operations that no catalog has; the others only by naming the class. */
function reachesUnknown(rule: CompiledRule): boolean {
  const { classes, operations, effects } = rule.select
  if (effects !== undefined || (operations !== undefined && operations.patterns.length === 0)) return false
  return classes === undefined ? rule.effect === 'deny' : classes.includes('unknown')
}
