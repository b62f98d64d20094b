import type { CatalogDocument } from '../protocol/index.js'
import { readHeader } from './gate-messages.js'
import type {
  AdmitReply,
  ApiView,
  BudgetReading,
  CutOrder,
  FullCheckUpdate,
  LinkFault,
  PolicyUpdate,
  PolicyView,
  ReceiptAnchor,
  SettleReply,
  ShippingUpdate,
  SinkReading,
  Verdict,
  WatchReply,
  Welcome,
  WitnessReading,
  WitnessUpdate,
} from './messages.js'
import {
  count,
  flag,
  jsonObject,
  listOf,
  type Members,
  matching,
  membersOf,
  nullable,
  oneOf,
  sha256Hex,
  text,
} from './shape.js'

const POLICY_CID = /^sha256:[0-9a-f]{64}$/
/** 32 bytes in base64. */
const CHUNK_KEY = /^[A-Za-z0-9+/]{43}=$/
const WATCHED = ['changed', 'ended', 'unwatched'] as const
/** Attempts that one message may end; further ones are in the next. */
export const MAX_CUT = 2_048
/** Of one request; whatever else it counts under is enforced and not told. */
export const MAX_BUDGETS = 16
const MAX_APIS = 256
const MAX_SINKS = 16
const MAX_WITNESSES = 32

export function readWelcome(value: unknown): Welcome {
  const m = membersOf(value, ['origin', 'policy', 'enrolmentExpiresMs'])
  return {
    type: 'welcome',
    origin: text(m.origin, 512),
    policy: nullable(m.policy, readPolicyView),
    enrolmentExpiresMs: count(m.enrolmentExpiresMs),
  }
}

export function readPolicyUpdate(value: unknown): PolicyUpdate {
  const m = membersOf(value, ['policy'])
  return { type: 'policy', policy: nullable(m.policy, readPolicyView) }
}

export function readShippingUpdate(value: unknown): ShippingUpdate {
  const m = membersOf(value, ['sinks'])
  return { type: 'shipping', sinks: listOf(m.sinks, MAX_SINKS, readSink) }
}

function readSink(value: unknown): SinkReading {
  const m = membersOf(value, ['name', 'shipped', 'lagEntries', 'lagSeconds', 'failing'])
  return {
    name: text(m.name, 64),
    shipped: count(m.shipped),
    lagEntries: count(m.lagEntries),
    lagSeconds: count(m.lagSeconds),
    failing: flag(m.failing),
  }
}

export function readFullCheckUpdate(value: unknown): FullCheckUpdate {
  const { reading } = membersOf(value, ['reading'])
  const m = membersOf(reading, ['size', 'entries', 'failing', 'soundMs'])
  return {
    type: 'full-check',
    reading: {
      size: count(m.size),
      entries: count(m.entries),
      failing: flag(m.failing),
      soundMs: nullable(m.soundMs, count),
    },
  }
}

export function readWitnessUpdate(value: unknown): WitnessUpdate {
  const m = membersOf(value, ['reading'])
  return { type: 'witnesses', reading: readWitnessReading(m.reading) }
}

function readWitnessReading(value: unknown): WitnessReading {
  const m = membersOf(value, ['witnessed', 'lag', 'witnesses'])
  return {
    witnessed: nullable(m.witnessed, count),
    lag: nullable(m.lag, readLag),
    witnesses: listOf(m.witnesses, MAX_WITNESSES, readWitness),
  }
}

function readLag(value: unknown): { readonly entries: number; readonly seconds: number } {
  const m = membersOf(value, ['entries', 'seconds'])
  return { entries: count(m.entries), seconds: count(m.seconds) }
}

function readWitness(value: unknown): { readonly name: string; readonly failing: boolean } {
  const m = membersOf(value, ['name', 'failing'])
  return { name: text(m.name, 256), failing: flag(m.failing) }
}

function readPolicyView(value: unknown): PolicyView {
  const m = membersOf(value, ['cid', 'version', 'expiresMs', 'apis'])
  return {
    cid: matching(m.cid, POLICY_CID),
    version: count(m.version),
    expiresMs: count(m.expiresMs),
    apis: listOf(m.apis, MAX_APIS, readApiView),
  }
}

function readApiView(value: unknown): ApiView {
  const m = membersOf(value, ['name', 'catalog', 'origins', 'privateUpstream'])
  const origins: Record<string, string> = Object.create(null)
  for (const [label, origin] of Object.entries(jsonObject(m.origins))) origins[label] = text(origin, 2_048)
  return {
    name: text(m.name, 64),
    // The gate opens it with `openCatalog`, which checks it whole.
    catalog: jsonObject(m.catalog) as unknown as CatalogDocument,
    origins,
    privateUpstream: flag(m.privateUpstream),
  }
}

export function readAdmitReply(value: unknown): AdmitReply {
  const m = membersOf(value, ['call', 'verdict', 'receipt'])
  return {
    type: 'admitted',
    call: count(m.call),
    verdict: readVerdict(m.verdict),
    receipt: nullable(m.receipt, readAnchor),
  }
}

function readAnchor(value: unknown): ReceiptAnchor {
  const m = membersOf(value, ['seq', 'leaf'])
  return { seq: count(m.seq), leaf: sha256Hex(m.leaf) }
}

function readBudget(value: unknown): BudgetReading {
  const m = membersOf(value, ['rule', 'limit', 'used', 'unit', 'windowSeconds', 'resetsSeconds'])
  return {
    rule: text(m.rule, 64),
    limit: count(m.limit),
    used: count(m.used),
    unit: nullable(m.unit, value => text(value, 64)),
    windowSeconds: count(m.windowSeconds),
    resetsSeconds: count(m.resetsSeconds),
  }
}

const REFUSE_MEMBERS = [
  'kind',
  'code',
  'effect',
  'rule',
  'because',
  'operation',
  'resource',
  'others',
  'agent',
  'approval',
  'retryAfterMs',
  'budgets',
]

function readVerdict(value: unknown): Verdict {
  const kind = oneOf((value as Members | null)?.kind, ['forward', 'refuse', 'stale'])
  switch (kind) {
    case 'forward': {
      const m = membersOf(value, ['kind', 'code', 'attempt', 'headers', 'budgets', 'awaitMark', 'chunkKey'])
      return {
        kind,
        code: oneOf(m.code, ['allowed', 'approved', 'observed']),
        attempt: text(m.attempt, 64),
        headers: listOf(m.headers, 32, readHeader),
        budgets: listOf(m.budgets, MAX_BUDGETS, readBudget),
        awaitMark: flag(m.awaitMark),
        chunkKey: nullable(m.chunkKey, key => matching(key, CHUNK_KEY)),
      }
    }
    case 'refuse': {
      const m = membersOf(value, REFUSE_MEMBERS)
      return {
        kind,
        code: text(m.code, 64),
        effect: oneOf(m.effect, ['hold', 'deny']),
        rule: nullable(m.rule, rule => text(rule, 256)),
        because: nullable(m.because, because => text(because, 4_096)),
        operation: text(m.operation, 8_192),
        resource: text(m.resource, 8_192),
        others: count(m.others),
        agent: text(m.agent, 256),
        approval: nullable(m.approval, id => text(id, 128)),
        retryAfterMs: nullable(m.retryAfterMs, count),
        budgets: listOf(m.budgets, MAX_BUDGETS, readBudget),
      }
    }
    case 'stale':
      membersOf(value, ['kind'])
      return { kind }
  }
}

export function readSettleReply(value: unknown): SettleReply {
  const m = membersOf(value, ['call', 'recorded'])
  return { type: 'settled', call: count(m.call), recorded: flag(m.recorded) }
}

export function readWatchReply(value: unknown): WatchReply {
  const m = membersOf(value, ['call', 'change'])
  return { type: 'watched', call: count(m.call), change: oneOf(m.change, WATCHED) }
}

export function readCutOrder(value: unknown): CutOrder {
  const m = membersOf(value, ['attempts', 'because'])
  return {
    type: 'cut',
    attempts: listOf(m.attempts, MAX_CUT, count),
    because: nullable(m.because, because => text(because, 4_096)),
  }
}

export function readLinkFault(value: unknown): LinkFault {
  const m = membersOf(value, ['call', 'code'])
  return { type: 'fault', call: nullable(m.call, count), code: text(m.code, 64) }
}
