import { fromBase64, type JsonValue, shownParts } from '../canon/index.js'
import type { ShownApproval } from '../keeper/index.js'
import { nativeCrypto } from '../native/index.js'
import { argumentsCommitment, type ProbeResult, probesCommitment, statementDigest } from '../policy/index.js'
import { cliFault } from './error-table.js'

/** A value longer than this is cut, and its length said: what matters must not scroll away. */
const MAX_VALUE = 2_000

/**
 * What an approver is shown, line by line: everything that the statement binds, and the arguments that it commits to. Throws
 * `approval_inconsistent` where the two don't belong together.
 *
 * ATTACK: an agent that writes a value which looks like another line, reverses its direction or hides its end. Every
 * value is on one line behind its own mark, and what can't be seen is spelled out.
 */
export function approvalLines(approval: ShownApproval, nowMs: number): readonly string[] {
  checkApproval(approval)
  const { statement, request, rule, because, args, probes } = approval
  return [
    `Approval ${approval.id}, ${stateWords(approval, nowMs)}`,
    '',
    `  agent        ${shown(statement.agent)} in ${shown(statement.environment)}`,
    `  task         ${shown(statement.task)}`,
    `  acting for   ${shown(statement.owner)}, who can’t approve it`,
    `  held by      ${rule === null ? 'a limit' : shown(rule)}${because === null ? '' : `: ${shown(because)}`}`,
    `  needs        ${neededWords(approval)}`,
    ...statement.operations.flatMap((operation, index) => [
      '',
      `  operation    ${shown(statement.api)} ${shown(operation.name)}`,
      `  class        ${operation.classes.map(shown).join(', ')}`,
      ...Object.entries(operation.scope).map(
        ([name, value]) => `  scope        ${shown(name)} = ${shown(value)}`,
      ),
      ...operation.resources.map(({ type, id }) => `  resource     ${shown(type)} ${shown(id)}`),
      ...(operation.account === undefined ? [] : [`  account      ${shown(operation.account)}`]),
      ...argumentLines(args[index]),
    ]),
    ...probes.flatMap(probeLines),
    '',
    `  request      ${shown(request.method)} ${shown(request.target)}`,
    `  policy       ${statement.policy}`,
    `  digest       ${approval.digest}`,
  ]
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

export function stateWords(
  { state, rejected, expiresMs }: Pick<ShownApproval, 'state' | 'rejected' | 'expiresMs'>,
  nowMs: number,
): string {
  if (state === 'rejected') {
    const because = rejected?.because == null ? '' : `: ${shown(rejected.because)}`
    return `rejected by ${shown(rejected?.by ?? 'somebody')}${because}`
  }
  const minutes = Math.max(0, Math.ceil((expiresMs - nowMs) / 60_000))
  const left = `${minutes} minute${minutes === 1 ? '' : 's'} left`
  return state === 'approved' ? `approved and not used yet, ${left}` : `waits, ${left}`
}

export function neededWords({ approvers, signed }: Pick<ShownApproval, 'approvers' | 'signed'>): string {
  const who = approvers.length === 0 ? 'nobody' : approvers.map(shown).join(' and ')
  return signed.length === 0 ? who : `${who}; approved by ${signed.map(({ by }) => shown(by)).join(' and ')}`
}

/** One value as a person may be shown it: on one line, with what hides in it spelled out. */
export function shown(text: string): string {
  const cut = text.length > MAX_VALUE ? text.slice(0, MAX_VALUE).toWellFormed() : text
  const parts = shownParts(cut)
    .map(part => (part.hidden ? `⟦${part.text}⟧` : part.text))
    .join('')
  return cut === text ? parts : `${parts} ⟦${text.length - cut.length} characters more⟧`
}

/** What the API has said about a resource, before anybody decided: how much hangs on it. */
function probeLines({ type, id, status, facts }: ProbeResult): readonly string[] {
  const about = `  blast radius ${shown(type)} ${shown(id)}`
  if (facts === null) return ['', `${about}: could not be asked (${shown(status.replaceAll('_', ' '))})`]
  return [
    '',
    about,
    ...Object.entries(facts).map(
      ([name, value]) => `               ${shown(wordsOf(name))}: ${factText(value)}`,
    ),
  ]
}

/** `mountedIn` → `mounted in`. */
function wordsOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`)
}

function factText(value: JsonValue): string {
  if (Array.isArray(value))
    return value.length === 0 ? 'none' : shown(`${value.map(scalarText).join(', ')} (${value.length})`)
  if (typeof value !== 'object' || value === null) return shown(scalarText(value))
  const members = Object.entries(value).map(([name, each]) => `${name}=${scalarText(each)}`)
  return members.length === 0 ? 'none' : shown(members.join(', '))
}

function scalarText(value: JsonValue | undefined): string {
  return JSON.stringify(value ?? null)
}

function argumentLines(args: unknown): readonly string[] {
  if (typeof args !== 'object' || args === null) return [`  argument     ${shown(JSON.stringify(args))}`]
  return Object.entries(args).map(([name, value]) => {
    const written = typeof value === 'string' ? JSON.stringify(value) : JSON.stringify(value ?? null)
    return `  argument     ${shown(name)} = ${shown(written)}`
  })
}
