import { malformed } from '../document-shape.js'

/**
 * How a REST operation is asked for: `PUT /{Bucket}/{Key+}` with what has to stand in query and headers. Unlike the
 * router of own routes it knows conditions, empty segments and encoded slashes, all of which AWS's services have.
 */
export interface HttpTemplate {
  readonly method: string
  readonly segments: readonly HttpSegment[]
  readonly conditions: readonly Condition[]
}

export type HttpSegment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'one'; readonly label: string }
  /** As many segments as there are, empty and dot segments included; not empty as a whole. */
  | { readonly kind: 'rest'; readonly label: string }

/** What must be there for the operation to be this one. */
export interface Condition {
  readonly at: 'query' | 'header'
  readonly name: string
  /** Null where any value will do. */
  readonly value: string | null
  /** Written in the model's own path; otherwise an argument that has to be given. */
  readonly fixed: boolean
}

const HTTP = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (\/[^ ?]*)(?:\?([^ ]*))?$/
const LABEL = /^\{([A-Za-z_][A-Za-z0-9_.-]*)(\+?)\}$/

/** Reads `POST /{Bucket}?delete` and the needs beside it (`?partNumber`, `!x-amz-copy-source`); throws `catalog_malformed`. */
export function readHttpTemplate(http: string, needs: readonly string[], where: string): HttpTemplate {
  const match = HTTP.exec(http)
  if (match === null) throw malformed(where, 'METHOD /path?query')
  const [, method, path, query] = match as unknown as [string, string, string, string | undefined]
  const raw = path.slice(1).split('/')
  const segments = raw.map(text => readSegment(text, where))
  if (segments.filter(({ kind }) => kind === 'rest').length > 1) throw malformed(where, 'one {name+}')
  const fixed = (query ?? '').split('&').filter(part => part !== '')
  return {
    method,
    segments,
    conditions: [...fixed.map(fixedPart), ...needs.map(need => readNeed(need, where))],
  }
}

function readSegment(text: string, where: string): HttpSegment {
  const label = LABEL.exec(text)
  if (label === null) {
    if (/[{}]/.test(text)) throw malformed(where, 'parameters that fill a segment')
    return { kind: 'literal', text }
  }
  const name = label[1] as string
  return label[2] === '' ? { kind: 'one', label: name } : { kind: 'rest', label: name }
}

function fixedPart(part: string): Condition {
  const equals = part.indexOf('=')
  return {
    at: 'query',
    name: equals < 0 ? part : part.slice(0, equals),
    value: equals < 0 || equals === part.length - 1 ? null : part.slice(equals + 1),
    fixed: true,
  }
}

function readNeed(need: string, where: string): Condition {
  const name = need.slice(1)
  if (name === '' || !/^[?!]/.test(need)) throw malformed(where, '?parameter or !header')
  return need[0] === '?'
    ? { at: 'query', name, value: null, fixed: false }
    : { at: 'header', name: name.toLowerCase(), value: null, fixed: false }
}

/** Label → raw segment, or null where the path is another one. `keys`: of a store whose paths end in keys. */
export function matchPath(
  { segments: wanted }: HttpTemplate,
  given: readonly string[],
  keys: boolean,
): ReadonlyMap<string, string> | null {
  const rest = wanted.findIndex(({ kind }) => kind === 'rest')
  if (rest < 0) return matchAll(wanted, trimmed(given, wanted, keys), keys)
  const before = matchAll(wanted.slice(0, rest), given.slice(0, rest), keys)
  const behind = wanted.length - rest - 1
  const after = matchAll(wanted.slice(rest + 1), given.slice(Math.max(rest, given.length - behind)), keys)
  const key = given.slice(rest, given.length - behind).join('/')
  if (before === null || after === null || key === '') return null
  return new Map([...before, [(wanted[rest] as { label: string }).label, key], ...after])
}

function matchAll(
  wanted: readonly HttpSegment[],
  given: readonly string[],
  keys: boolean,
): ReadonlyMap<string, string> | null {
  if (given.length !== wanted.length) return null
  const captured = new Map<string, string>()
  for (let i = 0; i < wanted.length; i++) {
    const segment = wanted[i] as HttpSegment
    const text = given[i] as string
    if (segment.kind === 'literal') {
      if (text !== segment.text) return null
    } else {
      // A bucket's name holds no slash, and none that an encoding hides.
      if (text === '' || (keys && text.includes('%2F'))) return null
      captured.set(segment.label, text)
    }
  }
  return captured
}

/**
 * A slash at the end that doesn't matter: one that the model writes and a client doesn't, and that of a bucket. ATTACK:
 * any other is an empty parameter, `DELETE /endpoints/` for a client that meant one endpoint.
 */
function trimmed(given: readonly string[], wanted: readonly HttpSegment[], keys: boolean): readonly string[] {
  const last = wanted.at(-1)
  const slash = last?.kind === 'literal' && last.text === ''
  if (slash && given.length === wanted.length - 1) return [...given, '']
  return keys && given.length === wanted.length + 1 && given.at(-1) === '' ? given.slice(0, -1) : given
}

/** True where all that the operation needs is there. `query` holds the decoded pairs of the target. */
export function meets(
  { conditions }: HttpTemplate,
  headers: ReadonlyMap<string, string>,
  query: ReadonlyMap<string, readonly string[]>,
): boolean {
  return conditions.every(({ at, name, value, fixed }) => {
    if (at === 'header') return (headers.get(name) ?? '') !== ''
    const values = query.get(name)
    // ATTACK: `?uploadId=`, which is there for one reader and not for another.
    if (!fixed && values?.some(given => given === '')) return false
    return values !== undefined && (value === null || values.every(given => given === value))
  })
}

/** True where everything that `left` matches is also matched by `right`, and not the other way round. */
export function isMoreSpecific(left: HttpTemplate, right: HttpTemplate): boolean {
  return covers(right, left) && !covers(left, right)
}

/** `wide` asks for nothing that `narrow` doesn't, for two templates that match one request. */
function covers(wide: HttpTemplate, narrow: HttpTemplate): boolean {
  const conditions = wide.conditions.every(condition =>
    narrow.conditions.some(
      other =>
        other.at === condition.at &&
        other.name === condition.name &&
        (condition.value === null || other.value === condition.value),
    ),
  )
  return conditions && coversPath(wide.segments, narrow.segments)
}

function coversPath(wide: readonly HttpSegment[], narrow: readonly HttpSegment[]): boolean {
  const rest = wide.findIndex(({ kind }) => kind === 'rest')
  if (rest < 0) return wide.every((segment, i) => coversSegment(segment, narrow[i]))
  const behind = wide.slice(rest + 1)
  return (
    wide.slice(0, rest).every((segment, i) => coversSegment(segment, narrow[i])) &&
    behind.every((segment, i) => coversSegment(segment, narrow[narrow.length - behind.length + i]))
  )
}

function coversSegment(wide: HttpSegment, narrow: HttpSegment | undefined): boolean {
  if (narrow === undefined || narrow.kind === 'rest') return false
  return wide.kind === 'one' || narrow.kind === 'literal'
}
