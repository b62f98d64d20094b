import { protocolFault } from '../error-table.js'

/** One segment of a route's template. */
export type TemplateSegment =
  | { readonly kind: 'literal'; readonly text: string }
  /** `{id}`: exactly one segment, without an encoded slash. */
  | { readonly kind: 'one'; readonly name: string }
  /** `{number}` of a catalog that lists it as numeric: one segment of digits, so that no word is taken for it. */
  | { readonly kind: 'digits'; readonly name: string }
  /** `{path+}`: the rest of the path, one segment or more, encoded slashes included; last only. */
  | { readonly kind: 'rest'; readonly name: string }

export interface Template {
  /** Upper-case. */
  readonly method: string
  readonly path: string
  readonly segments: readonly TemplateSegment[]
}

const ROUTE = /^([A-Z]{1,32}) (\/[^ ]*)$/
const PARAMETER = /^\{([A-Za-z_][A-Za-z0-9_.-]*)(\+?)\}$/
/** What `parseTarget` lets through in a segment, so that no literal is unreachable. */
const LITERAL = /^(?!\.+$)[A-Za-z0-9._~!$&'()*+,=:@-]*$/

const NONE: ReadonlySet<string> = new Set()

/** Parses `GET /v1/customers/{customer}`, where the parameters in `numeric` are digits; throws `catalog_template`. */
export function parseTemplate(route: string, numeric = NONE): Template {
  const match = ROUTE.exec(route)
  if (match === null) throw malformed(route, 'METHOD /path')
  const [, method, path] = match as unknown as [string, string, string]
  const raw = path.slice(1).split('/')
  const segments = raw.map((text, i) => parseSegment(route, text, numeric, i === raw.length - 1))
  const names = segments.flatMap(segment => (segment.kind === 'literal' ? [] : [segment.name]))
  if (new Set(names).size !== names.length) throw malformed(route, 'each parameter once')
  return { method, path, segments }
}

function parseSegment(
  route: string,
  text: string,
  numeric: ReadonlySet<string>,
  last: boolean,
): TemplateSegment {
  const parameter = PARAMETER.exec(text)
  if (parameter === null) {
    if (!LITERAL.test(text) || (text === '' && !last))
      throw malformed(route, `no segment ${JSON.stringify(text)}`)
    return { kind: 'literal', text }
  }
  const name = parameter[1] as string
  if (parameter[2] === '') return { kind: numeric.has(name) ? 'digits' : 'one', name }
  if (!last) throw malformed(route, `{${name}+} as the last segment`)
  return { kind: 'rest', name }
}

/**
 * What a path parameter names, for resources: the parameter itself, or the literal before it in the singular
 * where the parameter is only called `id` (`/invoices/{id}` → `invoice`).
 */
export function resourceTypeOf(template: Template, parameter: string): string {
  const at = template.segments.findIndex(segment => segment.kind !== 'literal' && segment.name === parameter)
  const before = template.segments[at - 1]
  return parameter === 'id' && before?.kind === 'literal' ? singularOf(before.text) : parameter
}

/** `invoices` → `invoice`, `entries` → `entry`, `addresses` → `address`, `status` → `status`. */
export function singularOf(plural: string): string {
  if (/[^aeiou]ies$/.test(plural)) return `${plural.slice(0, -3)}y`
  if (/(?:ss|x|ch|sh)es$/.test(plural)) return plural.slice(0, -2)
  return /[^su]s$/.test(plural) ? plural.slice(0, -1) : plural
}

function malformed(route: string, expected: string) {
  return protocolFault('catalog_template', `${JSON.stringify(route)}: expected ${expected}`)
}
