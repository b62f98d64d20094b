import { OPERATION_CLASSES } from '../protocol/index.js'
import type { Effect } from './active.js'
import { listOf } from './api-catalog.js'
import type { ResolvedApi } from './compile.js'
import type { Criteria } from './compiled.js'
import { compareIds } from './decide.js'
import type { SelectorSource } from './document-rule.js'
import { type DocumentPath, didYouMean, type Findings } from './finding.js'
import { globMatches, isGlob } from './glob.js'
import { mayNameNodes } from './node-id.js'

/** What may stand both in a selector and in its `except`. */
type CriteriaSource = Pick<SelectorSource, 'operations' | 'class' | 'effect' | 'scope' | 'resources'>

export function compileSelect(
  effect: Effect,
  selector: SelectorSource,
  apis: readonly ResolvedApi[],
  path: DocumentPath,
  findings: Findings,
): Criteria {
  return compileCriteria(effect, selector, apis, path, findings)
}

/** The exception is read the other way round: that of a deny or hold as narrowly as an allow. */
export function compileExcept(
  effect: Effect,
  selector: SelectorSource,
  apis: readonly ResolvedApi[],
  path: DocumentPath,
  findings: Findings,
): Criteria | null {
  if (selector.except === undefined) return null
  const reading = effect === 'allow' ? 'deny' : 'allow'
  return compileCriteria(reading, selector.except, apis, [...path, 'except'], findings)
}

function compileCriteria(
  reading: Effect,
  source: CriteriaSource,
  apis: readonly ResolvedApi[],
  path: DocumentPath,
  findings: Findings,
): Criteria {
  return {
    ...(source.operations === undefined
      ? {}
      : {
          operations: compileOperations(
            reading,
            listOf(source.operations),
            apis,
            [...path, 'operations'],
            findings,
          ),
        }),
    ...(source.class === undefined ? {} : { classes: compileClasses(reading, listOf(source.class)) }),
    ...(source.effect === undefined
      ? {}
      : { effects: compileEffects(listOf(source.effect), apis, [...path, 'effect'], findings) }),
    ...(source.scope === undefined
      ? {}
      : { scope: compileScope(source.scope, apis, [...path, 'scope'], findings) }),
    ...(source.resources === undefined
      ? {}
      : { resources: compileResources(reading, source.resources, apis, [...path, 'resources'], findings) }),
  }
}

function compileOperations(
  reading: Effect,
  written: readonly string[],
  apis: readonly ResolvedApi[],
  path: DocumentPath,
  findings: Findings,
): NonNullable<Criteria['operations']> {
  const names = written.filter(pattern => !isGlob(pattern))
  const patterns = written.filter(isGlob)
  const named: Record<string, string[]> = {}
  const globbed: Record<string, string[]> = {}
  const reached = new Set<string>()
  for (const { name: api, byName } of apis) {
    const exact = names.filter(name => byName.has(name))
    named[api] = exact.sort(compareIds)
    globbed[api] = patterns.length === 0 ? [] : reachedBy(patterns, byName, new Set(exact), reached)
    for (const name of exact) reached.add(name)
  }
  if (apis.length > 0) {
    for (const pattern of written.filter(each => !reached.has(each))) {
      const known = apis.flatMap(({ byName }) => [...byName.keys()])
      const hint = didYouMean(pattern, known)
      const where = apis.map(api => api.name).join(', ')
      findings.add('nothing_selected', path, `No operation of ${where} is called "${pattern}".${hint}`)
    }
  }
  // ATTACK: an operation that a deny for several APIs names, called at the one whose catalog doesn't have it.
  const elsewhere =
    reading === 'allow'
      ? []
      : names.filter(name => reached.has(name) && !apis.every(api => api.byName.has(name)))
  return { named, globbed, patterns: [...new Set([...patterns, ...elsewhere])].sort(compareIds) }
}

/** Names of the catalog that a pattern matches and that are not named exactly; adds the patterns that reached any. */
function reachedBy(
  patterns: readonly string[],
  byName: ReadonlyMap<string, unknown>,
  exact: ReadonlySet<string>,
  reached: Set<string>,
): string[] {
  const found: string[] = []
  for (const name of byName.keys()) {
    const matching = patterns.filter(pattern => globMatches(pattern, name))
    for (const pattern of matching) reached.add(pattern)
    if (matching.length > 0 && !exact.has(name)) found.push(name)
  }
  return found.sort(compareIds)
}

/** `*` in a deny means every class; elsewhere never `opaque` and `unknown`, which have to be named. */
function compileClasses(reading: Effect, written: readonly string[]): NonNullable<Criteria['classes']> {
  const all = written.includes('*')
  return OPERATION_CLASSES.filter(
    name =>
      written.includes(name) || (all && (reading === 'deny' || (name !== 'opaque' && name !== 'unknown'))),
  )
}

function compileEffects(
  written: readonly string[],
  apis: readonly ResolvedApi[],
  path: DocumentPath,
  findings: Findings,
): string[] {
  const known = new Set(apis.flatMap(api => [...api.effects]))
  for (const effect of written) {
    if (known.has(effect) || apis.length === 0) continue
    findings.add(
      'nothing_selected',
      path,
      `No operation has the effect "${effect}".${didYouMean(effect, known)}`,
    )
  }
  return [...new Set(written)].sort(compareIds)
}

function compileScope(
  written: NonNullable<CriteriaSource['scope']>,
  apis: readonly ResolvedApi[],
  path: DocumentPath,
  findings: Findings,
): NonNullable<Criteria['scope']> {
  const known = new Set([...apis.flatMap(api => [...api.scope]), 'account'])
  const scope: NonNullable<Criteria['scope']> = {}
  for (const [member, values] of Object.entries(written)) {
    if (!known.has(member) && apis.length > 0) {
      const hint = didYouMean(member, known)
      findings.add('nothing_selected', [...path, member], `No operation has the scope "${member}".${hint}`)
    }
    for (const value of listOf(values))
      refuseUpperCase(member, String(value), apis, [...path, member], findings)
    scope[member] = [...new Set(listOf(values).map(String))].sort(compareIds)
  }
  return scope
}

function compileResources(
  reading: Effect,
  written: NonNullable<CriteriaSource['resources']>,
  apis: readonly ResolvedApi[],
  path: DocumentPath,
  findings: Findings,
): NonNullable<Criteria['resources']> {
  const known = new Set(apis.flatMap(api => [...api.resources]))
  const patterns = listOf(written).map(pattern => {
    if (reading !== 'allow') refuseName(pattern, apis, path, findings)
    refuseArn(typeof pattern === 'string' ? pattern : pattern.id, apis, path, findings)
    if (typeof pattern === 'string') return { id: pattern }
    if (!known.has(pattern.type) && apis.length > 0) {
      const hint = didYouMean(pattern.type, known)
      findings.add(
        'nothing_selected',
        path,
        `No operation names a resource of the type "${pattern.type}".${hint}`,
      )
    }
    refuseUpperCase(pattern.type, pattern.id, apis, path, findings)
    if (reading !== 'allow') refuseAlias(pattern, apis, path, findings)
    return { type: pattern.type, id: pattern.id }
  })
  return patterns.sort((a, b) => compareIds(`${a.type ?? ''} ${a.id}`, `${b.type ?? ''} ${b.id}`))
}

/** ATTACK: a deny of a repository's number, which calls by owner and name don't say: they would pass, in silence. */
function refuseAlias(
  { type, id }: { readonly type: string; readonly id: string },
  apis: readonly ResolvedApi[],
  path: DocumentPath,
  findings: Findings,
): void {
  if (/[/*]/.test(id) || !apis.some(({ joined }) => joined.has(type))) return
  findings.add(
    'nothing_selected',
    path,
    `Requests name a ${type} in several parts, with a slash between; "${id}" is none of them.`,
  )
}

/**
 * ATTACK: a deny of the repository `acme/shop`, at the API that is called with node ids alone: it would never match, in
 * silence. An id without a type may be meant for another API of the rule.
 */
function refuseName(
  pattern: string | { readonly type: string; readonly id: string },
  apis: readonly ResolvedApi[],
  path: DocumentPath,
  findings: Findings,
): void {
  const { type, id } = typeof pattern === 'string' ? { type: null, id: pattern } : pattern
  if (mayNameNodes(id)) return
  const calledByNodes = apis.filter(({ nodes }) => (type === null ? nodes.size > 0 : nodes.has(type)))
  const [first] = calledByNodes
  if (first === undefined || (type === null && calledByNodes.length < apis.length)) return
  findings.add(
    'nothing_selected',
    path,
    `Requests to ${first.name} name ${type === null ? 'things' : `a ${type}`} by node ids, such as R_kgDOABPHjQ; "${id}" is none.`,
    'Write the node id, in a rule for this API alone where others have names.',
  )
}

/** ATTACK: a deny of `arn:aws:efs:…`, as the command line calls the service: its ARNs say `elasticfilesystem`. */
function refuseArn(
  pattern: string,
  apis: readonly ResolvedApi[],
  path: DocumentPath,
  findings: Findings,
): void {
  const [arn, , service = ''] = pattern.split(':', 3)
  if (arn !== 'arn') return
  for (const { name, arnServices } of apis) {
    const right = arnServices.get(service.toLowerCase())
    if (right === undefined) continue
    findings.add('nothing_selected', path, `ARNs of ${name} don’t say "${service}"; write "${right}".`)
    return
  }
}

/** ATTACK: a deny for `Acme` where the API folds case and operations say `acme`: it would never match, in silence. */
function refuseUpperCase(
  name: string,
  value: string,
  apis: readonly ResolvedApi[],
  path: DocumentPath,
  findings: Findings,
): void {
  const lower = value.toLowerCase()
  if (value === lower || !apis.some(({ caseless }) => caseless.has(name))) return
  findings.add('nothing_selected', path, `This API folds the case of "${name}"; write "${lower}".`)
}
