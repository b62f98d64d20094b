import {
  canonicalBytes,
  canonicalize,
  fromUtf8,
  type JsonValue,
  parseCanonical,
  parseStrictJson,
} from '../../../src/canon/index.js'
import { equal, type FuzzTarget, holds, read, readOr } from '../target.js'

type Parse = typeof parseStrictJson

/** Codes of refusals that `JSON.parse` doesn't share. */
const STRICTER: ReadonlySet<string> = new Set([
  'json_duplicate_key',
  'json_depth',
  'json_number',
  'json_unicode',
])

/** Strict JSON is JSON: what is accepted says the same to everybody, and has one canonical form. */
export function strictJsonWith(parse: Parse): FuzzTarget['run'] {
  return bytes => {
    const canonical = read(() => parseCanonical(bytes))
    if (canonical !== null)
      holds(Buffer.compare(canonicalBytes(canonical), bytes) === 0, 'canonical bytes are written back')
    const value = readOr(
      () => parse(bytes),
      code => {
        holds(STRICTER.has(code) || lenient(bytes) === undefined, 'what isn’t JSON to us isn’t JSON', code)
        return undefined
      },
    )
    if (value === undefined) return 'refused'
    const other = lenient(bytes)
    holds(other !== undefined, 'what is accepted is JSON')
    equal(value, other.value, 'it is the value that JSON.parse reads')
    const text = fromUtf8(bytes)
    holds(colonsIn(text) === membersIn(value), 'no member is there twice', colonsIn(text), membersIn(value))
    const canonicalText = canonicalize(value)
    // `1e20` is an integer in canonical form, which is read as one only by who wrote it.
    const again = parse(canonicalText, { doubles: true })
    holds(canonicalize(again) === canonicalText, 'its canonical form is stable', canonicalText)
    equal(JSON.parse(canonicalText), other.value, 'its canonical form is the same value')
    return 'accepted'
  }
}

function lenient(bytes: Uint8Array): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)) }
  } catch {
    return undefined
  }
}

/** Colons outside of strings: one for each member that was written. */
function colonsIn(text: string): number {
  return text.replace(/"(?:[^"\\]|\\.)*"/gs, '').split(':').length - 1
}

function membersIn(value: JsonValue): number {
  if (typeof value !== 'object' || value === null) return 0
  const below = Object.values(value).reduce<number>((count, each) => count + membersIn(each), 0)
  return below + (Array.isArray(value) ? 0 : Object.keys(value).length)
}

export const target: FuzzTarget = {
  about:
    'strict JSON and JCS: what is accepted is what JSON.parse reads, with no member twice and one canonical form',
  words: [
    '{',
    '}',
    '[',
    ']',
    '":',
    ',"',
    '\\u0064',
    '\\ud800',
    '\\udc00',
    '\\n',
    '__proto__',
    '"a":',
    'true',
    'false',
    'null',
    '1e1',
    '-0',
    '0.1',
    '9007199254740993',
    '\ufeff',
    '\u2028',
    '{"a":{"a":',
  ],
  maxBytes: 1_024,
  run: strictJsonWith(parseStrictJson),
  seeds: () => ({
    object: '{"a":1,"b":[true,false,null,-0.5,1e3],"c":{"d":"\\u0064\\n"}}',
    canonical: '{"a":1,"b":[],"\u00e4":"\u2028"}',
    prototype: '{"__proto__":{"isAdmin":true},"constructor":1}',
    doubles: '[1e20,-9007199254740992.5,5e-324]',
    numbers: '[0,-0,1.5,1E400,123456789012345678]',
    duplicate: '{"a":1,"\\u0061":2}',
    surrogate: '"\\ud83d\\ude00 \\ud83d"',
    mark: '\ufeff{}',
    deep: `${'['.repeat(65)}${']'.repeat(65)}`,
    trailing: '{} x',
  }),
}
