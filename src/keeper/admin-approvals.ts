import type { FastifyInstance } from 'fastify'
import { envelopeOf } from './admin-body.js'
import { shownApproval } from './approval.js'
import { approvalSummary } from './approval-summary.js'
import type { Approvals } from './approvals.js'

/** The list is short whatever waits, because every console asks for it each second; one approval comes whole. Reading takes the socket alone; what counts is signed by an approver whom the policy names. */
export function routeApprovals(app: FastifyInstance, approvals: Approvals): void {
  app.get('/v1/approvals', () => ({ approvals: approvals.pending().map(approvalSummary) }))
  app.get('/v1/approvals/:id', request => ({
    approval: shownApproval(approvals.find((request.params as { id: string }).id)),
  }))
  app.post('/v1/approvals/:id/countersignatures', async request => ({
    approval: shownApproval(
      await approvals.countersign(
        (request.params as { id: string }).id,
        envelopeOf(request.body, 'countersignature', 'countersignature_malformed'),
      ),
    ),
  }))
}
