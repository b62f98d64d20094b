import type { JsonObject } from '../canon/index.js'
import type { ArgumentType, Catalog, Operation } from '../protocol/index.js'

/** How a question to an API ended; all but `answered` say why there are no facts. Stands in receipts. */
export const PROBE_STATUSES = [
  'answered',
  /** Nobody answered in time. */
  'timeout',
  'unreachable',
  /** The upstream wouldn't say: an error, or a credential that may not read this. */
  'refused',
  /** There was more than what came, or than may be looked at. */
  'partial',
  /** The answer doesn't hold the resource. */
  'not_found',
  /** The answer isn't what the catalog says. */
  'malformed',
  'no_credential',
  /** Too many questions were under way. */
  'busy',
  /** The resource isn't named so that it could be asked about. */
  'unclear',
] as const
export type ProbeStatus = (typeof PROBE_STATUSES)[number]

/** Questions of one request; about what comes behind them there is no answer. Each stands in the receipt. */
export const MAX_QUESTIONS = 64

/** One question: what a rule's probe wants to know of one resource of an operation. */
export interface ProbeQuestion {
  readonly probe: string
  readonly type: string
  readonly id: string
  /** Index of the operation. */
  readonly operation: number
}

/** What became of one question. Part of the inputs of a decision, as JSON. */
export interface ProbeResult {
  readonly probe: string
  readonly type: string
  readonly id: string
  readonly status: ProbeStatus
  /** Null unless it was answered. */
  readonly facts: JsonObject | null
}

/** A rule's probe, for one API. */
export interface RuleProbe {
  readonly name: string
  /** Types of resources that it is asked about. */
  readonly about: ReadonlySet<string>
  readonly facts: ArgumentType
}

/** The probe of this name in an API's catalog; null where it has none. */
export function ruleProbe(catalog: Pick<Catalog, 'probes'>, name: string): RuleProbe | null {
  const spec = catalog.probes?.get(name)
  if (spec === undefined) return null
  return { name, about: new Set(spec.about.keys()), facts: { fields: spec.facts } }
}

/** What a probe is asked about for one operation; the same resource once. */
export function subjectsOf(
  probe: RuleProbe,
  { resources }: Pick<Operation, 'resources'>,
): readonly { readonly type: string; readonly id: string }[] {
  const subjects = new Map(
    resources
      .filter(({ type }) => probe.about.has(type))
      .map(({ type, id }) => [`${type} ${id}`, { type, id }] as const),
  )
  return [...subjects.values()]
}

/**
 * The facts that were found about each resource, and one null where there is no answer about some, or nothing that can
 * be asked about.
 * ATTACK: a hundred thousand ids in one argument: each answer looked for among all of them, and the same condition
 * tried without an answer as often.
 */
export function factsFor(
  probe: RuleProbe,
  operation: Pick<Operation, 'resources'>,
  results: readonly ProbeResult[] | null,
): readonly (JsonObject | null)[] {
  const own = (results ?? []).filter(each => each.probe === probe.name)
  const found = new Map(own.map(({ type, id, facts }) => [`${type} ${id}`, facts]))
  const facts = subjectsOf(probe, operation).map(({ type, id }) => found.get(`${type} ${id}`) ?? null)
  const answered = facts.filter(each => each !== null)
  return answered.length === facts.length && facts.length > 0 ? answered : [...answered, null]
}
