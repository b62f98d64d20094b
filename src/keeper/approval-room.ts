import type { Approval, ApprovalBounds } from './approval.js'

export type NoRoom = 'approvals_full' | 'approval_arguments_full'

/**
 * Whether one more request of this agent, with so many bytes of arguments, may wait for people beside those (`waiting`) that do; what it is
 * refused with otherwise. What people have rejected is as much as people have read; it takes no place from what others ask.
 *
 * ATTACK: an agent that holds call after call with as many arguments as one may have, until the keeper has no memory left.
 */
export function lackOfRoom(
  agent: string,
  argumentBytes: number,
  waiting: readonly Approval[],
  bounds: ApprovalBounds,
): NoRoom | null {
  const own = waiting.filter(({ statement }) => statement.agent === agent)
  if (waiting.length >= bounds.maxPending || own.length >= bounds.maxPendingPerAgent) return 'approvals_full'
  const fits =
    bytesOf(own) + argumentBytes <= bounds.maxArgumentBytesPerAgent &&
    bytesOf(waiting) + argumentBytes <= bounds.maxArgumentBytesInAll
  return fits ? null : 'approval_arguments_full'
}

function bytesOf(approvals: readonly Approval[]): number {
  return approvals.reduce((sum, { argumentBytes }) => sum + argumentBytes, 0)
}
