import {
  canonicalBytes,
  equalBytes,
  fromHex,
  hex,
  type JsonObject,
  type JsonValue,
  parseStrictJson,
  type StrictJsonOptions,
} from '../canon/index.js'
import type { ProbeResult } from '../policy/index.js'
import { ATTEMPT_SECRET_BYTES } from './commitment.js'
import { receiptFault } from './error-table.js'

/**
 * Everything that a decision used, so that it can be derived again years later. Its JCS is what `inputs_c`
 * commits to. Numbers inside `operations` are whatever the request carried, fractions included.
 */
export interface DecisionInputs {
  readonly v: 1
  readonly policy: string
  /** Raw target as received, API prefix off; cut by the gate's bound. */
  readonly target: string
  readonly method: string
  readonly api: string
  /** SHA-256 of the body, 64 hex digits; null where there was none or it was streamed. */
  readonly body: string | null
  /** Agent, environment, task, owner and facts as the decision saw them. */
  readonly agent: JsonObject
  /** RFC 9396 details of the grant; null where it had none. */
  readonly authorization: readonly JsonObject[] | null
  /** Operations with classes, scope, resources and decoded arguments. */
  readonly operations: readonly JsonObject[]
  /** What became of the questions to the upstream, in the order of the entry's `probes`; null where none was asked. */
  readonly probe: readonly ProbeResult[] | null
  /** Usage under each limit that was asked for, by counter key. */
  readonly counters: Readonly<Record<string, number>>
  /** Unix milliseconds of the decision, and of the newest entry then. */
  readonly now: number
  readonly last: number
  /** Absent where it passed without people's word, and in what an older version wrote. */
  readonly agreed?: Agreed
}

/** What people who approved a call were shown of it, and what opens the commitments of the statement that they signed. */
export interface Agreed {
  /** Of the statement's `args_c` and `probes_c`, 64 hex digits. */
  readonly salt: string
  /** Of each operation, as the statement commits to them. */
  readonly args: readonly JsonValue[]
  /** What the upstream had said when people were asked; empty where nothing was asked. */
  readonly probes: readonly ProbeResult[]
}

/** What the side store holds, encrypted: `{"inputs":…,"secret":"<64 hex digits>"}` as JCS. */
export interface SideRecord {
  readonly inputs: DecisionInputs
  readonly secret: Uint8Array
}

/** The bytes that `inputs_c` commits to. */
export function encodeInputs(inputs: DecisionInputs): Uint8Array {
  return canonicalBytes(inputs)
}

/** The side record from inputs that were already encoded: no second canonicalization on the request's path. */
export function encodeSideRecord(encodedInputs: Uint8Array, secret: Uint8Array): Uint8Array {
  const head = SIDE_HEAD
  const tail = new TextEncoder().encode(`,"secret":"${hex(secret)}"}`)
  const record = new Uint8Array(head.length + encodedInputs.length + tail.length)
  record.set(head)
  record.set(encodedInputs, head.length)
  record.set(tail, head.length + encodedInputs.length)
  return record
}

const SIDE_HEAD = new TextEncoder().encode('{"inputs":')
const MEMBERS =
  'agent,api,authorization,body,counters,last,method,now,operations,policy,probe,target,v'.split(',')

/** Opens a decrypted side record; throws `inputs_malformed` unless it is exactly what `encodeSideRecord` wrote. */
export function openInputs(bytes: Uint8Array): SideRecord {
  const value = parsed(bytes)
  if (!isObject(value) || Object.keys(value).sort().join() !== 'inputs,secret')
    throw receiptFault('inputs_malformed', 'expected the members inputs and secret')
  const { inputs, secret } = value
  const raw = typeof secret === 'string' ? fromHex(secret) : undefined
  if (raw?.length !== ATTEMPT_SECRET_BYTES) throw receiptFault('inputs_malformed', 'secret')
  if (!isObject(inputs) || inputs.v !== 1) throw receiptFault('inputs_malformed', 'members of inputs')
  const { agreed, ...members } = inputs
  if (Object.keys(members).sort().join() !== MEMBERS.join())
    throw receiptFault('inputs_malformed', 'members of inputs')
  if (agreed !== undefined && !isAgreed(agreed)) throw receiptFault('inputs_malformed', 'agreed')
  if (!equalBytes(canonicalBytes(value), bytes)) throw receiptFault('inputs_malformed', 'not canonical')
  return { inputs: inputs as unknown as DecisionInputs, secret: raw }
}

/**
 * ATTACK: arguments that can be written and not read again, and so a decision that nobody can repeat: `1e20` becomes an
 * integer beyond 2^53−1, and what is 64 levels deep lies deeper in here.
 */
const AS_WRITTEN: StrictJsonOptions = { maxDepth: 128, doubles: true }

/** The JSON of inputs, whatever numbers and depth a request brought into them; throws as `parseStrictJson`. */
export function parseInputs(bytes: Uint8Array): JsonValue {
  return parseStrictJson(bytes, AS_WRITTEN)
}

function parsed(bytes: Uint8Array): JsonValue {
  try {
    return parseInputs(bytes)
  } catch {
    throw receiptFault('inputs_malformed')
  }
}

function isAgreed(value: JsonValue): boolean {
  return (
    isObject(value) &&
    Object.keys(value).sort().join() === 'args,probes,salt' &&
    typeof value.salt === 'string' &&
    fromHex(value.salt)?.length === ATTEMPT_SECRET_BYTES &&
    Array.isArray(value.args) &&
    Array.isArray(value.probes)
  )
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
