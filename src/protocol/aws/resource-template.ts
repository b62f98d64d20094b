import type { JsonObject, JsonValue } from '../../canon/index.js'
import { stepsOf, valuesAt } from '../argument-rule.js'
import { malformed, readMembers, readOneOf, readText } from '../document-shape.js'
import type { Resource } from '../operation.js'
import type { AwsResource } from './document.js'
import { type ArnContext, formOf, lastPartOfArn } from './resource-form.js'

/** A resource that an operation's arguments name, as an ARN. */
export interface ResourceTemplate {
  readonly type: string
  /** The resources of these arguments, or what of them is not understood. */
  readonly resources: (args: JsonObject, context: ArnContext) => NamedResources
}

export interface NamedResources {
  readonly named: readonly Resource[]
  /** Given, but not turned into an ARN: of these nobody can say which resource they are. */
  readonly unclear: readonly string[]
  /** True where an argument that the ARN needs isn't given. */
  readonly absent: boolean
}

type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'context'; readonly name: keyof ArnContext }
  | { readonly kind: 'argument'; readonly steps: readonly string[] }

const FORMS = ['queue-url', 'function', 'copy-source', 'key-id', 'bucket', 'parameter'] as const
const CONTEXT: ReadonlySet<string> = new Set(['partition', 'region', 'account'])
/** More items than a session policy or a receipt can hold say nothing more. */
const MAX_RESOURCES = 1_000

/** Checks and prepares `{ type, arn, from }` of a catalog; throws `catalog_malformed`. */
export function compileResource(value: unknown, where: string): ResourceTemplate {
  const it = readMembers(value, where, ['type', 'arn'], ['from'])
  const type = readText(it.type, `${where}.type`)
  const pieces = readPieces(readText(it.arn, `${where}.arn`), where)
  const from = it.from === undefined ? undefined : readOneOf(it.from, `${where}.from`, FORMS)
  const places = pieces.filter(piece => piece.kind === 'argument')
  if (places.filter(({ steps }) => steps.includes('[]')).length > 1) throw malformed(where, 'one list')
  return { type, resources: (args, context) => resourcesOf({ type, pieces, places, from }, args, context) }
}

interface Prepared {
  readonly type: string
  readonly pieces: readonly Piece[]
  readonly places: readonly Extract<Piece, { kind: 'argument' }>[]
  readonly from: AwsResource['from']
}

function readPieces(arn: string, where: string): readonly Piece[] {
  if (!arn.startsWith('arn:')) throw malformed(`${where}.arn`, 'an ARN')
  return arn.split(/(\{[^{}]*\})/).flatMap((text): Piece[] => {
    if (text === '') return []
    if (!text.startsWith('{')) {
      if (/[{}]/.test(text)) throw malformed(`${where}.arn`, 'braces in pairs')
      return [{ kind: 'text', text }]
    }
    const name = text.slice(1, -1)
    if (name === '') throw malformed(`${where}.arn`, 'a name in braces')
    return CONTEXT.has(name)
      ? [{ kind: 'context', name: name as keyof ArnContext }]
      : [{ kind: 'argument', steps: stepsOf(name) }]
  })
}

function resourcesOf(template: Prepared, args: JsonObject, context: ArnContext): NamedResources {
  const { type, places } = template
  // The account's own, or of a kind that has one.
  const rows = places.length === 0 ? [[]] : rowsOf(places, args)
  const named: Resource[] = []
  const unclear: string[] = []
  let absent = rows.length === 0
  for (const row of rows) {
    if (row.length < places.length) absent = true
    else if (named.length === MAX_RESOURCES) unclear.push('more')
    else {
      const id = row.every(value => value !== null) ? arnOf(template, row as string[], context) : null
      if (id !== null) named.push({ type, id })
      else unclear.push(row.map(value => value ?? '?').join(' '))
    }
  }
  return { named, unclear: [...new Set(unclear)], absent }
}

/** A row of values for the places, once for each item of the list; a row that is too short misses one. */
function rowsOf(places: Prepared['places'], args: JsonObject): readonly (readonly (string | null)[])[] {
  const values = places.map(({ steps }) => ({
    many: steps.includes('[]'),
    given: valuesAt(args, steps).flatMap(textOf),
  }))
  const list = values.find(({ many }) => many)
  const count = list === undefined ? 1 : list.given.length
  return Array.from({ length: count }, (_, i) =>
    values.flatMap(({ many, given }) => {
      const value = many ? given[i] : given[0]
      return value === undefined ? [] : [value]
    }),
  )
}

/** None for what isn't given; null for what is no name. */
function textOf(value: JsonValue): readonly (string | null)[] {
  if (value === null || value === '') return []
  if (typeof value === 'string') return [value]
  return typeof value === 'number' ? [String(value)] : [null]
}

function arnOf(template: Prepared, row: readonly string[], context: ArnContext): string | null {
  const { from, pieces } = template
  const form = formOf(from, row, context)
  if (form.kind === 'arn') return form.arn
  if (form.kind === 'unclear') return null
  let next = 0
  let arn = ''
  for (const piece of pieces) {
    if (piece.kind === 'text') arn += piece.text
    else if (piece.kind === 'context') {
      const value = context[piece.name]
      if (value === null) return null
      arn += value
    } else {
      const value = form.values[next++] as string
      // Another place's ARN, such as that of the cluster a service is in.
      arn += next < form.values.length && value.startsWith('arn:') ? lastPartOfArn(value) : value
    }
  }
  return arn
}
