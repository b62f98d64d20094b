import type { Approval, ApprovalBounds } from './approvals.js'

export type NoRoom = 'approvals_full' | 'approval_arguments_full'

/**
 * Whether one more request of this agent, with so many bytes of arguments, may wait for people; what it is refused with otherwise.
 * `kept` is all that is remembered, rejections too.
 *
 * ATTACK: an agent that holds call after call with as many arguments as one may have, until the keeper has no memory left.
 */
export function lackOfRoom(
  agent: string,
  argumentBytes: number,
  kept: Iterable<Approval>,
  nowMs: number,
  bounds: ApprovalBounds,
): NoRoom | null {
  const all = [...kept]
  const own = all.filter(
    ({ statement, state, expiresMs }) =>
      statement.agent === agent && state !== 'rejected' && expiresMs > nowMs,
  )
  if (all.length >= bounds.maxPending || own.length >= bounds.maxPendingPerAgent) return 'approvals_full'
  const fits =
    bytesOf(own) + argumentBytes <= bounds.maxArgumentBytesPerAgent &&
    bytesOf(all) + argumentBytes <= bounds.maxArgumentBytesInAll
  return fits ? null : 'approval_arguments_full'
}

function bytesOf(approvals: readonly Approval[]): number {
  return approvals.reduce((sum, { argumentBytes }) => sum + argumentBytes, 0)
}
