import { createHash } from 'node:crypto'
import {
  type Grant,
  type GrantVerdict,
  type GrantVerifier,
  type IdentityVerifier,
  type PodIdentity,
  uuidOf,
} from '../credential/index.js'
import type { GrantRefusal } from '../link/index.js'
import type { ActivePolicy, PolicyAgent } from '../policy/index.js'
import type { Grants, IssuedGrant } from './grants.js'

export interface PodGrantsParts {
  /** Verifies this sidecar's own grants. */
  readonly own: GrantVerifier
  readonly identities: IdentityVerifier
  readonly policies: { inForce(): ActivePolicy | null }
  readonly grants: Pick<Grants, 'isNoted' | 'recognise'>
}

/**
 * Takes the identity that somebody else vouches for as a grant, where the sealed policy names issuer and subject. Each
 * token is one grant, in the ledger before anything is admitted under it; those of one pod are a session, and revoking
 * any of them ends it.
 */
export function podGrants({ own, identities, policies, grants }: PodGrantsParts): GrantVerifier {
  return {
    verify: async (token, slot, nowMs): Promise<GrantVerdict> => {
      if (!identities.claims(token)) return await own.verify(token, slot, nowMs)
      const verdict = await identities.verify(token, nowMs)
      if (verdict.kind === 'refused') return verdict
      const policy = policies.inForce()
      if (policy === null) return refused('grant_unverifiable')
      const agent = agentOf(policy, verdict.identity)
      if (agent === null) return refused('grant_identity')
      const grant = grantOf(verdict.identity, agent)
      try {
        const code = await grants.recognise(recorded(verdict.identity, grant), verdict.identity.issuedMs)
        return code === null
          ? { kind: 'grant', grant }
          : { kind: 'ended', code, grant, noted: grants.isNoted(grant) }
      } catch {
        return refused('grant_unverifiable')
      }
    },
  }
}

/** Whether the policy lets this agent identify itself as it has. */
export function mayIdentify({ identities }: PolicyAgent, { identity }: Grant): boolean {
  return identities.some(each =>
    each.kind === 'grant'
      ? identity === undefined
      : each.issuer === identity?.issuer && each.subject === identity.subject,
  )
}

/** Null unless it is one agent's, and no other's. */
function agentOf(policy: ActivePolicy, { issuer, subject }: PodIdentity): PolicyAgent | null {
  const agents = [...policy.agents.values()].filter(({ identities }) =>
    identities.some(each => each.kind === 'issuer' && each.issuer === issuer && each.subject === subject),
  )
  return agents.length === 1 ? (agents[0] as PolicyAgent) : null
}

const MAX_TASK = 128

function grantOf({ issuer, subject, pod, id, expiresMs }: PodIdentity, agent: PolicyAgent): Grant {
  return {
    agent: agent.id,
    environment: agent.environment,
    task: pod === null ? 'default' : taskOf(pod),
    owner: subject,
    jti: id,
    expiresMs,
    authorizationDetails: null,
    identity: { issuer, subject },
  }
}

/** ATTACK: two pods with long names that begin alike would have one task, and each the other's approvals. */
function taskOf({ namespace, name, uid }: NonNullable<PodIdentity['pod']>): string {
  const task = `${namespace}/${name}`
  return task.length > MAX_TASK ? `pod/${uid}`.slice(0, MAX_TASK) : task
}

function recorded({ issuer, subject, pod, id, issuedMs }: PodIdentity, grant: Grant): IssuedGrant {
  const { agent, environment, task, owner, jti, expiresMs } = grant
  return {
    ...{ jti, agent, environment, task, owner, expiresMs, slot: 'bearer', revoked: false },
    // A pod's next token belongs to what its last one was given for.
    session: pod === null ? id : sessionOf([issuer, subject, pod.uid]),
    sessionStartedMs: issuedMs,
    identity: { issuer, subject },
  }
}

function sessionOf(parts: readonly string[]): string {
  return uuidOf(createHash('sha256').update(JSON.stringify(parts)).digest())
}

function refused(code: GrantRefusal): GrantVerdict {
  return { kind: 'refused', code }
}
