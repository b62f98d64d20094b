import type { FastifyInstance } from 'fastify'
import { envelopeOf } from './admin-body.js'
import { type Approval, shownApproval } from './approval.js'
import { approvalSummary } from './approval-summary.js'
import type { Approvals } from './approvals.js'
import { keeperFault } from './error-table.js'

/** The list is short whatever waits, because every console asks for it each second; one approval comes whole. Reading takes the socket alone; what counts is signed by an approver whom the policy names. */
export function routeApprovals(app: FastifyInstance, approvals: Approvals): void {
  const shown = (approval: Approval) => shownApproval(approval, approvals.standingOf(approval))
  app.get('/v1/approvals', () => ({
    approvals: approvals.pending().map(each => approvalSummary(each, approvals.standingOf(each))),
  }))
  app.get('/v1/approvals/:id', request => {
    const { id } = request.params as { id: string }
    if (approvals.isUsed(id)) throw keeperFault('approval_used')
    return { approval: shown(approvals.find(id)) }
  })
  app.post('/v1/approvals/:id/countersignatures', async request => ({
    approval: shown(
      await approvals.countersign(
        (request.params as { id: string }).id,
        envelopeOf(request.body, 'countersignature', 'countersignature_malformed'),
      ),
    ),
  }))
}
