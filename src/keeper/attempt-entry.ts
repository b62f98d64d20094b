import { type Crypto, canonicalBytes, canonicalize, type JsonObject, utf8 } from '../canon/index.js'
import type { Grant } from '../credential/index.js'
import type { AdmitRequest } from '../link/index.js'
import type { ActivePolicy, ProbeResult } from '../policy/index.js'
import type { Operation } from '../protocol/index.js'
import {
  type Agreed,
  ATTEMPT_SECRET_BYTES,
  type AttemptAgent,
  type AttemptBody,
  type AttemptOperation,
  type AttemptProbe,
  commitment,
  encodeInputs,
  encodeSideRecord,
} from '../receipt/index.js'
import type { KeeperPorts, RandomBytes } from './ports.js'
import { uuid7 } from './uuid.js'

/** One request as far as the keeper has understood it, with everything that its decision used. */
export interface Case {
  /** UUIDv7 of the attempt. */
  readonly id: string
  /** Behind all commitments of the attempt; erasing it closes them for ever. */
  readonly secret: Uint8Array
  readonly request: AdmitRequest
  readonly policy: ActivePolicy
  /** Null for a stranger. */
  readonly grant: Grant | null
  /** Name of the classifier that described the operations; `none` where none did. */
  readonly classifier: string
  readonly operations: readonly Operation[]
  /** What the upstream was asked for this decision; null while nothing was. */
  readonly probes: readonly AskedProbe[] | null
  /** How often what the API answers may have changed by the time of its answers, see `Probing.changesOf`; null where nothing was asked. */
  readonly answersAsOf: number | null
  /** Usage under each limit that the decision asked for, by counter. */
  readonly counters: Readonly<Record<string, number>>
  readonly nowMs: number
  readonly lastEntryMs: number
  /** What people have agreed to, where it passes on that. */
  readonly agreed?: Agreed
}

/** A question to the upstream, where it belongs, and what became of it. */
export interface AskedProbe {
  readonly result: ProbeResult
  /** Indexes of the operation, and of the resource among its own. */
  readonly operation: number
  readonly resource: number
  /** `seq` of the entry that says it was sent; null where nothing was. */
  readonly asked: number | null
  /** Under which the answer is remembered; null where it could not be asked. */
  readonly key: string | null
}

export interface AttemptResult {
  readonly decision: AttemptBody['decision']
  readonly approval?: string
  readonly credential?: NonNullable<AttemptBody['credential']>
  readonly reserved?: NonNullable<AttemptBody['reserved']>
}

/** An attempt's entry, and the side record that can open its commitments later. */
export interface WrittenAttempt {
  readonly body: AttemptBody
  readonly side: { readonly id: string; readonly record: Uint8Array } | undefined
}

/** A target beyond it is cut in the inputs; the commitment covers all of it. */
const MAX_RECORDED_TARGET = 8_192
/** An entry has 65,535 bytes in base64: what is listed in clear stays well below. */
const MAX_CLEAR_OPERATIONS = 40_000
const MAX_CLEAR_NAME = 200
const NOBODY: AttemptAgent = { id: '', environment: '', task: '', owner: '', grant: '' }

/** Identity and secret of a new attempt. */
export function newAttempt(random: RandomBytes, nowMs: number): Pick<Case, 'id' | 'secret'> {
  const bytes = random(ATTEMPT_SECRET_BYTES + 10)
  return {
    id: uuid7(nowMs, bytes.subarray(ATTEMPT_SECRET_BYTES)),
    secret: bytes.subarray(0, ATTEMPT_SECRET_BYTES),
  }
}

export function writeAttempt(
  c: Case,
  result: AttemptResult,
  crypto: Pick<Crypto, 'hmacSha256'>,
  cipher: KeeperPorts['side'],
): WrittenAttempt {
  const inputs = encodeInputs(inputsOf(c))
  const { request, policy, secret } = c
  const body: AttemptBody = {
    type: 'attempt',
    id: c.id,
    agent: c.grant === null ? NOBODY : agentOf(c.grant),
    req: {
      // ATTACK: a name that the policy doesn't have is text of the agent.
      api: policy.apis.has(request.api) ? request.api : '',
      method: request.method,
      target_c: commitment(crypto, secret, 'target', utf8(request.target)),
      ...bodyOf(c, crypto),
    },
    ops: operationsOf(c, crypto),
    policy: { cid: policy.cid, version: policy.version },
    classifier: c.classifier,
    inputs_c: commitment(crypto, secret, 'inputs', inputs),
    ...(c.probes === null
      ? {}
      : { probes: c.probes.map((each, index) => writtenProbe(each, index, c, crypto)) }),
    ...result,
  }
  const side =
    cipher === null ? undefined : { id: c.id, record: cipher.seal(c.id, encodeSideRecord(inputs, secret)) }
  return { body, side }
}

/** What a decision is told of the questions; null where none was asked. */
export function resultsOf({ probes }: Pick<Case, 'probes'>): readonly ProbeResult[] | null {
  return probes === null ? null : probes.map(({ result }) => result)
}

function writtenProbe(
  { result, operation, resource, asked }: AskedProbe,
  index: number,
  { secret }: Case,
  crypto: Pick<Crypto, 'hmacSha256'>,
): AttemptProbe {
  const { probe, status, facts } = result
  return {
    probe,
    op: operation,
    resource,
    status,
    ...(asked === null ? {} : { asked }),
    ...(facts === null
      ? {}
      : { facts_c: commitment(crypto, secret, `probes.${index}`, canonicalBytes(facts)) }),
  }
}

function agentOf(grant: Grant): AttemptAgent {
  const { agent, environment, task, owner, jti } = grant
  return { id: agent, environment, task, owner, grant: jti }
}

function bodyOf(c: Case, crypto: Pick<Crypto, 'hmacSha256'>): { body_c?: string; body_len?: number } {
  const { body } = c.request
  switch (body.kind) {
    case 'none':
    case 'streamed':
      return {}
    case 'inspected':
      return {
        body_c: commitment(crypto, c.secret, 'body', Buffer.from(body.sha256, 'hex')),
        body_len: body.lengthBytes,
      }
  }
}

function inputsOf(c: Case): Parameters<typeof encodeInputs>[0] {
  const { request, policy, grant, agreed } = c
  return {
    v: 1,
    policy: policy.cid,
    target: request.target.slice(0, MAX_RECORDED_TARGET).toWellFormed(),
    method: request.method,
    api: request.api,
    body: request.body.kind === 'inspected' ? request.body.sha256 : null,
    agent:
      grant === null
        ? {}
        : {
            id: grant.agent,
            environment: grant.environment,
            task: grant.task,
            owner: grant.owner,
            facts: policy.agents.get(grant.agent)?.facts ?? {},
          },
    authorization: grant?.authorizationDetails ?? null,
    operations: c.operations as unknown as readonly JsonObject[],
    probe: resultsOf(c),
    counters: c.counters,
    now: c.nowMs,
    last: c.lastEntryMs,
    ...(agreed === undefined ? {} : { agreed }),
  }
}

function operationsOf(c: Case, crypto: Pick<Crypto, 'hmacSha256'>): readonly AttemptOperation[] {
  const listed = c.operations.map(({ name, classes, scope, resources }) => ({
    name,
    classes,
    scope,
    resources: resources.map(({ type, id }) => ({ type, id })),
  }))
  return clearLength(listed) <= MAX_CLEAR_OPERATIONS
    ? listed
    : c.operations.map((operation, index) => abridged(operation, index, c, crypto))
}

/** Name and classes in clear; all of the operation, scope, resources and arguments included, as a commitment. */
function abridged(
  operation: Operation,
  index: number,
  c: Case,
  crypto: Pick<Crypto, 'hmacSha256'>,
): AttemptOperation {
  return {
    name: operation.name.slice(0, MAX_CLEAR_NAME).toWellFormed(),
    classes: operation.classes,
    scope: {},
    resources: [],
    more: {
      count: operation.resources.length,
      all_c: commitment(crypto, c.secret, `ops.${index}`, utf8(canonicalize(operation))),
    },
  }
}

/** An upper bound of the characters that a list of operations takes in an entry, escapes included. */
function clearLength(operations: readonly Omit<AttemptOperation, 'more'>[]): number {
  let length = 0
  for (const { name, scope, resources } of operations) {
    length += 200 + 6 * name.length
    for (const key of Object.keys(scope)) length += 6 * (key.length + (scope[key] as string).length) + 6
    for (const { type, id } of resources) length += 6 * (type.length + id.length) + 24
  }
  return length
}
