import { base64 } from '../canon/index.js'
import {
  type ActivePolicy,
  type Breach,
  type CompiledNever,
  counterexampleOf,
  findBreaches,
  OBSERVING,
  openSurvey,
  provenByIds,
  UNLISTED,
} from '../policy/index.js'
import type { RawRequest } from '../protocol/index.js'
import { curlText } from './curl-text.js'
import { escapeHidden, hidesLetters, visible } from './entry-text.js'

/** One breach as it is reported. */
export interface NeverReport {
  readonly statement: string
  readonly because: string | null
  readonly agent: string
  readonly api: string
  readonly operation: string
  readonly raised: readonly string[]
  readonly otherAccount: boolean
  /** The rule that lets it pass, and whether a person has to agree. */
  readonly rule: string
  readonly effect: 'allow' | 'hold'
  /** A line for `policy explain --requests`; null where the catalog can't write one. */
  readonly request: Record<string, unknown> | null
  /** The same as a line of curl. */
  readonly curl: string | null
  /** True where the policy itself was asked and let the request pass. */
  readonly confirmed: boolean
  /** A time at which it passes. */
  readonly at: string | null
}

/** How many requests are written out for one statement; the rest are counted. */
const MOST_EXAMPLES = 10

/** What a proof found. */
export interface NeverProof {
  readonly statements: readonly CompiledNever[]
  readonly breaches: readonly NeverReport[]
  /** Ids of statements that are proven by the ids that requests name, where a thing may have other names. */
  readonly byIds: readonly string[]
  /** Breaches of a statement beyond those that are reported. */
  readonly more: Readonly<Record<string, number>>
}

/** Proves the statements of a policy, and writes a request for each of the first breaches. */
export function proveNever(
  payload: Parameters<typeof openSurvey>[0],
  active: ActivePolicy,
  nowMs: number,
): NeverProof {
  const survey = openSurvey(payload, active.apis)
  const breaches = findBreaches(survey)
  const statements = survey.policy.never ?? []
  const of = (id: string): readonly Breach[] => breaches.filter(each => each.statement.id === id)
  return {
    statements,
    byIds: provenByIds(survey, breaches),
    breaches: statements.flatMap(({ id }) =>
      of(id)
        .slice(0, MOST_EXAMPLES)
        .map(each => reportOf(each, active, nowMs)),
    ),
    more: Object.fromEntries(
      statements.flatMap(({ id }) => {
        const rest = of(id).length - MOST_EXAMPLES
        return rest > 0 ? [[id, rest] as const] : []
      }),
    ),
  }
}

function reportOf(breach: Breach, active: ActivePolicy, nowMs: number): NeverReport {
  const example = counterexampleOf(breach, active, nowMs)
  const api = active.apis.get(breach.api)
  return {
    statement: breach.statement.id,
    because: breach.statement.because ?? null,
    agent: breach.agent,
    api: breach.api,
    operation: breach.spec?.name ?? UNLISTED,
    raised: breach.raised,
    otherAccount: breach.otherAccount,
    rule: breach.rule.id,
    effect: breach.effect,
    request: example === null ? null : requestLine(breach.api, example.request),
    curl: example === null || api === undefined ? null : curlText(api, example.request),
    confirmed: example?.confirmed ?? false,
    at: example === null ? null : new Date(example.nowMs).toISOString(),
  }
}

/** A request as `policy explain --requests` reads it. */
function requestLine(api: string, { method, target, headers, body }: RawRequest): Record<string, unknown> {
  const line = { api, method, target, headers }
  if (body === null) return line
  const text = new TextDecoder().decode(body)
  return Buffer.from(text, 'utf8').equals(body)
    ? { ...line, body: text }
    : { ...line, bodyBase64: base64(body) }
}

const BY_IDS = ', by the ids that requests name; a thing may have others (docs/aws.md)'

/** What a proof found, for people. */
export function neverLines({ statements, byIds, breaches, more }: NeverProof): readonly string[] {
  return statements.flatMap(statement => {
    const own = breaches.filter(each => each.statement === statement.id)
    if (own.length === 0)
      return [`PROVEN  ${statement.id}: cannot happen${byIds.includes(statement.id) ? BY_IDS : ''}`]
    const because = statement.because === undefined ? '' : ` (${visible(statement.because)})`
    const rest = more[statement.id]
    return [
      `BROKEN  ${statement.id}${because}`,
      ...own.flatMap(breachLines),
      ...(rest === undefined ? [] : [`  and ${rest} more`]),
    ]
  })
}

function breachLines(each: NeverReport): readonly string[] {
  const { agent, api, operation, raised, otherAccount, rule, effect, request, curl, confirmed, at } = each
  const where = [
    ...(raised.length === 0 ? [] : [`with arguments that raise ${raised.join(' and ')}`]),
    ...(otherAccount ? ['in another account'] : []),
  ]
  const verb = effect === 'allow' ? 'is admitted' : 'may be approved'
  const words = `  ${agent}: ${api} ${[operation, ...where].join(' ')} ${verb} by ${rule === OBSERVING ? '' : 'rule '}${rule}`
  if (request === null) return [visible(words)]
  const note = confirmed
    ? `  passes${at === null ? '' : `, at ${at}`}:`
    : '  such as this, where the rule’s other conditions are met:'
  // A line of curl says letters as they are; one that a terminal would obey is said in JSON, which has escapes.
  const line = curl === null || hidesLetters(curl) ? escapeHidden(JSON.stringify(request)) : curl
  return [visible(words), `  ${note}`, `      ${line}`]
}
