import { type Header, type Recognised, SLOTS, type Slot } from '../protocol/index.js'
import { linkFault } from './error-table.js'
import type {
  AdmitRequest,
  BodySummary,
  Finding,
  Hello,
  SettleRequest,
  SignedRequest,
  WatchRequest,
} from './messages.js'
import {
  count,
  jsonObject,
  listOf,
  type Members,
  matching,
  membersOf,
  nullable,
  oneOf,
  type Room,
  sha256Hex,
  text,
} from './shape.js'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const CODE = /^[a-z][a-z0-9_]{0,63}$/
const POLICY_CID = /^(sha256:[0-9a-f]{64})?$/
const SETTLED = ['completed', 'upstream_error', 'timeout', 'aborted', 'not_sent'] as const

const MAX_TOKEN = 8_192
const MAX_TARGET = 131_072
const MAX_OPERATIONS = 20_000
/** Of all arguments of a request together: twice what the gate takes apart of one body. */
const MAX_VALUES = 200_000

export function readHello(value: unknown): Hello {
  const m = membersOf(value, ['protocol', 'gate'])
  if (m.protocol !== 1) throw linkFault('frame_malformed', 'expected protocol 1')
  return { type: 'hello', protocol: 1, gate: matching(m.gate, UUID) }
}

const ADMIT_MEMBERS = [
  'call',
  'policyCid',
  'api',
  'method',
  'target',
  'presented',
  'signed',
  'foreign',
  'body',
  'classifier',
  'finding',
]

export function readAdmit(value: unknown): AdmitRequest {
  const m = membersOf(value, ADMIT_MEMBERS)
  return {
    type: 'admit',
    call: count(m.call),
    policyCid: matching(m.policyCid, POLICY_CID),
    api: text(m.api, 64),
    method: text(m.method, 32),
    target: text(m.target, MAX_TARGET),
    presented: nullable(m.presented, readPresented),
    signed: nullable(m.signed, readSigned),
    foreign: listOf(m.foreign, 256, place => text(place, 256)),
    body: readBody(m.body),
    classifier: text(m.classifier, 64),
    finding: readFinding(m.finding),
  }
}

function readPresented(value: unknown): { slot: Slot; token: string } {
  const m = membersOf(value, ['slot', 'token'])
  return { slot: oneOf(m.slot, SLOTS), token: text(m.token, MAX_TOKEN) }
}

const SIGNED_MEMBERS = [
  'place',
  'target',
  'date',
  'expiresSeconds',
  'accessKeyId',
  'region',
  'service',
  'signature',
  'headers',
  'payload',
  'receivedSha256',
  'outbound',
]

function readSigned(value: unknown): SignedRequest {
  const m = membersOf(value, SIGNED_MEMBERS)
  return {
    place: oneOf(m.place, ['header', 'query']),
    target: text(m.target, MAX_TARGET),
    date: matching(m.date, /^[0-9]{8}T[0-9]{6}Z$/),
    expiresSeconds: nullable(m.expiresSeconds, count),
    accessKeyId: text(m.accessKeyId, 128),
    region: matching(m.region, /^[a-z0-9-]{1,32}$/),
    service: matching(m.service, /^[a-z0-9.-]{1,64}$/i),
    signature: sha256Hex(m.signature),
    headers: listOf(m.headers, 128, readHeader),
    payload: matching(m.payload, /^(?:[0-9a-f]{64}|[A-Z0-9-]{1,64})$/),
    receivedSha256: nullable(m.receivedSha256, sha256Hex),
    outbound: listOf(m.outbound, 128, readHeader),
  }
}

export function readHeader(value: unknown): Header {
  const [name, content] = listOf(value, 2, part => text(part, 32_768))
  return [text(name, 256), text(content, 32_768)]
}

function readBody(value: unknown): BodySummary {
  const kind = oneOf((value as Members | null)?.kind, ['none', 'inspected', 'streamed'])
  switch (kind) {
    case 'none':
    case 'streamed':
      membersOf(value, ['kind'])
      return { kind }
    case 'inspected': {
      const m = membersOf(value, ['kind', 'sha256', 'lengthBytes'])
      return { kind, sha256: sha256Hex(m.sha256), lengthBytes: count(m.lengthBytes) }
    }
  }
}

function readFinding(value: unknown): Finding {
  const kind = oneOf((value as Members | null)?.kind, ['operations', 'refused'])
  switch (kind) {
    case 'operations': {
      const m = membersOf(value, ['kind', 'operations'])
      return { kind, operations: readOperations(m.operations) }
    }
    case 'refused': {
      const m = membersOf(value, ['kind', 'code'])
      return { kind, code: matching(m.code, CODE) }
    }
  }
}

/**
 * Whether operations can be said over the link at all.
 * ATTACK: a request whose arguments the keeper would close the link over, with everybody's requests on it.
 */
export function areSayable(operations: readonly Recognised[]): boolean {
  try {
    readOperations(operations)
    return true
  } catch {
    return false
  }
}

/**
 * The same of what a client has signed.
 * ATTACK: 140 times `Accept`, or a signed header with a name of 300 letters.
 */
export function isSayable(signed: SignedRequest): boolean {
  try {
    readSigned(signed)
    return true
  } catch {
    return false
  }
}

/**
 * Throws `frame_malformed` where the keeper would close the link over the request, its operations apart, which
 * `areSayable` has looked at: whatever an agent gets into one, the link stays everybody's.
 */
export function checkSayable(request: AdmitRequest): void {
  const { type: _, finding, ...members } = request
  const shortened = finding.kind === 'operations' ? { kind: finding.kind, operations: [] } : finding
  readAdmit({ ...members, finding: shortened })
}

/** ATTACK: a captured gate whose frames are nothing but values, over each of which everybody waits for the keeper. */
function readOperations(value: unknown): readonly Recognised[] {
  const room = { values: MAX_VALUES }
  return listOf(value, MAX_OPERATIONS, each => readRecognised(each, room))
}

function readRecognised(value: unknown, room: Room): Recognised {
  const m = membersOf(value, ['name', 'args'], ['account', 'region', 'opaque'])
  return {
    name: text(m.name, 8_192),
    args: jsonObject(m.args, room),
    ...(m.account === undefined ? {} : { account: text(m.account, 256) }),
    ...(m.region === undefined ? {} : { region: text(m.region, 64) }),
    ...(m.opaque === undefined ? {} : { opaque: text(m.opaque, 256) }),
  }
}

const SETTLE_MEMBERS = [
  'call',
  'attempt',
  'status',
  'http',
  'upstreamId',
  'bodySha256',
  'responseSha256',
  'responseBytes',
]

export function readSettle(value: unknown): SettleRequest {
  const m = membersOf(value, SETTLE_MEMBERS)
  const settle: SettleRequest = {
    type: 'settle',
    call: count(m.call),
    attempt: count(m.attempt),
    status: oneOf(m.status, SETTLED),
    http: count(m.http),
    upstreamId: nullable(m.upstreamId, id => text(id, 256)),
    bodySha256: nullable(m.bodySha256, sha256Hex),
    responseSha256: nullable(m.responseSha256, sha256Hex),
    responseBytes: count(m.responseBytes),
  }
  // ATTACK: what was done gives back what it had used of its limits.
  const answered = settle.http !== 0 || settle.upstreamId !== null || settle.responseSha256 !== null
  if (settle.status === 'not_sent' && answered)
    throw linkFault('frame_malformed', 'an answer to what was not sent')
  return settle
}

export function readWatch(value: unknown): WatchRequest {
  const m = membersOf(value, ['call', 'approval'])
  return { type: 'watch', call: count(m.call), approval: matching(m.approval, UUID) }
}
