import { decode, type Token, Tokenizer, Type } from 'cborg'
import { fromUtf8, type JsonObject, type JsonValue } from '../../canon/index.js'
import { protocolFault } from '../error-table.js'
import { blobOfBytes } from './reading.js'

/**
 * Reads one CBOR item as Smithy RPC v2 writes it (RFC 8949 within https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html):
 * maps with text keys, each once; lists; text in UTF-8; tag 1 for a time. Bytes become base64 (of long ones the length), a time and a number that
 * JSON can't hold become text. Throws `aws_cbor`.
 */
export function parseCbor(bytes: Uint8Array): JsonValue {
  let value: unknown
  try {
    value = decode(bytes, {
      useMaps: true,
      rejectDuplicateMapKeys: true,
      allowUndefined: false,
      retainStringBytes: true,
      tags: { 1: content => new Time(content()) },
      tokenizer: new BoundedTokenizer(bytes),
    })
  } catch {
    // cborg's words hold pieces of the body.
    throw protocolFault('aws_cbor')
  }
  return jsonOf(value)
}

const MAX_DEPTH = 64

class Time {
  readonly seconds: unknown

  constructor(seconds: unknown) {
    this.seconds = seconds
  }
}

/** Hands tokens on while nothing is nested too deep and every text is UTF-8. */
class BoundedTokenizer extends Tokenizer {
  /** Items that each open list or map still waits for; Infinity until its break. */
  private readonly open: number[] = []
  private tagged = false

  constructor(bytes: Uint8Array) {
    super(bytes, { retainStringBytes: true, allowUndefined: false })
  }

  override next(): Token {
    const token = super.next()
    // cborg mends what isn't UTF-8 and drops a byte order mark; another reader doesn't.
    if (Type.equals(token.type, Type.string) && token.byteValue !== undefined)
      token.value = fromUtf8(token.byteValue)
    if (Type.equals(token.type, Type.tag)) {
      if (this.tagged) throw protocolFault('aws_cbor')
      this.tagged = true
      return token
    }
    this.tagged = false
    if (Type.equals(token.type, Type.array) || Type.equals(token.type, Type.map)) this.enter(token)
    else if (Type.equals(token.type, Type.break)) {
      if (this.open.pop() !== Number.POSITIVE_INFINITY) throw protocolFault('aws_cbor')
      this.close()
    } else this.close()
    return token
  }

  private enter({ type, value }: Token): void {
    const items = Number(value) * (Type.equals(type, Type.map) ? 2 : 1)
    if (items === 0) this.close()
    else if (this.open.push(items) > MAX_DEPTH) throw protocolFault('aws_cbor')
  }

  /** One item is complete, and with it perhaps those around it. */
  private close(): void {
    while (this.open.length > 0) {
      const left = (this.open.pop() as number) - 1
      if (left > 0) {
        this.open.push(left)
        return
      }
    }
  }
}

function jsonOf(value: unknown): JsonValue {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      return Number.isFinite(value) ? value : String(value)
    case 'bigint':
      return String(value)
    case 'object':
      return value === null ? null : jsonOfObject(value)
    default:
      throw protocolFault('aws_cbor')
  }
}

function jsonOfObject(value: object): JsonValue {
  if (value instanceof Uint8Array) return blobOfBytes(value)
  if (Array.isArray(value)) return value.map(jsonOf)
  if (value instanceof Time) {
    if (typeof value.seconds !== 'number' && typeof value.seconds !== 'bigint')
      throw protocolFault('aws_cbor')
    return String(value.seconds)
  }
  if (!(value instanceof Map)) throw protocolFault('aws_cbor')
  const object: JsonObject = Object.create(null)
  for (const [name, member] of value) {
    if (typeof name !== 'string') throw protocolFault('aws_cbor')
    object[name] = jsonOf(member)
  }
  return object
}
