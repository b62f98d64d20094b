import type { ControlBody, Entry } from '../receipt/index.js'

/** Members of a control entry's `data` as text; a sentence is made only of those that its type has. */
type Told = Readonly<Record<string, string>>

/** What one entry records, in one plain sentence. Names in it are as they were recorded, control letters too. */
export function entrySentence(entry: Entry): string {
  switch (entry.type) {
    case 'attempt': {
      const who = entry.agent.id === '' ? 'somebody without a valid grant' : `agent ${entry.agent.id}`
      const what = entry.ops.map(({ name }) => name).join(', ') || 'a request that was not classified'
      const { effect, code, rule } = entry.decision
      const by = rule === null ? `with code ${code}` : `by rule ${rule} (${code})`
      return `${who} asked for ${what}; decided ${effect} ${by}, under policy version ${entry.policy.version}.`
    }
    case 'outcome': {
      const answer = entry.http === 0 ? 'no answer from the upstream' : `HTTP ${entry.http}`
      return `the outcome of receipt ${entry.attempt}: ${entry.status}, ${answer}, after ${entry.ms} ms.`
    }
    default:
      return controlSentence(entry)
  }
}

function controlSentence({ type, data }: ControlBody): string {
  const told: Told = Object.fromEntries(
    Object.entries(data).map(([name, value]) => [name, typeof value === 'object' ? '' : String(value)]),
  )
  switch (type) {
    case 'genesis':
      return `the log begins, as ${told.origin}, with the keys that sign its receipts and checkpoints; ${told.enrolment === '' ? 'no enrolment vouches for them' : 'an enrolment vouches for them'}.`
    case 'boot':
      return `the keeper started, as ${told.software}, with ${entries(told.size)} in the log.`
    case 'policy':
      return policySentence(told)
    case 'grant':
      return grantSentence(told)
    case 'mint':
      return mintSentence(told)
    case 'probe': {
      const { asked } = data as { readonly asked?: readonly unknown[] }
      const questions = asked?.length === 1 ? 'one question' : `${asked?.length ?? 0} questions`
      return `${told.api} was asked ${questions} before a request of ${holder(told)} was decided.`
    }
    case 'vault':
      return vaultSentence(told)
    case 'approval':
      return approvalSentence(told)
    case 'halt':
      return `${haltedWhat(told)} ${told.action === 'halted' ? 'halted' : 'resumed'} by ${told.by}${because(told)}.${told.cut === undefined ? '' : ` ${told.cut} request(s) under way were broken off.`}`
    case 'freeze': {
      const until = told.until === undefined ? '' : `, until ${time(told.until)}`
      return told.action === 'frozen'
        ? `changes were frozen by ${told.by}${until}${because(told)}.`
        : `changes were thawed by ${told.by}${because(told)}.`
    }
    case 'key':
      return `a ${told.role} key was ${told.action}: ${told.key}.`
    case 'heartbeat':
      return `the keeper was alive, with ${entries(told.size)} in the log and ${told.open} open.`
    case 'suppressed':
      return `${told.count} refusals with code ${told.code} were counted here instead of recorded one by one, from ${time(told.from)} to ${time(told.to)}.`
    case 'recover': {
      const lost = told.lost === undefined ? '' : `; ${entries(told.lost)} lost`
      return `this log takes over from ${told.chain} after ${entries(told.size)}${because(told)}${lost}.`
    }
    case 'erase':
      return `what only the auditor could read of receipt ${told.attempt} was erased by ${told.by}${because(told)}.`
    case 'archive':
      return `${entries(told.size)} were moved to an archive by ${told.by}${because(told)}.`
    case 'close':
      return `the keeper closed the log: ${told.reason}.`
  }
}

function policySentence({ action, version, cid, code, trust }: Told): string {
  // What was refused may not even have been readable: then it has neither version nor content id.
  const which = cid === '' ? 'a policy' : `policy version ${version} (${cid})`
  if (action === 'activated') return `${which} came into force.`
  if (action === 'rechecked') return `${which} stands under version ${trust} of the trust root.`
  if (action === 'withdrawn')
    return `${which} was withdrawn (${code}): the trust root no longer vouches for it. From then on everything was denied.`
  if (action === 'expired') return `${which} expired: from then on everything was denied.`
  if (code === 'policy_withdrawn')
    return 'the policy in force was withdrawn: the trust root no longer vouches for it. From then on everything was denied.'
  return `${which} was refused with code ${code ?? 'unknown'}, which changed nothing.`
}

function grantSentence(told: Told): string {
  const by = told.by === undefined ? '' : ` by ${told.by}`
  return told.action === 'issued'
    ? `a grant was issued${by} to ${holder(told)}, for the slot ${told.slot}, until ${time(told.expires)}: ${told.jti}.`
    : `the grant ${told.jti} of ${holder(told)} was revoked${by}.`
}

function mintSentence(told: Told): string {
  const what = `a credential of ${told.credential} by the minter ${told.minter}, scope ${told.scope}`
  const whom = told.agent === undefined ? '' : ` for ${holder(told)}`
  const code = told.code === undefined ? '' : ` with code ${told.code}`
  switch (told.action) {
    case 'minted':
      return `${what}, was minted${whom}, until ${time(told.expires)}.`
    case 'revoked':
      return `${what}, was revoked at the upstream.`
    case 'reaped':
      return `${what}, was found left over and removed at the upstream.`
    default:
      return `${what}, could not be minted${whom}${code}.`
  }
}

function vaultSentence(told: Told): string {
  const by = told.by === undefined ? '' : ` by ${told.by}`
  const name = told.name === undefined ? 'an entry' : `the entry ${told.name}`
  const now = `; it has ${entries(told.entries)}`
  switch (told.action) {
    case 'opened':
      return `the vault was opened${by}${now}.`
    case 'put':
      return `${name} was put into the vault${by}${now}.`
    case 'removed':
      return `${name} was removed from the vault${by}${now}.`
    default:
      return `the vault was put under another key${by}${now}.`
  }
}

function approvalSentence(told: Told): string {
  const which = `approval ${told.id} for ${holder(told)}`
  const rule = told.rule === undefined ? '' : `, by rule ${told.rule}`
  const by = told.by === undefined ? '' : ` by ${told.by}`
  const because = told.because === undefined ? '' : `: ${told.because}`
  const attempt = told.attempt === undefined ? '' : `; see receipt ${told.attempt}`
  switch (told.state) {
    case 'requested':
      return `${which} was asked for${rule}, and could be given until ${time(told.expires)}${attempt}.`
    case 'approved':
      return `${which} was given${by}${because}${attempt}.`
    case 'withdrawn':
      return `${which} was taken back${by}${because}${attempt}.`
    case 'rejected':
      return `${which} was rejected${by}${because}${attempt}.`
    case 'consumed':
      return `${which} was used up by the request that it was for${attempt}.`
    case 'voided':
      return `${which} was voided: the upstream answers otherwise than when people were asked.`
    default:
      return `${which} expired unused${attempt}.`
  }
}

function haltedWhat({ scope, agent, task }: Told): string {
  if (scope === 'agent') return `agent ${agent} was`
  if (scope === 'task') return `task ${task} was`
  return 'all agents were'
}

function holder({ agent, environment, task, owner }: Told): string {
  return `agent ${agent} in ${environment}, task ${task}, for ${owner}`
}

function because({ because: reason }: Told): string {
  return reason === undefined || reason === '' ? '' : `, because: ${reason}`
}

function entries(count: string | undefined): string {
  return `${count} ${count === '1' ? 'entry' : 'entries'}`
}

/** Unix milliseconds as a date; as they stand where no date is so far away. */
function time(ms: string | undefined): string {
  const date = new Date(Number(ms))
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString()
}
