import { type JsonObject, type JsonValue, utf8 } from '../../canon/index.js'
import type { Recognised } from '../operation.js'
import type { Header, RawRequest } from '../request.js'
import type { CompiledRoute } from './route.js'

/** A request for a route with these arguments; null where its body takes no arguments and there are some. */
export function writeRequest(
  route: CompiledRoute,
  { args, account }: Recognised,
  accountHeader: string | null,
): RawRequest | null {
  const names = new Set(route.parameters.map(({ name }) => name))
  const rest = Object.fromEntries(Object.entries(args).filter(([name]) => !names.has(name)))
  const path = route.template.segments.map(segment =>
    segment.kind === 'literal' ? segment.text : segmentText(args[segment.name], segment.kind === 'rest'),
  )
  const headers: Header[] = []
  if (account !== undefined) {
    if (accountHeader === null) return null
    headers.push([accountHeader, account])
  }
  const { method } = route.template
  const target = `/${path.join('/')}`
  if (Object.keys(rest).length === 0) return { method, target, headers, body: null }
  if (route.bodies.includes('json')) {
    headers.push(['content-type', 'application/json'])
    return { method, target, headers, body: utf8(JSON.stringify(rest)) }
  }
  const pairs = pairsOf(rest)
  if (route.bodies.includes('form')) {
    headers.push(['content-type', 'application/x-www-form-urlencoded'])
    return { method, target, headers, body: utf8(pairs) }
  }
  return { method, target: `${target}?${pairs}`, headers, body: null }
}

function segmentText(value: JsonValue | undefined, rest: boolean): string {
  const text = typeof value === 'string' || typeof value === 'number' ? String(value) : 'x'
  return (rest ? text.split('/') : [text]).map(encodeURIComponent).join('/')
}

/** `a=1&b[c]=2&d[0]=3`. */
function pairsOf(args: JsonObject): string {
  const pairs: string[] = []
  const write = (name: string, value: JsonValue): void => {
    if (Array.isArray(value)) for (const [at, each] of value.entries()) write(`${name}[${at}]`, each)
    else if (typeof value === 'object' && value !== null)
      for (const [member, each] of Object.entries(value)) write(`${name}[${member}]`, each)
    else pairs.push(`${name}=${encodeURIComponent(value === null ? '' : String(value))}`)
  }
  for (const [name, value] of Object.entries(args)) write(name, value)
  return pairs.join('&')
}
