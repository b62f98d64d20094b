import type { OperationClass, OperationSpec } from '../protocol/index.js'
import { listOf } from './api-catalog.js'
import { type CompiledResult, type CompileOptions, compilePolicy } from './compile.js'
import { EFFECTS } from './compile-rules.js'
import { type CompiledPolicy, type CompiledRule, readCompiled } from './compiled.js'
import type { PolicyDocument } from './document.js'
import type { NeverSource } from './document-rule.js'
import { type DocumentPath, type Finding, Findings } from './finding.js'
import { globsMeet } from './glob.js'
import { coveredRules, type RuleUse, usesOf } from './lint-rules.js'
import { couldMatch, selectionOf } from './match.js'
import { UNLISTED } from './matrix.js'
import { findBreaches } from './never.js'
import type { PolicySource } from './source.js'
import { openSurvey, type PolicySurvey } from './survey.js'

const SOON_MS = 14 * 86_400_000
/** Witnesses and stores are asked every few seconds, and answer over a network. */
const LEAST_BEHIND = { entries: 64, seconds: 30 } as const
const UNDOABLE: readonly OperationClass[] = ['destructive', 'irreversible']

export interface LintOptions extends CompileOptions {
  readonly nowMs: number
}

/** A policy that compiles, as a lint sees it. */
interface Linted {
  readonly document: PolicyDocument
  readonly policy: CompiledPolicy
  readonly apis: CompiledResult['apis']
  readonly survey: PolicySurvey
  readonly nowMs: number
  /** Where each rule stands in the document, by its id. */
  readonly places: ReadonlyMap<string, number>
}

type Lint = (policy: Linted, findings: Findings) => void

/**
 * What is wrong with a policy, or, where it compiles, what its author should think about again. Warnings don't
 * keep it from being sealed.
 */
export function lintPolicy(source: PolicySource, options: LintOptions): readonly Finding[] {
  const compiled = compilePolicy(source, options)
  if (compiled.kind === 'findings') return compiled.findings
  const policy = readCompiled(compiled.payload)
  const findings = new Findings(source.locate)
  const linted = {
    document: source.document,
    policy,
    apis: compiled.apis,
    survey: openSurvey(compiled.payload, compiled.apis),
    nowMs: options.nowMs,
    places: new Map(source.document.rules.map(({ id }, index) => [id, index])),
  }
  for (const lint of LINTS) lint(linted, findings)
  return findings.sorted()
}

const LINTS: readonly Lint[] = [
  expiry,
  plainHttp,
  testEndpoints,
  missingCredential,
  staticCredential,
  unusedCredential,
  unusedApprovers,
  unusedWindow,
  observes,
  agentWithoutRule,
  missingBecause,
  broadWildcard,
  meetsNameless,
  objectsLeftOut,
  allowsDestruction,
  idleRules,
  brokenNever,
  tightEvidence,
  probesUnheard,
  probesThatMayWrite,
  openPasskeys,
]

function expiry({ policy, nowMs }: Linted, findings: Findings): void {
  const path = ['metadata', 'expires']
  const leftMs = policy.expires - nowMs
  if (leftMs <= 0) findings.add('expired', path, 'The policy has expired: everything is denied.')
  else if (leftMs < SOON_MS) {
    findings.add('expires_soon', path, `The policy expires in ${Math.floor(leftMs / 86_400_000)} days.`)
  }
}

function plainHttp({ document }: Linted, findings: Findings): void {
  for (const [name, api] of Object.entries(document.apis)) {
    if (api.upstream?.startsWith('http:')) {
      findings.add('plain_http', ['apis', name, 'upstream'], `${name} is called without TLS.`)
    }
  }
}

function testEndpoints({ document }: Linted, findings: Findings): void {
  for (const [name, api] of Object.entries(document.apis)) {
    if (api.insecureTestEndpoints === undefined) continue
    findings.add('test_endpoint', ['apis', name, 'insecureTestEndpoints'], `${name} is a stand-in, not AWS.`)
  }
}

function missingCredential({ document }: Linted, findings: Findings): void {
  for (const [name, api] of Object.entries(document.apis)) {
    if (api.credential === undefined) {
      findings.add('credential_missing', ['apis', name], `${name} is called without a credential.`)
    }
  }
}

function staticCredential({ document }: Linted, findings: Findings): void {
  for (const [name, { minter }] of Object.entries(document.credentials ?? {})) {
    if (minter === 'static') {
      findings.add(
        'static_credential',
        ['credentials', name],
        `${name} is a fixed secret that never expires.`,
      )
    }
  }
}

function unusedCredential({ document }: Linted, findings: Findings): void {
  const used = Object.values(document.apis).flatMap(api => [api.credential, api.probes?.credential])
  reportUnused('credentials', 'credential', Object.keys(document.credentials ?? {}), used, findings)
}

function unusedApprovers({ document }: Linted, findings: Findings): void {
  const used = document.rules.flatMap(rule => listOf(rule.approvers))
  reportUnused('approvers', 'approver group', Object.keys(document.approvers ?? {}), used, findings)
}

function unusedWindow({ document }: Linted, findings: Findings): void {
  const used = document.rules.flatMap(rule => listOf(rule.during))
  reportUnused('windows', 'window', Object.keys(document.windows ?? {}), used, findings)
}

function reportUnused(
  section: string,
  kind: string,
  names: readonly string[],
  used: readonly (string | undefined)[],
  findings: Findings,
): void {
  for (const name of names) {
    if (!used.includes(name))
      findings.add('unused_name', [section, name], `Nothing uses the ${kind} ${name}.`)
  }
}

function observes({ policy, nowMs }: Linted, findings: Findings): void {
  for (const [id, { observeUntil }] of Object.entries(policy.agents)) {
    if (observeUntil === undefined) continue
    const time = new Date(observeUntil).toISOString()
    const message =
      nowMs < observeUntil
        ? `${id} observes until ${time}: what no rule reaches passes, up to update.`
        : `${id} observed until ${time}; everything is enforced since.`
    findings.add('observes', ['agents', id, 'mode'], message)
  }
}

function agentWithoutRule({ policy, nowMs }: Linted, findings: Findings): void {
  for (const [agent, { observeUntil = 0 }] of Object.entries(policy.agents)) {
    if (nowMs < observeUntil) continue
    const admitted = policy.rules.some(rule => rule.effect !== 'deny' && rule.to?.includes(agent))
    if (!admitted)
      findings.add('agent_without_rule', ['agents', agent], `Nothing is ever allowed to ${agent}.`)
  }
}

function missingBecause({ document }: Linted, findings: Findings): void {
  for (const [index, rule] of document.rules.entries()) {
    if (rule.allow === undefined && rule.because === undefined) {
      findings.add('missing_because', ['rules', index], `The rule ${rule.id} does not say why.`)
    }
  }
}

function broadWildcard({ document }: Linted, findings: Findings): void {
  for (const [index, rule] of document.rules.entries()) {
    const { allow } = rule
    if (allow === undefined) continue
    for (const key of ['api', 'operations', 'class'] as const) {
      const values: readonly string[] = listOf<string>(allow[key])
      if (!values.includes('*')) continue
      findings.add(
        'broad_wildcard',
        ['rules', index, 'allow', key],
        `The rule ${rule.id} allows every ${key}.`,
      )
    }
    if (listOf(rule.to).includes('*')) {
      findings.add('broad_wildcard', ['rules', index, 'to'], `The rule ${rule.id} is for every agent.`)
    }
  }
}

/** Who denies everything that is done to one thing rarely means calls that are done to none, such as `GET /user`. */
function meetsNameless(linted: Linted, findings: Findings): void {
  for (const rule of linted.policy.rules) {
    const { resources, operations, classes, effects } = rule.select
    const isByNameAlone = (operations ?? classes ?? effects) === undefined
    if (rule.effect === 'allow' || resources === undefined || !isByNameAlone) continue
    const nameless = selectedOperations(rule, linted).filter(({ spec }) => spec.resources.length === 0)
    const [first] = nameless
    if (first === undefined) continue
    const others = nameless.length > 1 ? ` and ${nameless.length - 1} more` : ''
    const message = `The rule ${rule.id} also meets ${first.spec.name}${others}, which name no resource.`
    findings.add('meets_nameless', pathOf(rule, linted), message)
  }
}

/** A bucket's ARN, which names none of the objects in it. */
const BUCKET = /^arn:[a-z-]+:s3:::[^/*?]+$/

/** Who denies or holds what is done to a bucket by its ARN often means what lies in it. */
function objectsLeftOut(linted: Linted, findings: Findings): void {
  for (const rule of linted.policy.rules) {
    const ids = rule.select.resources?.map(({ id }) => id) ?? []
    const bare = ids.filter(id => BUCKET.test(id) && !ids.some(other => globsMeet(other, `${id}/*`)))
    const [bucket] = bare
    if (rule.effect === 'allow' || bucket === undefined) continue
    const first = selectedOperations(rule, linted).find(
      ({ spec }) => spec.name.startsWith('s3:') && spec.resources.includes('object'),
    )
    if (first === undefined) continue
    const message = `The rule ${rule.id} meets no ${first.spec.name} in ${bucket}: objects are ${bucket}/*.`
    findings.add('objects_left_out', pathOf(rule, linted), message)
  }
}

function allowsDestruction(linted: Linted, findings: Findings): void {
  for (const rule of linted.policy.rules) {
    if (rule.effect !== 'allow') continue
    const worst = selectedOperations(rule, linted).filter(({ spec }) =>
      spec.classes.some(each => UNDOABLE.includes(each)),
    )
    const [first] = worst
    if (first === undefined) continue
    const others = worst.length > 1 ? ` and ${worst.length - 1} more` : ''
    const message = `The rule ${rule.id} lets ${first.spec.name}${others} pass, which can’t easily be undone.`
    findings.add('allows_destruction', pathOf(rule, linted), message)
  }
}

/** Rules that make no difference to any request, and those of the others that another one makes superfluous. */
function idleRules(linted: Linted, findings: Findings): void {
  const uses = usesOf(linted.survey)
  for (const use of uses) reportIdle(use, linted, findings)
  const mattering = new Map(uses.filter(({ matters }) => matters).map(({ rule }) => [rule.id, rule]))
  const inOrder = linted.document.rules.flatMap(({ id }) => mattering.get(id) ?? [])
  for (const { rule, by, same } of coveredRules(inOrder)) {
    if (same) findings.add('duplicate_rule', pathOf(rule, linted), `${rule.id} and ${by.id} mean the same.`)
    else findings.add('covered_rule', pathOf(rule, linted), `The rule ${by.id} covers ${rule.id} as a whole.`)
  }
}

function reportIdle(
  { rule, selects, canBeTrue, matters, deniedBy }: RuleUse,
  linted: Linted,
  findings: Findings,
): void {
  const path = pathOf(rule, linted)
  if (!selects) {
    findings.add('unreachable_rule', path, `No request can be selected by the rule ${rule.id}.`)
  } else if (!canBeTrue) {
    const errs = rule.effect === 'allow' ? '' : ' It matches only where it can’t be answered.'
    const at = [...path.slice(0, -1), 'when']
    findings.add('when_never_true', at, `The condition of the rule ${rule.id} can never be true.${errs}`)
  } else if (!matters) {
    const who = deniedBy === null ? 'Other rules deny' : `The rule ${deniedBy} denies`
    findings.add('shadowed_rule', path, `${who} all that ${rule.id} selects.`)
  }
}

function brokenNever(linted: Linted, findings: Findings): void {
  const statements = linted.policy.never ?? []
  const breaches = statements.length === 0 ? [] : findBreaches(linted.survey)
  for (const { id } of statements) {
    const own = breaches.filter(each => each.statement.id === id)
    const [first] = own
    if (first === undefined) continue
    const others = own.length > 1 ? ` and ${own.length - 1} more` : ''
    const what = `${first.api} ${first.spec?.name ?? UNLISTED}${others}`
    findings.add(
      'never_broken',
      neverPath(id, linted),
      `${id} is broken: ${first.agent} may do ${what} by the rule ${first.rule.id}.`,
    )
  }
}

function tightEvidence({ policy }: Linted, findings: Findings): void {
  for (const [name, bound] of Object.entries(policy.evidence ?? {})) {
    for (const unit of ['entries', 'seconds'] as const) {
      const value = bound[unit]
      if (value === undefined || value >= LEAST_BEHIND[unit]) continue
      findings.add(
        'tight_evidence',
        ['evidence', name, unit],
        `${value} ${unit} behind is less than a slow answer makes: every agent stands still then.`,
      )
    }
  }
}

/** Operations that name nothing which the rule's probe could be asked about. */
function probesUnheard(linted: Linted, findings: Findings): void {
  for (const rule of linted.policy.rules) {
    const { probe } = rule
    if (probe === undefined) continue
    const selected = selectedOperations(rule, linted)
    const unheard = selected.filter(({ api, spec }) => {
      const about = linted.apis.get(api)?.catalog.probes?.get(probe)?.about
      return !spec.resources.some(type => about?.has(type))
    })
    const [first] = unheard
    if (first === undefined) continue
    const others = unheard.length > 1 ? ` and ${unheard.length - 1} more` : ''
    const path = [...pathOf(rule, linted).slice(0, -1), 'probe']
    const message = `${first.spec.name}${others} of the rule ${rule.id} names nothing that ${probe} can be asked about.`
    findings.add('probe_unheard', path, message)
  }
}

function probesThatMayWrite({ document }: Linted, findings: Findings): void {
  for (const [name, { probes }] of Object.entries(document.apis)) {
    if (document.credentials?.[probes?.credential ?? '']?.minter !== 'railway-project-token') continue
    findings.add(
      'probe_may_write',
      ['apis', name, 'probes', 'credential'],
      `A project token of ${name} may write.`,
    )
  }
}

function openPasskeys({ policy }: Linted, findings: Findings): void {
  for (const [group, { keys }] of Object.entries(policy.approvers))
    for (const [name, key] of Object.entries(keys))
      if ('passkey' in key && key.passkey.origins === undefined)
        findings.add(
          'origin_open',
          ['approvers', group, 'keys', name, 'passkey'],
          `Every page of ${key.passkey.rpId}, on any port, may ask the passkey of ${name}.`,
        )
}

function neverPath(id: string, { document }: Linted): DocumentPath {
  const written = listOf<NeverSource>(document.never)
  const index = written.findIndex((each, at) => (each.id ?? `never-${at + 1}`) === id)
  return Array.isArray(document.never) ? ['never', index] : ['never']
}

interface Selected {
  readonly api: string
  readonly spec: OperationSpec
}

function selectedOperations(rule: CompiledRule, { apis }: Linted): readonly Selected[] {
  return rule.apis.flatMap(api => {
    const selection = selectionOf(rule.select, api)
    const operations = apis.get(api)?.operations ?? []
    return operations.filter(spec => couldMatch(rule, selection, spec)).map(spec => ({ api, spec }))
  })
}

function pathOf(rule: CompiledRule, { document, places }: Linted): DocumentPath {
  const index = places.get(rule.id) ?? -1
  const effect = EFFECTS.find(each => document.rules[index]?.[each] !== undefined) ?? rule.effect
  return ['rules', index, effect]
}
