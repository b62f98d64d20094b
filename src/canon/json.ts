import { fromUtf8 } from './bytes.js'
import { canonFault } from './error-table.js'

export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject
/** Parsed objects have no prototype, so that a member called `__proto__` is a member like any other. */
export interface JsonObject {
  [member: string]: JsonValue
}

export interface StrictJsonOptions {
  /** Deepest nesting of arrays and objects; 64 unless told. */
  readonly maxDepth?: number
  /** Refuse fractions and exponents: receipts and policies carry integers only. */
  readonly integersOnly?: boolean
  /** Take what is beyond 2^53−1 for the double that it is: JCS writes `1e20` as an integer. For what was written here alone. */
  readonly doubles?: boolean
}

/**
 * Parses one JSON text (RFC 8259) under I-JSON's rules (RFC 7493): UTF-8, no byte order mark, no duplicate
 * members, no lone surrogates, numbers that a double holds exactly as integers up to 2^53−1. Throws
 * `json_syntax`, `json_duplicate_key`, `json_depth`, `json_number` or `json_unicode`.
 */
export function parseStrictJson(input: Uint8Array | string, options: StrictJsonOptions = {}): JsonValue {
  const text = typeof input === 'string' ? input : fromUtf8(input)
  return new Parser(text, options).document()
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y
/** RFC 8259 §7 `unescaped`: everything from U+0020 but the quotation mark and the reverse solidus. */
const PLAIN = /[\u0020\u0021\u0023-\u005b\u005d-\uffff]*/y
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

class Parser {
  private at = 0
  private readonly text: string
  private readonly maxDepth: number
  private readonly integersOnly: boolean
  private readonly doubles: boolean

  constructor(text: string, { maxDepth = 64, integersOnly = false, doubles = false }: StrictJsonOptions) {
    this.text = text
    this.maxDepth = maxDepth
    this.integersOnly = integersOnly
    this.doubles = doubles
  }

  document(): JsonValue {
    const value = this.value(0)
    this.space()
    if (this.at !== this.text.length) throw this.syntax()
    return value
  }

  private value(depth: number): JsonValue {
    this.space()
    switch (this.text[this.at]) {
      case '{':
        return this.object(depth + 1)
      case '[':
        return this.array(depth + 1)
      case '"':
        return this.string()
      case 't':
        return this.word('true', true)
      case 'f':
        return this.word('false', false)
      case 'n':
        return this.word('null', null)
      default:
        return this.number()
    }
  }

  private object(depth: number): JsonObject {
    this.enter(depth)
    const object: JsonObject = Object.create(null)
    if (this.take('}')) return object
    do {
      this.space()
      if (this.text[this.at] !== '"') throw this.syntax()
      const key = this.string()
      if (key in object) throw canonFault('json_duplicate_key', `at offset ${this.at}`)
      if (!this.take(':')) throw this.syntax()
      object[key] = this.value(depth)
    } while (this.take(','))
    if (!this.take('}')) throw this.syntax()
    return object
  }

  private array(depth: number): JsonValue[] {
    this.enter(depth)
    const array: JsonValue[] = []
    if (this.take(']')) return array
    do array.push(this.value(depth))
    while (this.take(','))
    if (!this.take(']')) throw this.syntax()
    return array
  }

  private enter(depth: number): void {
    if (depth > this.maxDepth) throw canonFault('json_depth', `more than ${this.maxDepth} levels`)
    this.at++
  }

  private string(): string {
    this.at++
    let out = ''
    for (;;) {
      PLAIN.lastIndex = this.at
      const plain = PLAIN.exec(this.text)?.[0] ?? ''
      out += plain
      this.at += plain.length
      const next = this.text[this.at++]
      if (next === '"') break
      if (next !== '\\') throw this.syntax()
      out += this.escape()
    }
    if (!out.isWellFormed()) throw canonFault('json_unicode', `at offset ${this.at}`)
    return out
  }

  private escape(): string {
    const letter = this.text[this.at++] ?? ''
    if (letter !== 'u') {
      const plain = ESCAPES[letter]
      if (plain === undefined) throw this.syntax()
      return plain
    }
    const digits = this.text.slice(this.at, this.at + 4)
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.syntax()
    this.at += 4
    return String.fromCharCode(Number.parseInt(digits, 16))
  }

  private number(): number {
    NUMBER.lastIndex = this.at
    const match = NUMBER.exec(this.text)
    if (match === null) throw this.syntax()
    const value = Number(match[0])
    const fractional = match[1] !== undefined || match[2] !== undefined
    const exact =
      fractional || this.doubles ? !this.integersOnly && Number.isFinite(value) : Number.isSafeInteger(value)
    if (!exact) throw canonFault('json_number', `at offset ${this.at}`)
    this.at += match[0].length
    return value
  }

  private word<T extends JsonValue>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.at)) throw this.syntax()
    this.at += word.length
    return value
  }

  private take(letter: string): boolean {
    this.space()
    if (this.text[this.at] !== letter) return false
    this.at++
    return true
  }

  private space(): void {
    while (this.at < this.text.length && ' \t\n\r'.includes(this.text[this.at] as string)) this.at++
  }

  private syntax(): Error {
    return canonFault('json_syntax', `at offset ${this.at}`)
  }
}
