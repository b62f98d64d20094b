import { fromUtf8, hex, type JsonObject, utf8 } from '../canon/index.js'
import { type Bundle, type Disclosure, parseSettledEnvelope, payloadOf } from './bundle.js'
import type { AttemptBody, AttemptOperation, ControlBody, Entry, OutcomeBody } from './entry.js'
import { parseInputs } from './inputs.js'
import { openEntry } from './seal.js'

/** One thing that happened, told from a bundle. Every text in it may be a stranger's: show it, never run it. */
export interface StoryStep {
  readonly seq: number
  /** Unix milliseconds; null for an entry that can't be read. */
  readonly t: number | null
  /** How it is to be coloured: what passed, what was refused, what waits for a person, what only happened. */
  readonly tone: 'passed' | 'refused' | 'held' | 'plain'
  /** Who, or what kind of entry. */
  readonly subject: string
  /** What was asked for, or what happened. */
  readonly title: string
  readonly facts: readonly StoryFact[]
}

export interface StoryFact {
  readonly label: string
  readonly value: string
  /** True for a value that was disclosed, and not read from the entry itself. */
  readonly disclosed: boolean
}

/** A rule's own words by `content id/rule`, and names of policies by content id. */
interface PolicyWords {
  readonly because: ReadonlyMap<string, string>
  readonly names: ReadonlyMap<string, string>
}

/**
 * What happened, in the order of the log: an attempt with its outcome and what was disclosed of it is one step, every
 * other entry is one of its own. Tells whatever can be read and verifies nothing: show it beside `verifyBundle`'s answer.
 */
export function storyOf(bundle: Bundle, cidOf: (payload: Uint8Array) => string): readonly StoryStep[] {
  const entries = bundle.entries.map(({ entry }) => readable(entry))
  const words = wordsOf(bundle.policies, cidOf)
  const outcomes = new Map<number, Entry & OutcomeBody>()
  for (const entry of entries)
    if (entry?.type === 'outcome' && !outcomes.has(entry.attempt)) outcomes.set(entry.attempt, entry)
  // ATTACK: as many attempts as disclosures, each of which goes through all of these.
  const disclosures = new Map<number, Disclosure[]>()
  for (const each of bundle.disclosures) {
    const known = disclosures.get(each.seq)
    if (known === undefined) disclosures.set(each.seq, [each])
    else known.push(each)
  }
  const told = new Set(entries.filter(entry => entry?.type === 'attempt').map(entry => entry?.seq))
  return bundle.entries.flatMap(({ seq }, i) => {
    const entry = entries[i] ?? null
    if (entry === null) return [unreadable(seq)]
    switch (entry.type) {
      case 'attempt': {
        return [attemptStep(entry, outcomes.get(entry.seq), words, disclosures.get(entry.seq) ?? [])]
      }
      case 'outcome':
        return told.has(entry.attempt) && outcomes.get(entry.attempt) === entry ? [] : [outcomeStep(entry)]
      default:
        return [controlStep(entry)]
    }
  })
}

function readable(written: string): Entry | null {
  try {
    return openEntry(utf8(written)).entry
  } catch {
    return null
  }
}

function wordsOf(policies: readonly string[], cidOf: (payload: Uint8Array) => string): PolicyWords {
  const because = new Map<string, string>()
  const names = new Map<string, string>()
  for (const written of policies) {
    try {
      const envelope = parseSettledEnvelope(written)
      const cid = cidOf(envelope.payload)
      const { name, rules } = payloadOf(envelope) as JsonObject
      if (typeof name === 'string') names.set(cid, name)
      for (const rule of Array.isArray(rules) ? (rules as JsonObject[]) : [])
        if (typeof rule.id === 'string' && typeof rule.because === 'string')
          because.set(`${cid}/${rule.id}`, rule.because)
    } catch {
      // A finding of the verification; the story goes on without its words.
    }
  }
  return { because, names }
}

const TONES = { allow: 'passed', hold: 'held', deny: 'refused' } as const
const EFFECTS = { allow: 'admitted', hold: 'held for approval', deny: 'refused' } as const

function attemptStep(
  entry: Entry & AttemptBody,
  outcome: (Entry & OutcomeBody) | undefined,
  words: PolicyWords,
  disclosures: readonly Disclosure[],
): StoryStep {
  const { agent, req, ops, decision, policy, credential, approval } = entry
  const facts: readonly StoryFact[] = [
    ...agentFacts(agent),
    fact('request', req.api === '' ? req.method : `${quoted(req.method)} to ${quoted(req.api)}`),
    ...ops.flatMap(operationFacts),
    fact('decision', `${EFFECTS[decision.effect]} with code ${quoted(decision.code)}`),
    fact('rule', decision.rule ?? 'none decided'),
    ...maybe('because', words.because.get(`${policy.cid}/${decision.rule}`)),
    ...maybe('policy', words.names.get(policy.cid)),
    fact('policy', `version ${policy.version}, ${policy.cid}`),
    ...maybe('approval', approval),
    ...(entry.probes ?? []).map(({ probe, status }) =>
      fact(
        'asked first',
        status === 'answered' ? quoted(probe) : `${quoted(probe)}: ${status.replaceAll('_', ' ')}`,
      ),
    ),
    ...maybe('minter', credential?.minter),
    ...maybe('credential', credential?.scope),
    ...maybe('credential ends', credential === undefined ? undefined : timeText(credential.expires)),
    ...(decision.effect === 'allow' ? outcomeFacts(outcome) : []),
    ...disclosures.map(disclosedFact),
  ]
  return {
    seq: entry.seq,
    t: entry.t,
    tone: TONES[decision.effect],
    subject: agent.id === '' ? 'somebody without a grant' : agent.id,
    title: ops.map(({ name }) => name).join(', ') || 'a request that was not classified',
    facts,
  }
}

/** Texts of strangers that are plain words stand as they are; others in quotes, as JSON has them. */
export function quoted(text: string): string {
  return /^[\w.:@/+*=-]+$/.test(text) ? text : JSON.stringify(text)
}

// ATTACK: a task called "CS-17, for maria", a code called "denied, because". Where a fact holds more than one text that a stranger chose,
// or words of ours beside it, they are quoted, so that none can pose as another.

function agentFacts({ id, environment, task, owner, grant }: AttemptBody['agent']): readonly StoryFact[] {
  if (id === '') return [fact('agent', 'nobody: there was no valid grant')]
  return [
    fact('agent', id),
    fact('environment', environment),
    fact('task', task),
    fact('owner', owner),
    fact('grant', grant),
  ]
}

function operationFacts({ name, classes, scope, resources, more }: AttemptOperation): readonly StoryFact[] {
  return [
    fact('operation', name),
    fact('class', classes.join(', ')),
    ...resources.map(({ type, id }) => fact('resource', `${quoted(type)} ${quoted(id)}`)),
    ...(more === undefined ? [] : [fact('resources', `${more.count}, which are not listed`)]),
    ...Object.entries(scope).map(([member, value]) => fact('scope', `${quoted(member)} ${quoted(value)}`)),
  ]
}

const NO_OUTCOME = 'not in this bundle: what became of it is not known from here'

function outcomeFacts(outcome: OutcomeBody | undefined): readonly StoryFact[] {
  if (outcome === undefined) return [fact('outcome', NO_OUTCOME)]
  const { status, http, ms, upstream_id, resp_len } = outcome
  const answer = http === 0 ? 'no answer' : `HTTP ${http}`
  const length = resp_len === undefined ? '' : `, ${resp_len} bytes`
  return [fact('outcome', `${status}, ${answer}, ${ms} ms${length}`), ...maybe('upstream id', upstream_id)]
}

function disclosedFact({ field, value }: Disclosure): StoryFact {
  return { label: field, value: disclosedText(field, value), disclosed: true }
}

/** What was disclosed of a receipt, to be read. */
export function disclosedText(field: Disclosure['field'], value: Uint8Array): string {
  if (field === 'body' || field === 'resp') return `SHA-256 ${hex(value)}`
  try {
    return field === 'target' ? fromUtf8(value) : JSON.stringify(parseInputs(value), null, 2)
  } catch {
    return `bytes ${hex(value)}`
  }
}

function outcomeStep(entry: Entry & OutcomeBody): StoryStep {
  const { seq, t, attempt } = entry
  const title = `of attempt ${attempt}, which is not told here`
  return { seq, t, tone: 'plain', subject: 'outcome', title, facts: outcomeFacts(entry) }
}

/** An entry that is neither attempt nor outcome, told with every member that it has. */
export function controlStep(entry: Entry & ControlBody): StoryStep {
  const { seq, t, type, data } = entry
  const action = data.action ?? data.state
  const stops = type === 'halt' || type === 'freeze'
  return {
    seq,
    t,
    tone: stops ? 'held' : 'plain',
    subject: type,
    title: typeof action === 'string' ? action : '',
    facts: Object.entries(data).flatMap(([label, value]) =>
      value === null || label === 'action' || label === 'state'
        ? []
        : [fact(label, controlText(label, value))],
    ),
  }
}

const MAX_SHOWN = 400

function controlText(label: string, value: unknown): string {
  if ((label === 'expires' || label === 'until') && typeof value === 'number') return timeText(value)
  const text = typeof value === 'string' ? value : (askedText(label, value) ?? JSON.stringify(value))
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}… (${text.length} characters)`
}

/** What a `probe` entry says is about to be asked: `volume about volume v-1`. */
function askedText(label: string, value: unknown): string | null {
  if (label !== 'asked' || !Array.isArray(value)) return null
  return value.map(({ probe, type, id }) => `${quoted(probe)} about ${quoted(type)} ${quoted(id)}`).join(', ')
}

function timeText(ms: number): string {
  // A number that no calendar has is shown as it stands.
  return ms <= 8.64e15 ? new Date(ms).toISOString() : String(ms)
}

function unreadable(seq: number): StoryStep {
  return { seq, t: null, tone: 'refused', subject: 'entry', title: 'that can’t be read', facts: [] }
}

function fact(label: string, value: string): StoryFact {
  return { label, value, disclosed: false }
}

function maybe(label: string, value: string | undefined): readonly StoryFact[] {
  return value === undefined ? [] : [fact(label, value)]
}
