import { decode, encode, Token, Type } from 'cborg'
import type { PlainValue } from './aws-dialect.js'
import { AwsRefusal } from './aws-refusal.js'

/** RFC 8949 §3.4.2: seconds since the epoch. */
const EPOCH_TAG = 1

/** CBOR as Smithy's RPC v2 writes it: definite lengths, timestamps as tag 1. */
export function encodeCbor(value: PlainValue): Uint8Array {
  return encode(present(value), {
    typeEncoders: {
      Date: (date: Date) => [new Token(Type.tag, EPOCH_TAG), new Token(Type.float, date.getTime() / 1000)],
    },
  })
}

/** Throws `AwsRefusal` for what isn't one CBOR item. */
export function decodeCbor(bytes: Uint8Array): unknown {
  try {
    return decode(bytes, {
      rejectDuplicateMapKeys: true,
      allowIndefinite: true,
      tags: { [EPOCH_TAG]: control => new Date(Number(control()) * 1000) },
    })
  } catch {
    throw new AwsRefusal('SerializationException', 'The body is not valid CBOR.')
  }
}

/** Members that aren't there are left out: cborg would write `undefined`. */
function present(value: PlainValue): unknown {
  if (Array.isArray(value)) return value.map(present)
  if (value === null || typeof value !== 'object') return value
  if (value instanceof Date || value instanceof Uint8Array) return value
  const members = Object.entries(value).filter(([, each]) => each !== undefined)
  return Object.fromEntries(members.map(([name, each]) => [name, present(each)]))
}
