import type { CompiledLimit, CompiledRule } from './compiled.js'
import type { RuleExtent } from './survey-rule.js'

/** What is left to be true of a request before a rule matches it, each in a few words. */
export function conditionWords(rule: CompiledRule, extent: RuleExtent | null): readonly string[] {
  if (extent === null) return []
  return [
    ...(extent.select === 'some' ? selectionWords(rule) : []),
    ...(extent.except === 'some' ? ['outside its exception'] : []),
    ...(extent.when === 'some' ? [`when ${rule.when ?? `the probe ${rule.probe} is answered`}`] : []),
    ...(extent.hours === 'some' ? [`during ${(rule.during ?? []).join(' or ')}`] : []),
  ]
}

function selectionWords({ effect, select }: CompiledRule): readonly string[] {
  const scope = Object.entries(select.scope ?? {}).map(
    ([member, values]) =>
      `scope.${member} is ${values.join(' or ')}${effect === 'allow' ? '' : ', or not known'}`,
  )
  const ids = (select.resources ?? []).map(({ type, id }) => (type === undefined ? id : `${type} ${id}`))
  const which = effect === 'allow' ? 'every resource is' : 'a resource is'
  const words = ids.length === 0 ? scope : [...scope, `${which} ${ids.join(' or ')}`]
  return words.length === 0 ? ['by its name'] : words
}

/** `up to 20 per 1h`, `up to 5000 eur of args.amount per day, then held`. */
export function limitWords(limit: CompiledLimit): string {
  const what =
    limit.sum === undefined ? '' : ` ${limit.unit ?? ''} of args.${limit.sum.join('.')}`.replace('  ', ' ')
  const per = limit.window.kind === 'day' ? 'day' : durationWords(limit.window.ms)
  return `up to ${limit.max}${what} per ${per}${limit.over === 'hold' ? ', then held' : ''}`
}

const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
  [1_000, 's'],
] as const

function durationWords(ms: number): string {
  const [size, unit] = UNITS.find(([each]) => ms % each === 0) ?? [1_000, 's']
  return `${ms / size}${unit}`
}
