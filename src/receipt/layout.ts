import { canonFault, canonicalize } from '../canon/index.js'
import type {
  AttemptBody,
  AttemptOperation,
  AttemptProbe,
  ControlBody,
  Entry,
  EntryPosition,
  OutcomeBody,
} from './entry.js'

/**
 * The JCS form (RFC 8785) of an entry that has passed `entryProblem`. Attempts and outcomes are laid out by hand in
 * JCS member order, because thousands are written a second; a property test holds this to `canonicalize`.
 */
export function layEntry(entry: Entry): string {
  switch (entry.type) {
    case 'attempt':
      return layAttempt(entry)
    case 'outcome':
      return layOutcome(entry)
    default:
      return layControl(entry)
  }
}

function layAttempt(e: EntryPosition & AttemptBody): string {
  const { agent, credential, decision, policy, req } = e
  return (
    `{"agent":{"environment":${quote(agent.environment)},"grant":${quote(agent.grant)},"id":${quote(agent.id)}` +
    `,"owner":${quote(agent.owner)},"task":${quote(agent.task)}}` +
    (e.approval === undefined ? '' : `,"approval":${quote(e.approval)}`) +
    `,"boot":"${e.boot}","chain":"${e.chain}","classifier":${quote(e.classifier)}` +
    (credential === undefined
      ? ''
      : `,"credential":{"expires":${credential.expires}${optionalText('mint', credential.mint)}` +
        `,"minter":${quote(credential.minter)},"scope":${quote(credential.scope)}}`) +
    `,"decision":{"code":${quote(decision.code)},"effect":"${decision.effect}"` +
    `,"rule":${decision.rule === null ? 'null' : quote(decision.rule)}},"id":"${e.id}","inputs_c":"${e.inputs_c}"` +
    `,"ops":[${e.ops.map(layOperation).join(',')}]` +
    `,"policy":{"cid":${quote(policy.cid)},"version":${policy.version}},"prev":"${e.prev}"` +
    (e.probes === undefined ? '' : `,"probes":[${e.probes.map(layProbe).join(',')}]`) +
    `,"req":{"api":${quote(req.api)}${optionalText('body_c', req.body_c)}${optionalNumber('body_len', req.body_len)}` +
    `,"method":${quote(req.method)},"target_c":"${req.target_c}"}` +
    (e.reserved === undefined
      ? ''
      : `,"reserved":[${e.reserved.map(r => `{"amount":${r.amount},"key":${quote(r.key)}}`).join(',')}]`) +
    `,"seq":${e.seq},"t":${e.t},"type":"attempt","v":1}`
  )
}

function layOperation(op: AttemptOperation): string {
  const more = op.more === undefined ? '' : `,"more":{"all_c":"${op.more.all_c}","count":${op.more.count}}`
  const resources = op.resources.map(r => `{"id":${quote(r.id)},"type":${quote(r.type)}}`).join(',')
  return (
    `{"classes":[${op.classes.map(quote).join(',')}]${more},"name":${quote(op.name)}` +
    `,"resources":[${resources}],"scope":${canonicalize(op.scope)}}`
  )
}

function layProbe(p: AttemptProbe): string {
  const asked = p.asked === undefined ? '' : `"asked":${p.asked},`
  const facts = p.facts_c === undefined ? '' : `"facts_c":"${p.facts_c}",`
  return `{${asked}${facts}"op":${p.op},"probe":${quote(p.probe)},"resource":${p.resource},"status":"${p.status}"}`
}

function layOutcome(e: EntryPosition & OutcomeBody): string {
  return (
    `{"attempt":${e.attempt},"attempt_leaf":"${e.attempt_leaf}"${optionalText('body_c', e.body_c)}` +
    `,"boot":"${e.boot}","chain":"${e.chain}","http":${e.http},"ms":${e.ms},"prev":"${e.prev}"` +
    `${optionalText('resp_c', e.resp_c)}${optionalNumber('resp_len', e.resp_len)}` +
    `,"seq":${e.seq},"status":"${e.status}","t":${e.t},"type":"outcome"` +
    `${optionalText('upstream_id', e.upstream_id)},"v":1}`
  )
}

function layControl(e: EntryPosition & ControlBody): string {
  return canonicalize(e)
}

function optionalText(name: string, value: string | undefined): string {
  return value === undefined ? '' : `,"${name}":${quote(value)}`
}

function optionalNumber(name: string, value: number | undefined): string {
  return value === undefined ? '' : `,"${name}":${value}`
}

function quote(value: string): string {
  if (!value.isWellFormed()) throw canonFault('json_unicode')
  return JSON.stringify(value)
}
