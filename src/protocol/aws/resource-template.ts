import type { JsonObject, JsonValue } from '../../canon/index.js'
import { stepsOf, valuesAt } from '../argument-rule.js'
import { malformed, readMembers, readOneOf, readText } from '../document-shape.js'
import { ANYTHING, type Resource } from '../operation.js'
import type { AwsResource } from './document.js'
import { type ArnContext, formOf, lastPartOfArn } from './resource-form.js'

/** A resource that an operation's arguments name, as an ARN. */
export interface ResourceTemplate {
  readonly type: string
  /** The resources of these arguments, or what of them is not understood. */
  readonly resources: (args: JsonObject, context: ArnContext) => NamedResources
  /**
   * ARNs that end in what no request says, such as the id behind a stack's name: `*` for each place that isn't declared among
   * the operation's arguments.
   */
  readonly unsaid: (args: JsonObject, context: ArnContext, declares: Declares) => readonly Resource[]
  /** Whether its ARN holds an argument of this name. */
  readonly reads: (argument: string) => boolean
  /** Whether `unsaid` may be any, whatever the arguments are. */
  readonly leavesUnsaid: (declares: Declares) => boolean
  /** Any of them, where one is needed and no argument names it; none where the operation has no argument for it. */
  readonly open: (context: ArnContext, declares: Declares) => readonly Resource[]
  /** Its argument is another name than that of the ARN. */
  readonly isAlias: boolean
}

/** Whether an operation has an argument of this name. */
export type Declares = (name: string) => boolean

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

const FORMS = [
  'queue-url',
  'function',
  'copy-source',
  'key-id',
  'bucket',
  'parameter',
  'parameter-path',
  'secret',
  'alias',
] as const
const CONTEXT: ReadonlySet<string> = new Set(['partition', 'region', 'account'])
/** As long as an ARN gets (IAM, and a key of 1,024 bytes in S3). */
const MAX_ARN = 2_048
/** More items than a session policy or a receipt can hold say nothing more. */
const MAX_RESOURCES = 1_000

/** The type alone; throws `catalog_malformed`. */
export function readResourceType(value: unknown, where: string): string {
  return readText(readMembers(value, where, ['type', 'arn'], ['from', 'fold']).type, `${where}.type`)
}

/** Checks and prepares `{ type, arn, from }` of a catalog; throws `catalog_malformed`. */
export function compileResource(value: unknown, where: string): ResourceTemplate {
  const it = readMembers(value, where, ['type', 'arn'], ['from', 'fold'])
  const type = readText(it.type, `${where}.type`)
  const pieces = readPieces(readText(it.arn, `${where}.arn`), where)
  const from = it.from === undefined ? undefined : readOneOf(it.from, `${where}.from`, FORMS)
  const places = pieces.filter(piece => piece.kind === 'argument')
  if (places.filter(({ steps }) => steps.includes('[]')).length > 1) throw malformed(where, 'one list')
  if (it.fold !== undefined && it.fold !== true) throw malformed(`${where}.fold`, 'true, or nothing')
  const prepared = { type, pieces, places, from, fold: it.fold === true }
  return {
    type,
    resources: (args, context) => resourcesOf(prepared, args, context),
    unsaid: (args, context, declares) => unsaidOf(prepared, args, context, declares),
    reads: argument => places.some(({ steps: [first] }) => first === argument),
    leavesUnsaid: declares => from === 'alias' || placesSaid(prepared, declares) !== null,
    open: (context, declares) => openOf(prepared, context, declares),
    isAlias: from === 'alias',
  }
}

interface Prepared {
  readonly type: string
  readonly pieces: readonly Piece[]
  readonly places: readonly Extract<Piece, { kind: 'argument' }>[]
  readonly from: AwsResource['from']
  readonly fold: boolean
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
      const ids = row.every(value => value !== null) ? idsOf(template, row as string[], context) : null
      if (ids?.every(({ id }) => id.length <= MAX_ARN)) named.push(...ids.map(each => ({ type, ...each })))
      else
        unclear.push(
          row
            .map(value => value ?? '?')
            .join(' ')
            .slice(0, MAX_ARN)
            .toWellFormed(),
        )
    }
  }
  return { named, unclear: [...new Set(unclear)], absent }
}

/** The places that an operation declares, where it declares some of them and not all. */
function placesSaid({ places, from }: Prepared, declares: Declares): Prepared['places'] | null {
  const said = places.filter(({ steps: [first = ''] }) => declares(first))
  return from !== undefined || said.length === 0 || said.length === places.length ? null : said
}

function unsaidOf(
  template: Prepared,
  args: JsonObject,
  context: ArnContext,
  declares: Declares,
): readonly Resource[] {
  const { type, places, from, fold } = template
  if (from === 'alias') return aliasedOf(template, args, context)
  const said = placesSaid(template, declares)
  if (said === null) return []
  return rowsOf(said, args).flatMap(row => {
    const values = row.flatMap(value => (value === null || value.startsWith('arn:') ? [] : [value]))
    if (values.length < said.length) return []
    const whole = places.map(place => (said.includes(place) ? (values.shift() as string) : '*'))
    const id = arnOf(template, fold ? whole.map(folded) : whole, context)
    // Behind a colon a star of a pattern's own could go on with any other kind: `ecs:*:task-definition/admin*`.
    return id === null || id.length > MAX_ARN || /:\*$/.test(id) ? [] : [{ type, id, like: id }]
  })
}

/** ATTACK: an environment by its id, past a rule that names its ARN. */
function aliasedOf(template: Prepared, args: JsonObject, context: ArnContext): readonly Resource[] {
  const { places } = template
  return rowsOf(places, args).flatMap(row =>
    row.length < places.length || row.at(-1)?.startsWith('arn:') === true
      ? []
      : anyIn(template, context, row.slice(0, -1)),
  )
}

function openOf(template: Prepared, context: ArnContext, declares: Declares): readonly Resource[] {
  const isDeclared = template.places.some(({ steps: [first = ''] }) => declares(first))
  return isDeclared ? anyIn(template, context, []) : []
}

/** Whatever the ARN may be behind the first values. Names behind a colon, and those of objects, hold colons themselves. */
function anyIn(
  template: Prepared,
  context: ArnContext,
  first: readonly (string | null)[],
): readonly Resource[] {
  const { type, places } = template
  const id = arnOf(
    template,
    places.map((_, at) => first[at] ?? '*'),
    context,
  )
  if (id === null) return [{ type, id: ANYTHING, like: ANYTHING }]
  const colons = /:\*$|:::|:task-definition\//.test(id) ? [id, `${id}:*`] : [id]
  return colons.map(like => ({ type, id: like, like }))
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

/** None for what isn't given; null for what is no name, an empty one for instance. */
function textOf(value: JsonValue): readonly (string | null)[] {
  if (value === null) return []
  if (value === '') return [null]
  if (typeof value === 'string') return [value]
  return typeof value === 'number' ? [String(value)] : [null]
}

function idsOf(
  template: Prepared,
  row: readonly string[],
  context: ArnContext,
): readonly Omit<Resource, 'type'>[] | null {
  const { from, pieces, fold } = template
  const form = formOf(from, fold ? row.map(folded) : row, context)
  switch (form.kind) {
    case 'arn':
      return [form.like === undefined ? { id: form.arn } : { id: form.arn, like: form.like }]
    case 'arns':
      return form.arns.map(id => ({ id }))
    case 'unclear':
      return null
    case 'values': {
      const id = arnOf(template, form.values, context)
      if (id === null) return null
      // A star of the template's own stands for what the request doesn't say.
      const open = pieces.some(piece => piece.kind === 'text' && piece.text.includes('*'))
      return [open ? { id, like: id } : { id }]
    }
  }
}

/** ATTACK: `PROD`, which is `prod` to a service that folds case. Of an ARN, what names the resource. */
function folded(value: string): string {
  const [, head = '', name = value] = /^(arn:(?:[^:]*:){4})(.*)$/s.exec(value) ?? []
  return head + name.toLowerCase()
}

function arnOf({ pieces }: Prepared, values: readonly string[], context: ArnContext): string | null {
  let next = 0
  let arn = ''
  for (const piece of pieces) {
    if (piece.kind === 'text') arn += piece.text
    else if (piece.kind === 'context') {
      const value = context[piece.name]
      if (value === null) return null
      arn += value
    } else {
      const value = values[next++] as string
      // Another place's ARN, such as that of the cluster a service is in.
      arn += next < values.length && value.startsWith('arn:') ? lastPartOfArn(value) : value
    }
  }
  return arn
}
