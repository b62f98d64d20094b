import { OPERATION_CLASSES, type Operation, type OperationClass } from '../protocol/index.js'
import type { Effect } from './active.js'
import { countsUnderShared } from './budget.js'
import { conditionWords, limitWords } from './rule-words.js'
import { type Case, type OperationSurvey, type PolicySurvey, surveyOperation, type Way } from './survey.js'

/** The most that may become of a request for an operation. */
export type MatrixVerdict = 'admitted' | 'held' | 'denied'

export const VERDICTS: readonly MatrixVerdict[] = ['admitted', 'held', 'denied']

/** One operation for one agent. */
export interface MatrixRow {
  readonly api: string
  /** `(not in the catalog)` for all that the catalog doesn't have. */
  readonly operation: string
  readonly classes: readonly OperationClass[]
  readonly verdict: MatrixVerdict
  /** True where nothing else can become of it, whatever its arguments, scope, time and counters are, those of `limits` among them. */
  readonly always: boolean
  /** Rules that lead to the verdict, each with what has to be true; empty where no rule matches. */
  readonly by: readonly { readonly rule: string; readonly if: readonly string[] }[]
  /** What else may become of it, and why. */
  readonly unless: readonly string[]
  /** Classes of requests that are admitted, those that arguments raise among them. */
  readonly admittedClasses: readonly OperationClass[]
}

export interface MatrixCount {
  readonly operations: number
  readonly admitted: number
  readonly held: number
  readonly denied: number
}

export interface MatrixTotals extends MatrixCount {
  /** Operations that do more than read. */
  readonly mutations: MatrixCount
  /** Operations of which an irreversible request is admitted. */
  readonly irreversibleAdmitted: number
  /** By class; an operation counts once for each of its classes. */
  readonly classes: Readonly<Partial<Record<OperationClass, MatrixCount>>>
}

export interface Matrix {
  readonly agent: string
  readonly rows: readonly MatrixRow[]
  readonly totals: MatrixTotals
  readonly byApi: Readonly<Record<string, MatrixTotals>>
}

/** What an agent may do: every operation of every API, with the rules that decide. */
export function matrixOf(survey: PolicySurvey, agent: string): Matrix {
  const rows = survey.apis.flatMap(api => {
    const surveyed = survey.of(agent, api)
    const ends = new Map<OperationSurvey['cases'], End>()
    return [...surveyed.operations, null].map((spec): MatrixRow => {
      const found = surveyOperation(surveyed, spec)
      // Operations that are alike share their cases, and their classes with them.
      const end = ends.get(found.cases) ?? endOf(found, survey.policy.limits !== undefined)
      ends.set(found.cases, end)
      return { api, operation: spec?.name ?? UNLISTED, ...end }
    })
  })
  const listed = rows.filter(row => row.operation !== UNLISTED)
  return {
    agent,
    rows,
    totals: totalsOf(listed),
    byApi: Object.fromEntries(survey.apis.map(api => [api, totalsOf(listed.filter(row => row.api === api))])),
  }
}

export const UNLISTED = '(not in the catalog)'

const EFFECT_OF: Readonly<Record<MatrixVerdict, Effect>> = { admitted: 'allow', held: 'hold', denied: 'deny' }

/** What becomes of an operation, whatever its name is. */
type End = Omit<MatrixRow, 'api' | 'operation'>

function endOf({ spec, cases }: OperationSurvey, hasBudgets: boolean): End {
  const verdict = VERDICTS.find(each => cases.some(({ effects }) => effects.has(EFFECT_OF[each]))) ?? 'denied'
  const effect = EFFECT_OF[verdict]
  const leading = cases.filter(({ effects }) => effects.has(effect))
  const [first] = leading as [Case]
  const plain = cases[0] as Case
  const classes = spec?.classes ?? ['unknown']
  const isCounted =
    hasBudgets && verdict !== 'denied' && cases.some(each => countsUnderShared(classesOf(spec, each)))
  const admitting = cases.filter(({ effects }) => effects.has('allow'))
  return {
    classes,
    verdict,
    always: cases.every(({ effects }) => effects.size === 1 && effects.has(effect)) && !isCounted,
    by: waysTo(first, effect),
    unless: [
      ...(first === plain ? [] : [onlyWhere(first)]),
      ...othersOf(first, effect),
      ...otherCases(cases, leading),
    ],
    admittedClasses: OPERATION_CLASSES.filter(each =>
      admitting.some(({ raised }) => classes.includes(each) || raised.includes(each)),
    ),
  }
}

function classesOf(spec: OperationSurvey['spec'], { raised }: Case): Pick<Operation, 'classes'> {
  return { classes: [...(spec?.classes ?? ['unknown']), ...raised] }
}

function waysTo({ ways }: Case, effect: Effect): MatrixRow['by'] {
  return ways
    .filter(way => way.effect === effect && way.rule !== null)
    .map(way => ({ rule: way.rule?.id as string, if: wordsOf(way) }))
}

function wordsOf({ rule, extent, effect, over }: Way): readonly string[] {
  if (rule === null) return []
  const { limit } = rule.rule
  const limited = limit === undefined ? [] : over ? [`above ${limitWords(limit)}`] : [limitWords(limit)]
  return [...conditionWords(rule.rule, extent), ...(effect === 'deny' && !over ? [] : limited)]
}

const BECOMES: Readonly<Record<Effect, string>> = { allow: 'admitted', hold: 'held', deny: 'denied' }

/** What else may become of the same requests, rules only: that the way's own condition isn't met goes without saying. */
function othersOf({ ways }: Case, effect: Effect): readonly string[] {
  return ways
    .filter(way => way.effect !== effect && way.rule !== null && !way.over)
    .map(way => {
      const words = wordsOf(way)
      return `${BECOMES[way.effect]} by ${way.rule?.id}${words.length === 0 ? '' : ` ${asIf(words)}`}`
    })
}

function asIf(words: readonly string[]): string {
  return words
    .map(word => (/^(?:when|during|outside|up|above|by) /.test(word) ? word : `if ${word}`))
    .join(', ')
}

function onlyWhere({ raised, otherAccount }: Case): string {
  const what = [
    ...(raised.length === 0 ? [] : [`its arguments raise ${raised.join(' and ')}`]),
    ...(otherAccount ? ['it names another account'] : []),
  ]
  return `only where ${what.join(' and ')}`
}

/**
 * Classes that an argument may raise, and another account, where they end differently. That what isn't understood,
 * or names another account, is denied unless a rule says otherwise goes without saying.
 */
function otherCases(cases: readonly Case[], leading: readonly Case[]): readonly string[] {
  const ends = (each: Case): string =>
    BECOMES[(['allow', 'hold', 'deny'] as const).find(effect => each.effects.has(effect)) ?? 'deny']
  const apart = cases.filter(each => !leading.includes(each))
  const raised = apart
    .filter(each => each.raised.length === 1 && !each.otherAccount)
    .filter(each => each.raised[0] !== 'opaque' || ends(each) !== 'denied')
    .map(each => `${ends(each)} where an argument raises ${each.raised[0]}`)
  const account = apart.find(each => each.raised.length === 0 && each.otherAccount)
  return account === undefined || ends(account) === 'denied'
    ? raised
    : [...raised, `${ends(account)} where another account is named`]
}

function totalsOf(rows: readonly MatrixRow[]): MatrixTotals {
  const all = new Count()
  const mutations = new Count()
  const classes = new Map<OperationClass, Count>()
  let irreversibleAdmitted = 0
  for (const row of rows) {
    all.add(row)
    if (row.classes.some(each => !READS.includes(each))) mutations.add(row)
    for (const each of new Set(row.classes)) {
      const count = classes.get(each) ?? new Count()
      classes.set(each, count)
      count.add(row)
    }
    if (row.admittedClasses.includes('irreversible')) irreversibleAdmitted++
  }
  return {
    ...all,
    mutations: { ...mutations },
    irreversibleAdmitted,
    classes: Object.fromEntries(
      OPERATION_CLASSES.flatMap(each => {
        const count = classes.get(each)
        return count === undefined ? [] : [[each, { ...count }]]
      }),
    ),
  }
}

const READS: readonly OperationClass[] = ['read', 'sensitive_read']

class Count implements MatrixCount {
  operations = 0
  admitted = 0
  held = 0
  denied = 0

  add({ verdict }: MatrixRow): void {
    this.operations++
    this[verdict]++
  }
}
