import { CONTENT_ID } from '../canon/index.js'
import { PROBE_STATUSES } from '../policy/index.js'
import { OPERATION_CLASSES } from '../protocol/index.js'
import { CONTROL_TYPES, type ControlType, OUTCOME_STATUSES } from './entry.js'
import { count, exactly, hex32, list, mapOf, matching, nullable, object, type Shape, text } from './shape.js'

const contentId = matching(CONTENT_ID)
const publicKey = matching(/^ed25519:[A-Za-z0-9_-]{43}$/)
const uuid = matching(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/)

/**
 * The members of `data` for every type of control entry: required ones first, then those that may be absent.
 * Times are Unix milliseconds. Part of the format: docs/receipts.md lists them, and a test compares.
 */
export const CONTROL_FORMATS: Readonly<
  Record<ControlType, readonly [Readonly<Record<string, Shape>>, Readonly<Record<string, Shape>>?]>
> = {
  genesis: [{ origin: text, receipt: publicKey, checkpoint: publicKey, enrolment: nullable(text) }],
  boot: [{ size: count, root: hex32, software: text, side_key: nullable(text) }],
  policy: [
    {
      action: exactly('activated', 'rechecked', 'refused', 'withdrawn', 'expired'),
      cid: nullable(contentId),
      version: count,
    },
    { code: text, trust: count, root: contentId },
  ],
  grant: [
    {
      action: exactly('issued', 'revoked'),
      jti: text,
      agent: text,
      environment: text,
      task: text,
      owner: text,
      slot: text,
      expires: count,
    },
    { order: contentId, by: text, session: text, issuer: text, subject: text },
  ],
  mint: [
    {
      action: exactly('minted', 'revoked', 'reaped', 'failed'),
      minter: text,
      credential: text,
      scope: text,
      expires: count,
    },
    { id: text, agent: text, environment: text, task: text, owner: text, api: text, code: text },
  ],
  probe: [
    {
      id: uuid,
      agent: text,
      environment: text,
      task: text,
      owner: text,
      api: text,
      asked: list(object({ probe: text, type: text, id: text, operations: list(text), mint: text })),
    },
  ],
  vault: [
    { action: exactly('opened', 'put', 'removed', 'rekeyed'), entries: count },
    { name: text, by: text },
  ],
  approval: [
    {
      id: text,
      state: exactly('requested', 'approved', 'withdrawn', 'rejected', 'consumed', 'expired', 'voided'),
      agent: text,
      environment: text,
      task: text,
      owner: text,
      policy: contentId,
      digest: hex32,
      expires: count,
    },
    { rule: text, approvers: list(text), by: text, because: text, signed: text, attempt: count },
  ],
  halt: [
    { action: exactly('halted', 'resumed'), scope: exactly('agent', 'task', 'all'), by: text },
    { agent: text, task: text, because: text, statement: contentId, cut: count },
  ],
  freeze: [
    { action: exactly('frozen', 'thawed'), by: text },
    { until: count, because: text, statement: contentId },
  ],
  key: [
    {
      action: exactly('enrolled', 'revoked'),
      role: exactly('receipt', 'checkpoint', 'grant'),
      key: publicKey,
    },
    { enrolment: text, replaces: publicKey },
  ],
  heartbeat: [
    { size: count, open: count },
    { policy: contentId, every: count },
  ],
  suppressed: [{ code: text, count, from: count, to: count }],
  recover: [
    { chain: text, size: count, root: hex32, because: text },
    { lost: count, statement: text },
  ],
  erase: [{ attempt: count, id: uuid, by: text, because: text, order: contentId }, { signed: text }],
  archive: [{ size: count, root: hex32, by: text, because: text, order: contentId }],
  close: [{ reason: text }],
}

const position = {
  v: exactly(1),
  chain: matching(/^[a-z0-9.-]+\/countersign\/[a-z0-9-]+\/[1-9][0-9]{0,8}$/),
  seq: count,
  prev: hex32,
  t: count,
  boot: uuid,
}

const operation = object(
  {
    name: text,
    classes: list(exactly(...OPERATION_CLASSES)),
    scope: mapOf(text),
    resources: list(object({ type: text, id: text })),
  },
  { more: object({ count, all_c: hex32 }) },
)

const attempt: readonly [Readonly<Record<string, Shape>>, Readonly<Record<string, Shape>>] = [
  {
    type: exactly('attempt'),
    id: uuid,
    agent: object({ id: text, environment: text, task: text, owner: text, grant: text }),
    req: object({ api: text, method: text, target_c: hex32 }, { body_c: hex32, body_len: count }),
    ops: list(operation),
    policy: object({ cid: text, version: count }),
    classifier: text,
    decision: object({ effect: exactly('allow', 'hold', 'deny'), code: text, rule: nullable(text) }),
    inputs_c: hex32,
  },
  {
    approval: text,
    credential: object({ minter: text, scope: text, expires: count }, { mint: text }),
    probes: list(
      object(
        { probe: text, op: count, resource: count, status: exactly(...PROBE_STATUSES) },
        { asked: count, facts_c: hex32 },
      ),
    ),
    reserved: list(object({ key: text, amount: count })),
  },
]

const outcome: readonly [Readonly<Record<string, Shape>>, Readonly<Record<string, Shape>>] = [
  {
    type: exactly('outcome'),
    attempt: count,
    attempt_leaf: hex32,
    status: exactly(...OUTCOME_STATUSES),
    http: count,
    ms: count,
  },
  { upstream_id: text, body_c: hex32, resp_c: hex32, resp_len: count },
]

const shapes: ReadonlyMap<string, Shape> = new Map([
  ['attempt', shapeOf(...attempt)],
  ['outcome', shapeOf(...outcome)],
  ...CONTROL_TYPES.map(
    type => [type, shapeOf({ type: exactly(type), data: object(...CONTROL_FORMATS[type]) })] as const,
  ),
])

function shapeOf(
  required: Readonly<Record<string, Shape>>,
  optional: Readonly<Record<string, Shape>> = {},
): Shape {
  return object({ ...position, ...required }, optional)
}

/** The first place where an entry departs from its format (`.req.method`), or undefined. */
export function entryProblem(entry: unknown): string | undefined {
  const type = typeof entry === 'object' && entry !== null ? (entry as { type?: unknown }).type : undefined
  const shape = typeof type === 'string' ? shapes.get(type) : undefined
  return shape === undefined ? '.type' : shape(entry)
}
