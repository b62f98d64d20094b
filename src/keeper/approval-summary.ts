import type { Approval, ApprovalStanding } from './approval.js'

/** Operations and resources that are named; the others are counted. */
const MAX_NAMES = 20
const MAX_NAME = 200

/**
 * An approval as it stands in a list that people look at again and again: who asks for what, and who has agreed. What is signed is
 * made from the whole approval (`GET /v1/approvals/ID`), which says its arguments. At most some 12 KiB, whatever the agent has sent.
 */
export interface ApprovalSummary
  extends Pick<
      Approval,
      | 'id'
      | 'state'
      | 'digest'
      | 'argumentBytes'
      | 'rule'
      | 'because'
      | 'approvers'
      | 'signed'
      | 'rejected'
      | 'createdMs'
      | 'expiresMs'
    >,
    ApprovalStanding {
  readonly agent: string
  readonly environment: string
  readonly task: string
  readonly owner: string
  readonly api: string
  /** Names of the first 20. */
  readonly operations: readonly string[]
  readonly operationCount: number
  /** `type id` of the first 20 of all operations. */
  readonly resources: readonly string[]
  readonly resourceCount: number
}

export function approvalSummary(approval: Approval, standing: ApprovalStanding): ApprovalSummary {
  const { id, state, digest, argumentBytes, rule, because, approvers, signed, rejected } = approval
  const { agent, environment, task, owner, api, operations } = approval.statement
  const resources = operations.flatMap(each => each.resources).filter(each => each.id !== '')
  return {
    id,
    state,
    ...standing,
    digest,
    agent,
    environment,
    task,
    owner,
    api,
    operations: operations.slice(0, MAX_NAMES).map(({ name }) => name.slice(0, MAX_NAME).toWellFormed()),
    operationCount: operations.length,
    resources: resources
      .slice(0, MAX_NAMES)
      .map(({ type, id }) => `${type} ${id}`.slice(0, MAX_NAME).toWellFormed()),
    resourceCount: resources.length,
    argumentBytes,
    rule,
    because,
    approvers,
    signed,
    rejected,
    createdMs: approval.createdMs,
    expiresMs: approval.expiresMs,
  }
}
