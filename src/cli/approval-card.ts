import { fromBase64, type JsonValue, leavesOf, shownParts } from '../canon/index.js'
import type { ShownApproval } from '../keeper/index.js'
import { nativeCrypto } from '../native/index.js'
import { argumentsCommitment, type ProbeResult, probesCommitment, statementDigest } from '../policy/index.js'
import { cliFault } from './error-table.js'

/** A value longer than this is cut, and its length said: what matters must not scroll away. */
const MAX_VALUE = 2_000
/** Of a name in the list of what was cut. */
const MAX_NAME = 100
/** From here on a value's length is said beside its name. */
const LONG_VALUE = 200

/** What an approver is shown, line by line. */
export interface ApprovalCard {
  readonly lines: readonly string[]
  /** Values that are not shown to their end, by name and length; empty where everything is. */
  readonly cut: readonly string[]
}

/**
 * Everything that the statement binds, and every leaf of the arguments that it commits to, by its path: a long value is cut,
 * unless `whole`, but that it is there is never left out. Throws `approval_inconsistent` where the two don't belong together.
 *
 * ATTACK: an agent that writes a value which looks like another line, reverses its direction or hides its end. Every
 * value is on one line behind its own mark, and what can't be seen is spelled out.
 */
export function approvalCard(
  approval: ShownApproval,
  nowMs: number,
  { whole = false }: { readonly whole?: boolean } = {},
): ApprovalCard {
  checkApproval(approval)
  const { statement, request, rule, because, args, probes } = approval
  const cut: string[] = []
  const line: ShownLine = (label, name, text) => {
    if (name.length + text.length > MAX_VALUE && !whole)
      cut.push(`${label} ${shown(name, MAX_NAME)} (${text.length} characters)`.replace('  ', ' '))
    const size = text.length > LONG_VALUE ? ` (${text.length} characters)` : ''
    const most = whole ? Number.POSITIVE_INFINITY : MAX_VALUE
    const named = name === '' ? '' : `${shown(name, most)}${size} = `
    return `  ${label.padEnd(13)}${named}${shown(text, most)}`
  }
  const lines = [
    `Approval ${approval.id}, ${stateWords(approval, nowMs)}`,
    '',
    `  agent        ${shown(statement.agent)} in ${shown(statement.environment)}`,
    `  task         ${shown(statement.task)}`,
    `  acting for   ${shown(statement.owner)}, who can’t approve it`,
    `  held by      ${rule === null ? 'a limit' : shown(rule)}${because === null ? '' : `: ${shown(because)}`}`,
    `  needs        ${neededWords(approval)}`,
    ...statement.operations.flatMap((operation, index) => [
      '',
      line('operation', '', `${statement.api} ${operation.name}`),
      `  class        ${operation.classes.map(each => shown(each)).join(', ')}`,
      ...Object.entries(operation.scope).map(([name, value]) => line('scope', name, value)),
      ...operation.resources.map(({ type, id }) => line('resource', '', `${type} ${id}`)),
      ...(operation.account === undefined ? [] : [line('account', '', operation.account)]),
      ...argumentLines(args[index] ?? null, line),
    ]),
    ...probes.flatMap(each => probeLines(each, line)),
    '',
    line('request', '', `${request.method} ${request.target}`),
    `  policy       ${statement.policy}`,
    `  digest       ${approval.digest}`,
  ]
  return { lines, cut }
}

/** Throws `approval_inconsistent` unless the digest and the commitment are those of what is shown. */
export function checkApproval({ statement, digest, args, probes, salt }: ShownApproval): void {
  const committed = argumentsCommitment(nativeCrypto, fromBase64(salt), args)
  if (statement.args_c !== committed) throw cliFault('approval_inconsistent', 'its arguments are others')
  const told = probes.length === 0 ? undefined : probesCommitment(nativeCrypto, fromBase64(salt), probes)
  if (statement.probes_c !== told)
    throw cliFault('approval_inconsistent', 'what the API said is something else')
  if (digest !== statementDigest(nativeCrypto, statement))
    throw cliFault('approval_inconsistent', 'its digest is another')
}

/** What stands in the way of a call, whatever people say about it. */
export const OBSTACLES: Readonly<Record<NonNullable<ShownApproval['obstacle']>, string>> = {
  superseded: 'good for nothing: its policy was replaced, and the agent has to repeat its call',
  unreachable:
    'good for nothing: too few may approve it, since the one it acts for can’t and a revoked key doesn’t count',
  stopped: 'its agent or task is halted, or changes are frozen: nothing of it passes until that has ended',
}

/** Whether nothing will ever pass on it. */
export function isUseless({ obstacle }: Pick<ShownApproval, 'obstacle'>): boolean {
  return obstacle === 'superseded' || obstacle === 'unreachable'
}

export function stateWords(
  {
    state,
    rejected,
    expiresMs,
    obstacle,
  }: Pick<ShownApproval, 'state' | 'rejected' | 'expiresMs' | 'obstacle'>,
  nowMs: number,
): string {
  if (state === 'rejected') {
    const because = rejected?.because == null ? '' : `: ${shown(rejected.because)}`
    return `rejected by ${shown(rejected?.by ?? 'somebody')}${because}`
  }
  const minutes = Math.max(0, Math.ceil((expiresMs - nowMs) / 60_000))
  const left = `${minutes} minute${minutes === 1 ? '' : 's'} left`
  const stands = state === 'approved' ? `approved and not used yet, ${left}` : `waits, ${left}`
  return obstacle === null ? stands : `${stands}; ${OBSTACLES[obstacle]}`
}

/** The groups that have to agree, how far those are that need more than one person, and who has. */
export function neededWords({
  approvers,
  signed,
  thresholds,
}: Pick<ShownApproval, 'approvers' | 'signed' | 'thresholds'>): string {
  const groups = approvers.map(name => {
    const threshold = thresholds[name] ?? 1
    const agreed = new Set(signed.filter(each => each.groups.includes(name)).map(({ by }) => by)).size
    return threshold === 1 ? shown(name) : `${shown(name)} (${agreed} of ${threshold})`
  })
  const who = groups.length === 0 ? 'nobody' : groups.join(' and ')
  return signed.length === 0 ? who : `${who}; approved by ${signed.map(({ by }) => shown(by)).join(' and ')}`
}

/** One value as a person may be shown it: on one line, with what hides in it spelled out, and cut after `most` characters. */
export function shown(text: string, most = MAX_VALUE): string {
  const cut = text.length > most ? text.slice(0, most).toWellFormed() : text
  const parts = shownParts(cut)
    .map(part => (part.hidden ? `⟦${part.text}⟧` : part.text))
    .join('')
  return cut === text ? parts : `${parts} ⟦${text.length - cut.length} characters more⟧`
}

/** One line of what the statement binds, or commits to; a value without a name stands behind the label. */
type ShownLine = (label: string, name: string, text: string) => string

/** What the API has said about a resource, before anybody decided: how much hangs on it. */
function probeLines({ type, id, status, facts }: ProbeResult, line: ShownLine): readonly string[] {
  const about = line('blast radius', '', `${type} ${id}`)
  if (facts === null) return ['', `${about}: could not be asked (${shown(status.replaceAll('_', ' '))})`]
  return [
    '',
    about,
    ...Object.entries(facts).map(([name, value]) => line('', '', `${wordsOf(name)}: ${factText(value)}`)),
  ]
}

/** `mountedIn` → `mounted in`. */
function wordsOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`)
}

function factText(value: JsonValue): string {
  if (Array.isArray(value))
    return value.length === 0 ? 'none' : `${value.map(scalarText).join(', ')} (${value.length})`
  if (typeof value !== 'object' || value === null) return scalarText(value)
  const members = Object.entries(value).map(([name, each]) => `${name}=${scalarText(each)}`)
  return members.length === 0 ? 'none' : members.join(', ')
}

function scalarText(value: JsonValue | undefined): string {
  return JSON.stringify(value ?? null)
}

/** Each leaf has a line, whatever else is long. */
function argumentLines(args: JsonValue, line: ShownLine): readonly string[] {
  return [...leavesOf(args)].map(({ path, value }) => line('argument', path, JSON.stringify(value)))
}
