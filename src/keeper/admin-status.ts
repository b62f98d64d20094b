import type { FastifyInstance } from 'fastify'
import { observers } from '../policy/index.js'
import type { AdminParts } from './admin.js'

export function routeStatus(
  app: FastifyInstance,
  { ledger, activation, succession, clock, grants, approvals, stops, archives, facts }: AdminParts,
): void {
  app.get('/v1/status', () => ({
    chain: ledger.chain,
    head: ledger.head(),
    policy: summaryOf({ activation, clock }),
    refusedUpdate: activation.refusal(),
    distribution: activation.distribution(),
    enrolmentExpiresMs: succession.expiresMs(),
    refusedKeys: succession.refusal(),
    grants: grants.list().filter(grant => !grant.revoked).length,
    approvals: approvals.waiting().length,
    supersededApprovals: approvals.pending().length - approvals.waiting().length,
    stops: stops.list(),
    archives: archives.status(),
    ...facts(),
  }))
}

/** The policy in force with its rules and approvers, and what was refused as its successor. */
export function routePolicy(app: FastifyInstance, parts: AdminParts): void {
  app.get('/v1/policy', () => ({ policy: detailsOf(parts), refusedUpdate: parts.activation.refusal() }))
}

/** Looks at once whether there is another policy, or other keys for this sidecar; it would notice either by itself as well. */
export function routeReloads(app: FastifyInstance, parts: AdminParts): void {
  const { activation, succession } = parts
  app.post('/v1/policy/reload', async () => ({
    inForce: await activation.reload(),
    policy: summaryOf(parts),
    distribution: activation.distribution(),
    refusedUpdate: activation.refusal(),
  }))
  app.post('/v1/keys/reload', async () => {
    const replaced = await succession.reload(activation.trust())
    if (replaced) await activation.reload()
    return { replaced, enrolmentExpiresMs: succession.expiresMs(), refusedKeys: succession.refusal() }
  })
}

function summaryOf({ activation, clock }: Pick<AdminParts, 'activation' | 'clock'>) {
  const nowMs = clock.nowMs()
  const policy = activation.inForce()
  if (policy === null) return null
  const { cid, name, version, expiresMs, audience } = policy
  return { cid, name, version, expiresMs, audience, observing: observers(policy, nowMs) }
}

function detailsOf(parts: Pick<AdminParts, 'activation' | 'clock'>) {
  const policy = parts.activation.inForce()
  if (policy === null) return null
  return {
    ...summaryOf(parts),
    apis: [...policy.apis.values()].map(({ name, catalog, catalogDigest, origins }) => ({
      name,
      catalog: catalog.name,
      catalogDigest,
      origins,
      slots: catalog.profile.slots,
    })),
    agents: [...policy.agents.values()].map(({ id, environment, sessionSeconds }) => ({
      id,
      environment,
      sessionSeconds,
    })),
    rules: policy.rules,
    approvers: [...policy.approvers.values()],
  }
}
