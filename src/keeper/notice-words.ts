import { shownParts } from '../canon/index.js'
import type { ControlBody } from '../receipt/index.js'
import type { Approval } from './approval.js'
import type { Notice, NoticeType, NoticeValue } from './notices.js'

const MAX_TEXT = 500
const MAX_ITEMS = 20

/** Steps of an approval that somebody is told of; that it was used is in the receipts. */
const STEPS: Readonly<Record<string, NoticeType>> = {
  requested: 'approval.requested',
  approved: 'approval.approved',
  withdrawn: 'approval.withdrawn',
  rejected: 'approval.rejected',
  expired: 'approval.expired',
}

/**
 * What is sent of a step of an approval, null where nobody is told: who asks for what, under which rule, and who said
 * what. Arguments, target and signatures stay in the keeper: `countersign approvals show` is where they are read.
 */
export function approvalNotice(
  { id, statement, digest, expiresMs, rule, because, approvers }: Approval,
  { data }: ControlBody,
  t: number,
): Notice | null {
  const type = STEPS[String(data.state)]
  if (type === undefined) return null
  const { agent, environment, task, owner, policy, api, operations } = statement
  const said = typeof data.by === 'string' ? { by: data.by } : {}
  const reason = typeof data.because === 'string' ? { reason: data.because } : {}
  const once = type === 'approval.requested' || type === 'approval.expired'
  return notice(once ? `${id}.${data.state}` : `${id}.${data.state}.${t}`, type, t, {
    approval: id,
    digest,
    expires: expiresMs,
    approvers: approvers.map(readable),
    agent,
    environment,
    task,
    owner,
    policy,
    rule,
    because,
    api,
    operations: operations.slice(0, MAX_ITEMS).map(({ name, classes, resources }) => ({
      name: readable(name),
      classes: [...classes],
      resources: resources.slice(0, MAX_ITEMS).map(each => readable(`${each.type} ${each.id}`)),
    })),
    ...said,
    ...reason,
  })
}

/** The same of a halt, a freeze, and of their ends: what the ledger says. */
export function stopNotice({ type, data }: ControlBody, seq: number, t: number): Notice | null {
  const named = `${type}.${data.action}` as NoticeType
  const { statement: _, ...told } = data
  return notice(`${named}.${seq}`, named, t, told as Notice['data'])
}

/** ATTACK: a name that an agent wrote, which turns the line around in somebody's chat. */
function notice(id: string, type: NoticeType, t: number, data: Notice['data']): Notice {
  const shown = Object.entries(data).map(([name, value]): [string, NoticeValue] => [
    name,
    typeof value === 'string' ? readable(value) : value,
  ])
  return { id, type, t, data: Object.fromEntries(shown) }
}

/** Hidden characters spelled out as the tools show them, and what is long cut. */
function readable(text: string): string {
  const shown = shownParts(text.slice(0, MAX_TEXT).toWellFormed())
    .map(part => (part.hidden ? `⟦${part.text}⟧` : part.text))
    .join('')
  return text.length > MAX_TEXT ? `${shown}… (${text.length} characters)` : shown
}
