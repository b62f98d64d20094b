import type { AttemptBody, ControlBody, Entry } from '../../receipt/index.js'
import type { GrantHeld, Listed, PolicyInForce } from './incident.js'
import { ABSENT, type SealedWords } from './seals.js'
import { listed } from './shelf.js'

/** A grant can be renewed for a day after its end, and its last request be under way for an hour more. */
const CITABLE_MS = 86_400_000 + 3_600_000
const PRUNE_EVERY = 4_096

type Held = { -readonly [K in keyof GrantHeld]: GrantHeld[K] }

/** Under which policies and grants attempts were made. Forgets grants that nothing can cite any more and nothing has. */
export class Authority {
  private readonly limit: number
  private readonly activations = new Map<string, { readonly seq: number; readonly t: number }>()
  private readonly policies = new Map<
    string,
    { version: number; attempts: number; activated: PolicyInForce['activated'] }
  >()
  private readonly grants = new Map<string, Held>()
  private readonly cited = new Set<Held>()
  private moreCited = 0
  private count = 0

  constructor(limit: number) {
    this.limit = limit
  }

  addPolicy({ seq, t, data }: Entry & ControlBody): void {
    if (data.action === 'activated') this.activations.set(data.cid as string, { seq, t })
  }

  addGrant({ seq, t, data }: Entry & ControlBody): void {
    if (++this.count % PRUNE_EVERY === 0) this.forget(t)
    const grant = this.known(data)
    if (data.action === 'issued') {
      grant.issued = { seq, t }
      grant.slot = data.slot as string
      grant.by = textOr(data.by)
      grant.order = textOr(data.order)
      grant.session = textOr(data.session)
    } else grant.revoked ??= { seq, t, by: textOr(data.by) }
    grant.expires = data.expires as number
  }

  cite({ agent, policy }: Entry & AttemptBody): void {
    const known = this.policies.get(policy.cid)
    if (known !== undefined) known.attempts++
    else {
      const activated = this.activations.get(policy.cid) ?? null
      this.policies.set(policy.cid, { version: policy.version, attempts: 1, activated })
    }
    if (agent.grant === '') return
    const { id, environment, task, owner, grant: jti } = agent
    const grant = this.known({ jti, agent: id, environment, task, owner })
    if (++grant.attempts > 1) return
    if (this.cited.size < this.limit) this.cited.add(grant)
    else this.moreCited++
  }

  policiesCited(words: ReadonlyMap<string, SealedWords>): readonly PolicyInForce[] {
    return [...this.policies].map(([cid, { version, attempts, activated }]) => {
      const { name, seal } = words.get(cid) ?? ABSENT
      return { cid, version, name, seal, activated, attempts }
    })
  }

  cids(): readonly string[] {
    return [...this.policies.keys()]
  }

  grantsCited(): Listed<GrantHeld> {
    return { shown: [...this.cited], more: this.moreCited }
  }

  /** Grants that can still be used at a time, of those that `concerns` says yes to. */
  grantsAlive(at: number, concerns: (grant: GrantHeld) => boolean): Listed<Omit<GrantHeld, 'attempts'>> {
    const alive = [...this.grants.values()].filter(
      grant =>
        grant.issued !== null && grant.revoked === null && (grant.expires ?? 0) > at && concerns(grant),
    )
    return listed(
      alive.map(({ attempts: _, ...grant }) => grant),
      this.limit,
    )
  }

  private known(said: Readonly<Record<string, unknown>>): Held {
    const jti = said.jti as string
    const known = this.grants.get(jti)
    if (known !== undefined) return known
    const fresh: Held = {
      jti,
      agent: said.agent as string,
      environment: said.environment as string,
      task: said.task as string,
      owner: said.owner as string,
      ...{ slot: null, by: null, order: null, session: null, issued: null, expires: null, revoked: null },
      attempts: 0,
    }
    this.grants.set(jti, fresh)
    return fresh
  }

  private forget(t: number): void {
    for (const [jti, { expires }] of this.grants)
      if (expires !== null && expires + CITABLE_MS < t) this.grants.delete(jti)
  }
}

export function textOr(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
