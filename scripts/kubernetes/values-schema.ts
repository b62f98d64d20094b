import { readFileSync } from 'node:fs'
import { ProfilesSchema } from '../../src/injector/index.js'

const FILE = new URL('../../../deploy/chart/values.schema.json', import.meta.url)

/**
 * The schema of the chart's values, with the injector's own for profiles in it: Helm reads no other file. Only that a
 * `configDigest` is required is left to the templates, for it may be made of `configs`.
 */
export function valuesSchema(): object {
  const schema = JSON.parse(readFileSync(FILE, 'utf8')) as { properties: Record<string, unknown> }
  const { minProperties: _, ...profiles } = JSON.parse(JSON.stringify(ProfilesSchema.properties.profiles))
  for (const profile of Object.values(profiles.patternProperties) as { allOf: { then: object }[] }[])
    profile.allOf = profile.allOf.filter(({ then }) => !('required' in then))
  return { ...schema, properties: { ...schema.properties, profiles } }
}
