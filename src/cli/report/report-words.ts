import { OPERATION_CLASSES } from '../../protocol/index.js'
import { type AttemptOperation, quoted } from '../../receipt/index.js'
import { timeWords } from '../entry-text.js'
import type { Question } from '../question.js'
import type {
  ApprovalAsked,
  AttemptStep,
  CredentialMinted,
  GrantHeld,
  PolicyInForce,
  Stop,
} from './incident.js'

/** One thing that is said, under a label of our own. No text holds two that a stranger chose, so that none can pose as another. */
export type Fact = readonly [label: string, text: string]

export const EFFECT_WORDS = { allow: 'admitted', hold: 'held', deny: 'REFUSED' } as const

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

const MAX_LISTED = 8

export function operationFacts({ name, classes, resources, scope, more }: AttemptOperation): readonly Fact[] {
  const left = resources.length - MAX_LISTED
  return [
    ['operation', name],
    ['class', classes.join(', ')],
    ...resources
      .slice(0, MAX_LISTED)
      .map(({ type, id }): Fact => ['resource', `${quoted(type)} ${quoted(id)}`]),
    ...(left > 0 ? [['resources', `${left} more, in the receipt`] as const] : []),
    ...(more === undefined
      ? []
      : [['resources', `${more.count} more, which the receipt only commits to`] as const]),
    ...Object.entries(scope).map(([member, value]): Fact => ['scope', `${quoted(member)} ${quoted(value)}`]),
  ]
}

export function attemptFacts(step: AttemptStep): readonly Fact[] {
  const { agent, operations, decision, because, policy, approval, credential, api, method } = step
  return [
    ...(agent.id === ''
      ? [['agent', 'nobody: there was no valid grant'] as const]
      : ([
          ['agent', agent.id],
          ['environment', agent.environment],
          ['task', agent.task],
          ['owner', agent.owner],
          ['grant', agent.grant],
        ] as const)),
    ['request', api === '' ? method : `${quoted(method)} to ${quoted(api)}`],
    ...operations.flatMap(operationFacts),
    ...step.probes.map((each): Fact => ['asked first', probeWords(each)]),
    ['decision', `${EFFECT_WORDS[decision.effect]}, code ${quoted(decision.code)}`],
    ['rule', decision.rule ?? 'none decided'],
    ...(because === null ? [] : [['because', because] as const]),
    ['policy', `version ${policy.version}, ${policy.cid}`],
    ...(approval === null ? [] : [['approval', approval] as const]),
    ...(credential === null
      ? []
      : ([
          [
            'credential',
            `by the minter ${quoted(credential.minter)}, until ${timeWords(credential.expires)}`,
          ],
          ['credential scope', credential.scope],
        ] as const)),
    ...(decision.effect === 'allow' ? [['outcome', outcomeWords(step)] as const] : []),
    ...step.disclosed.map(({ field, value }): Fact => [`${field} (disclosed)`, value]),
  ]
}

/** What the API was asked, and whether it has answered: the facts are disclosed or nobody’s but the auditor’s. */
export function probeWords({ probe, type, id, status, asked }: AttemptStep['probes'][number]): string {
  const about =
    type === null || id === null ? 'a resource that is not listed' : `${quoted(type)} ${quoted(id)}`
  const sent = asked === null ? 'nothing was sent' : `entry ${asked}`
  return `${quoted(probe)} about ${about}: ${status.replaceAll('_', ' ')} (${sent})`
}

export function outcomeWords({ outcome }: AttemptStep): string {
  if (outcome === null) return 'NONE: what became of it is not known from here'
  const { status, http, ms, seq, upstreamId } = outcome
  const answer = http === 0 ? 'no answer' : `HTTP ${http}`
  const id = upstreamId === null ? '' : `, the upstream’s id ${quoted(upstreamId)}`
  return `${status === 'indeterminate' ? 'INDETERMINATE' : status}, ${answer}, after ${ms} ms (entry ${seq})${id}`
}

export function policyFacts({
  cid,
  version,
  name,
  seal,
  activated,
  attempts,
}: PolicyInForce): readonly Fact[] {
  return [
    ['policy', `${name === null ? '' : `${quoted(name)} `}version ${version}`],
    ['content id', cid],
    ['sealed', sealWords(seal)],
    [
      'in force',
      activated === null
        ? 'since when is not told here'
        : `since ${timeWords(activated.t)} (entry ${activated.seq})`,
    ],
    ['attempts', `${attempts}`],
  ]
}

function sealWords(seal: PolicyInForce['seal']): string {
  switch (seal.kind) {
    case 'absent':
      return 'by whom is not known: the sealed policy is not at hand (pass --policies)'
    case 'unverified':
      return 'NOT verified: no trust root from outside lets its signers (pass --trust)'
    case 'sealed': {
      const revoked =
        seal.revoked.length === 0 ? '' : `; REVOKED since: ${seal.revoked.map(quoted).join(', ')}`
      const withdrawn = seal.withdrawn ? '; the policy was WITHDRAWN since' : ''
      return `by ${seal.signers.map(quoted).join(' and ')}, under version ${seal.trustVersion} of the trust root${revoked}${withdrawn}`
    }
  }
}

export function grantFacts(
  grant: Omit<GrantHeld, 'attempts'> & { readonly attempts?: number },
): readonly Fact[] {
  const {
    jti,
    agent,
    environment,
    task,
    owner,
    slot,
    by,
    order,
    session,
    issued,
    expires,
    revoked,
    attempts,
  } = grant
  return [
    ['grant', jti],
    ['agent', agent],
    ['environment', environment],
    ['task', task],
    ['owner', owner],
    ...(slot === null ? [] : [['slot', slot] as const]),
    ['issued', issued === null ? 'its entry is not here' : `${timeWords(issued.t)} (entry ${issued.seq})`],
    ...(by === null ? [] : [['ordered by', by] as const]),
    ...(order === null ? [] : [['order', order] as const]),
    ...(session === null || session === jti ? [] : [['renewal of', session] as const]),
    ...(expires === null ? [] : [['expires', timeWords(expires)] as const]),
    ...(revoked === null ? [] : [['revoked', `${timeWords(revoked.t)} (entry ${revoked.seq})`] as const]),
    ...(revoked?.by == null ? [] : [['revoked by', revoked.by] as const]),
    ...(attempts === undefined ? [] : [['attempts', `${attempts}`] as const]),
  ]
}

export function approvalFacts(approval: ApprovalAsked): readonly Fact[] {
  const { id, agent, environment, task, owner, rule, policy, expires, states, heldSeq, usedSeq } = approval
  const asked = states.find(({ state }) => state === 'requested')?.t
  return [
    ['approval', id],
    ['agent', agent],
    ['environment', environment],
    ['task', task],
    ['owner', owner],
    ...(rule === null ? [] : [['rule', rule] as const]),
    ['policy', policy],
    ...(heldSeq === null ? [] : [['held', `attempt ${heldSeq}`] as const]),
    ...states.flatMap(({ state, seq, t, by }): readonly Fact[] => {
      const after =
        asked === undefined || t === asked
          ? ''
          : `, ${Math.round((t - asked) / 1000)} s after it was asked for`
      return [
        [state, `${timeWords(t)} (entry ${seq})${after}`],
        ...(by === null ? [] : [[`${state} by`, by] as const]),
      ]
    }),
    ['expires', timeWords(expires)],
    ['used', usedSeq === null ? 'by no attempt' : `by attempt ${usedSeq}`],
  ]
}

export function credentialFacts(minted: CredentialMinted): readonly Fact[] {
  const { id, minter, credential, scope, api, agent, task, seq, t, expires, attempts } = minted
  return [
    ['credential', credential],
    ['id', id],
    ['minter', minter],
    ['scope', scope],
    ...(api === null ? [] : [['api', api] as const]),
    ...(agent === null ? [] : [['agent', agent] as const]),
    ...(task === null ? [] : [['task', task] as const]),
    ['minted', `${timeWords(t)} (entry ${seq})`],
    ['expires', timeWords(expires)],
    ...(minter === 'static'
      ? [['beware', 'it is a fixed secret, which does not end with this'] as const]
      : []),
    ['used by', counted(attempts, 'attempt of this report', 'attempts of this report')],
  ]
}

export function stopFacts({ type, scope, agent, task, by, because, until, seq, t }: Stop): readonly Fact[] {
  return [
    [
      type,
      type === 'freeze'
        ? 'changes are frozen'
        : scope === 'all'
          ? 'all agents are halted'
          : `the ${scope} is halted`,
    ],
    ...(agent === null ? [] : [['agent', agent] as const]),
    ...(task === null ? [] : [['task', task] as const]),
    ['by', by],
    ...(because === null ? [] : [['because', because] as const]),
    ['since', `${timeWords(t)} (entry ${seq})`],
    ...(until === null ? [] : [['until', timeWords(until)] as const]),
  ]
}

/** What was asked, option by option. */
export function questionFacts(question: Question): readonly Fact[] {
  const {
    agents,
    tasks,
    apis,
    operations,
    classes,
    resources,
    scopes,
    effects,
    rules,
    seqs,
    sinceMs,
    untilMs,
  } = question
  const lists: readonly (readonly [string, readonly string[]])[] = [
    ['agent', agents],
    ['task', tasks],
    ['api', apis],
    ['operation', operations],
    ['class', OPERATION_CLASSES.filter(each => classes.includes(each))],
    ['resource', resources],
    ['scope', scopes.map(([member, value]) => `${member}=${value}`)],
    ['effect', effects],
    ['rule', rules],
    ['entries', seqs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`))],
  ]
  return [
    ...lists.flatMap(([label, values]): readonly Fact[] =>
      values.length === 0 ? [] : [[label, values.map(quoted).join(' or ')]],
    ),
    ...(sinceMs === null ? [] : [['since', timeWords(sinceMs)] as const]),
    ...(untilMs === null ? [] : [['until', timeWords(untilMs)] as const]),
  ]
}
