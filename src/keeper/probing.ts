import { CountersignError, type Crypto } from '../canon/index.js'
import type { CredentialBroker, MintScope, Outbound, RecordedCredential } from '../credential/index.js'
import type { Ledger } from '../ledger/index.js'
import type { ProbeQuestion } from '../policy/index.js'
import { type AskContext, type Operation, subjectOf, writeAsk } from '../protocol/index.js'
import type { AskedProbe, Case } from './attempt-entry.js'
import type { Clock, Log } from './ports.js'
import {
  type Answer,
  type Answered,
  answerOf,
  type CallParts,
  type ProbeCall,
  type Unanswered,
} from './probe-call.js'
import type { Route } from './ruling.js'
import { type TurnBounds, Turns } from './turns.js'

export interface ProbeBounds {
  /** For everything that one request has to be asked, credentials included. */
  readonly deadlineMs: number
  /** How long an answer serves the same question of the same agent and task. */
  readonly freshMs: number
  /** Calls at once, in all and of one agent, and how many of an agent's wait for their turn. */
  readonly turns: TurnBounds
  /** Questions of one request, and requests of one step. */
  readonly maxQuestions: number
  readonly maxEach: number
  /** Answers that are remembered. */
  readonly maxKept: number
}

export const PROBES: ProbeBounds = {
  deadlineMs: 2_000,
  freshMs: 5_000,
  turns: { atOnce: 16, atOnceEach: 8, maxWaitingEach: 64 },
  maxQuestions: 16,
  maxEach: 16,
  maxKept: 1_024,
}

export interface ProbingParts {
  readonly ledger: Pick<Ledger, 'append'>
  readonly broker: Pick<CredentialBroker, 'obtain'>
  readonly network: Pick<Outbound, 'send'>
  readonly crypto: Pick<Crypto, 'sha256'>
  readonly clock: Clock
  readonly log: Log
  readonly bounds?: ProbeBounds
}

/** What was asked about one request. */
export interface Probed {
  readonly probes: readonly AskedProbe[]
  /** Some of it was answered before, to another request. */
  readonly remembered: boolean
}

interface Kept {
  readonly answer: Answered
  /** Name of the API. */
  readonly about: string
  /** `seq` of the `probe` entry. */
  readonly asked: number
  readonly untilMs: number
}

type Ready = ProbeCall & { readonly kind: 'ready'; readonly question: ProbeQuestion; readonly key: string }

/**
 * Asks an API, with a credential of its own, what the policy wants to know before it decides. Whatever goes wrong is a
 * result without facts, never a fault of the request.
 *
 * INVARIANT: nothing is sent before an entry that says so is on disk; what is sent was classified as a read, byte by
 * byte, and goes to the sealed origin of the same API.
 */
export class Probing {
  private readonly parts: ProbingParts
  private readonly bounds: ProbeBounds
  private readonly calls: CallParts
  private readonly kept = new Map<string, Kept>()
  /** How often something that may change what an API answers has begun or ended. */
  private readonly changes = new Map<string, number>()
  /** How many such are under way. */
  private readonly changing = new Map<string, number>()

  constructor(parts: ProbingParts) {
    this.parts = parts
    this.bounds = parts.bounds ?? PROBES
    const { turns, maxEach } = this.bounds
    this.calls = { ...parts, turns: new Turns(turns), maxEach }
  }

  /** `again`: what was answered before doesn't count. Rejects only where the ledger does. */
  async ask(c: Case, route: Route, questions: readonly ProbeQuestion[], again: boolean): Promise<Probed> {
    const over = new AbortController()
    const timer = setTimeout(() => over.abort(), this.bounds.deadlineMs)
    try {
      const prepared = await Promise.all(
        questions.map((question, index) =>
          index < this.bounds.maxQuestions
            ? within(over.signal, this.prepare(c, route, question))
            : ({ kind: 'busy' } as const),
        ),
      )
      const known = prepared.map(each => (each.kind === 'ready' && !again ? this.keptFor(each.key) : null))
      const unsent = prepared.filter((each, at): each is Ready => each.kind === 'ready' && known[at] === null)
      const asked = unsent.length === 0 ? null : await this.record(c, route, unsent)
      const probes = prepared.map(async (each, at) => {
        const kept = known[at]
        const answer = kept?.answer ?? (await this.answer(each, asked, over.signal))
        const key = each.kind === 'ready' ? each.key : null
        return askedProbe(
          c,
          questions[at] as ProbeQuestion,
          answer,
          kept?.asked ?? (key === null ? null : asked),
          key,
        )
      })
      return this.noted(route, {
        probes: await Promise.all(probes),
        remembered: known.some(each => each !== null),
      })
    } finally {
      clearTimeout(timer)
    }
  }

  /**
   * Something that is more than a read is about to be sent: until it has ended, and `end` says so, no answer of the
   * API is remembered, whatever it is about.
   * ATTACK: an agent has an answer remembered, changes what it was about by a call that nobody asks about, and acts on it.
   */
  begin(api: string): void {
    this.changing.set(api, (this.changing.get(api) ?? 0) + 1)
    this.outdate(api)
  }

  end(api: string): void {
    const others = (this.changing.get(api) ?? 0) - 1
    if (others > 0) this.changing.set(api, others)
    else this.changing.delete(api)
    this.outdate(api)
  }

  private outdate(api: string): void {
    this.changes.set(api, this.changesOf(api) + 1)
    for (const [key, { about }] of this.kept) if (about === api) this.kept.delete(key)
  }

  /** Another number than before says that answers from before may be outdated. */
  changesOf(api: string): number {
    return this.changes.get(api) ?? 0
  }

  /** Writes the requests that depend on no answer, and obtains one credential for all that may follow. */
  private async prepare(c: Case, route: Route, question: ProbeQuestion): Promise<Ready | Unanswered> {
    const { api } = route
    const operation = c.operations[question.operation] as Operation
    const resource = operation.resources.find(({ type, id }) => type === question.type && id === question.id)
    const subject = resource === undefined ? null : subjectOf(resource)
    const spec = api.catalog.probes?.get(question.probe)
    const recipe = spec?.about.get(question.type)
    if (subject === null || spec === undefined || recipe === undefined || api.probes === null)
      return { kind: 'unclear' }
    const context: AskContext = { api: api.name, subject, given: api.probes.given, operation }
    const [first] = recipe.steps
    const ask = first === undefined ? null : writeAsk(api.catalog, first, null, context)
    const origin = ask === null ? undefined : api.origins[ask.origin]
    if (ask === null || origin === undefined) return { kind: 'unclear' }
    const { region } = operation.scope
    const operations = recipe.steps.map(({ operation: name }, at) =>
      at === 0
        ? ask.operation
        : api.catalog.describe(api.name, { name, args: {}, ...(region === undefined ? {} : { region }) }),
    )
    const credential = await this.credentialFor(c, route, origin, operations)
    if (credential === null) return { kind: 'no_credential' }
    // INVARIANT: an answer serves nobody but the agent and task that asked, and under no other credential.
    const scope = [agentOf(route), c.policy.cid, api.name, operation.account ?? null, region ?? null, origin]
    const key = JSON.stringify([...scope, question.probe, question.type, question.id, credential.mint])
    const { agent } = route.grant
    return { kind: 'ready', question, agent, api, spec, recipe, context, origin, credential, key }
  }

  private async credentialFor(
    c: Case,
    route: Route,
    origin: string,
    operations: readonly Operation[],
  ): Promise<RecordedCredential | null> {
    const { api } = route
    const name = api.probes?.credential ?? ''
    const spec = c.policy.credentials.get(name)
    if (spec === undefined) return null
    const scope: MintScope = {
      agent: agentOf(route),
      api: api.name,
      account: operations[0]?.account ?? null,
      credential: name,
      spec,
      operations,
      origin,
      privateUpstream: api.privateUpstream,
      policyCid: c.policy.cid,
      nowMs: this.parts.clock.nowMs(),
    }
    try {
      return await this.parts.broker.obtain(scope)
    } catch (error) {
      const code = error instanceof CountersignError ? error.code : 'unexpected'
      this.parts.log.error(
        { code, credential: name, api: api.name },
        'no credential to ask with could be minted',
      )
      return null
    }
  }

  /** One entry for everything that is sent about a request. */
  private async record(c: Case, route: Route, calls: readonly Ready[]): Promise<number> {
    const { id: agent, ...whose } = agentOf(route)
    const asked = calls.map(({ question: { probe, type, id }, recipe, credential: { mint } }) => {
      const operations = [...new Set(recipe.steps.map(({ operation }) => operation))]
      return { probe, type, id, operations, mint }
    })
    const data = { id: c.id, agent, ...whose, api: route.api.name, asked }
    const { seq } = await this.parts.ledger.append({ type: 'probe', data })
    return seq
  }

  private async answer(call: Ready | Unanswered, asked: number | null, signal: AbortSignal): Promise<Answer> {
    if (call.kind !== 'ready') return call
    const about = call.api.name
    const before = this.changesOf(about)
    const answer = await within(signal, answerOf(call, this.calls, signal))
    const lasts = this.changesOf(about) === before && !this.changing.has(about)
    if (answer.kind === 'answered' && asked !== null && lasts) this.keep(call.key, { answer, about, asked })
    return answer
  }

  private keptFor(key: string): Kept | null {
    const kept = this.kept.get(key)
    return kept !== undefined && kept.untilMs > this.parts.clock.nowMs() ? kept : null
  }

  private keep(key: string, known: Omit<Kept, 'untilMs'>): void {
    this.kept.delete(key)
    this.kept.set(key, { ...known, untilMs: this.parts.clock.nowMs() + this.bounds.freshMs })
    const [oldest] = this.kept.keys()
    if (this.kept.size > this.bounds.maxKept && oldest !== undefined) this.kept.delete(oldest)
  }

  private noted({ api }: Route, probed: Probed): Probed {
    for (const { result } of probed.probes) {
      const { probe, status } = result
      if (status !== 'answered')
        this.parts.log.warn({ api: api.name, probe, status }, 'an API could not be asked before a decision')
    }
    return probed
  }
}

function askedProbe(
  c: Case,
  question: ProbeQuestion,
  answer: Answer,
  asked: number | null,
  key: string | null,
): AskedProbe {
  const { probe, type, id, operation } = question
  const resources = c.operations[operation]?.resources ?? []
  return {
    operation,
    resource: resources.findIndex(each => each.type === type && each.id === id),
    asked,
    key,
    result: { probe, type, id, status: answer.kind, facts: answer.kind === 'answered' ? answer.facts : null },
  }
}

function agentOf({ grant }: Route): MintScope['agent'] {
  return { id: grant.agent, environment: grant.environment, task: grant.task, owner: grant.owner }
}

/** What isn't there when the time is over is a timeout; what becomes of it then nobody waits for. */
function within<T>(signal: AbortSignal, work: Promise<T>): Promise<T | Unanswered> {
  return new Promise((resolve, reject) => {
    const over = (): void => resolve({ kind: 'timeout' })
    if (signal.aborted) over()
    signal.addEventListener('abort', over, { once: true })
    work.then(resolve, reject)
  })
}
