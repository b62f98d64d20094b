import type { JsonObject } from '../canon/index.js'
import type { Catalog } from '../protocol/index.js'
import { place, valueAt } from './argument-path.js'
import type { ArgumentPlace } from './argument-place.js'
import { globMatches } from './glob.js'
import type { Breach } from './never.js'

/* Values for what a request is about: scope, region, resources. */

/** Puts an id that the rules ask for into the arguments that it is made of. */
export function placeResource(
  args: JsonObject,
  { type, texts, paths }: Extract<ArgumentPlace, { kind: 'resource' }>,
  breach: Breach,
): void {
  const example = texts.join('example')
  const [only, second] = paths
  if (breach.otherAccount && example.startsWith('arn:') && only !== undefined && second === undefined) {
    // Another account can only be named by a whole ARN.
    place(args, only, example.replace(/^((?:[^:]*:){4})[0-9]{12}/, `$1${OTHER_ACCOUNT}`))
    return
  }
  const form = new RegExp(`^${texts.map(escaped).join('(.+?)')}$`, 's')
  const known = paths.map(path => valueAt(args, path))
  const id = resourceId(breach, type, { texts, form, known })
  // What a rule asks for is no such thing: a key that an object is encrypted with, where a bucket is meant.
  if (id === null) return
  const values = form.exec(id)?.slice(1)
  for (const [at, path] of paths.entries()) place(args, path, values?.[at] ?? 'example')
}

const OTHER_ACCOUNT = '999999999999'

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

interface ResourceForm {
  readonly texts: readonly string[]
  readonly form: RegExp
  /** What is given already for each of its arguments. */
  readonly known: readonly (string | null)[]
}

const MAX_COMBINATIONS = 1_000

/**
 * An id of that form that fits every pattern that the rules ask for, as far as guessing finds one: patterns with
 * something in place of their stars, and the form with the patterns' own words in place of its arguments.
 */
function resourceId(
  { supposed, statement }: Breach,
  type: string,
  { texts, form, known }: ResourceForm,
): string | null {
  const groups = [
    ...supposed.resources.every,
    ...supposed.resources.some,
    ...[statement.select.resources ?? []],
  ]
    .map(group => group.filter(pattern => pattern.type === undefined || pattern.type === type))
    .filter(group => group.length > 0)
  const fits = (id: string): boolean => {
    const values = form.exec(id)?.slice(1)
    if (values === undefined || values.some((value, at) => known[at] !== null && known[at] !== value))
      return false
    return groups.every(group => group.some(pattern => globMatches(pattern.id, id)))
  }
  const written = groups.flatMap(group => group.map(({ id }) => id))
  const words = ['example', ...new Set(written.flatMap(id => id.split(/[*/:]/)).filter(word => word !== ''))]
  const candidates = [
    ...['example', ''].flatMap(text => written.map(id => id.replaceAll('*', text))),
    ...combinations(
      known.map(value => (value === null ? words : [value])),
      texts,
    ),
    ...written.flatMap(a => written.map(b => a.replace('*', b.replaceAll('*', '')))),
  ]
  return candidates.find(fits) ?? null
}

/** The texts with one choice of values between them, as many choices as are worth it. */
function combinations(values: readonly (readonly string[])[], texts: readonly string[]): readonly string[] {
  return values.reduce<readonly string[]>(
    (ids, choices, at) =>
      ids
        .flatMap(id => choices.map(value => `${id}${value}${texts[at + 1] ?? ''}`))
        .slice(0, MAX_COMBINATIONS),
    [texts[0] ?? ''],
  )
}

/** A value that a member may have; null where it has to stay unknown. */
export function scopeValue({ supposed, statement }: Breach, member: string): string | null {
  const range = supposed.scope.get(member)
  if (range?.values === null || range === undefined) return statement.select.scope?.[member]?.[0] ?? 'example'
  return [...range.values][0] ?? null
}

export function accountOf(breach: Breach): string {
  return scopeValue(breach, 'account') ?? 'acct_example'
}

type Region = { readonly region?: string }

/** Where an API has regions: one that is supposed, or the first that serves the operation. */
export function regionOf({ spec, supposed }: Breach, { profile }: Catalog): Region {
  const service = spec?.name.split(':')[0] ?? ''
  const served = Object.keys(profile.origins)
    .filter(label => label.startsWith(`${service}.`))
    .map(label => label.slice(service.length + 1))
  const wished = supposed.scope.get('region')?.values
  const region = served.find(each => wished?.has(each)) ?? served[0]
  return region === undefined ? {} : { region }
}
