import type { AwsInput } from './aws-input.js'
import { nameMatches, patternOf } from './aws-pattern.js'
import { AwsRefusal } from './aws-refusal.js'
import type { Tags } from './aws-world.js'

/** What one thing has to be compared with, by filter name. */
type Filterable = Readonly<Record<string, readonly string[] | Tags>> & { readonly tags: Tags }

/** Whether a thing passes all filters: any value of each, `*` and `?` as wildcards. Throws `AwsRefusal` for an unknown filter. */
export function matchesFilters(input: AwsInput, thing: Filterable): boolean {
  return input.list('Filter').every(filter => {
    const actual = valuesOf(filter.required('Name'), thing)
    return filter
      .texts('Value')
      .map(value => patternOf(value, false))
      .some(pattern => actual.some(value => nameMatches(pattern, value)))
  })
}

function valuesOf(name: string, thing: Filterable): readonly string[] {
  if (name.startsWith('tag:')) {
    const value = thing.tags.get(name.slice('tag:'.length))
    return value === undefined ? [] : [value]
  }
  if (name === 'tag-key') return [...thing.tags.keys()]
  const values = Object.hasOwn(thing, name) ? thing[name] : undefined
  if (!Array.isArray(values))
    throw new AwsRefusal('InvalidParameterValue', `The filter '${name.slice(0, 80)}' is invalid`)
  return values
}
