import { HIDDEN_LETTERS } from '../canon/index.js'
import type { AttemptOperation, Entry } from '../receipt/index.js'

/** ATTACK: a time that no calendar has, and no verdict of the log that says it. It is shown as the number that it is. */
export function timeWords(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms)
}

/** One entry on one line: number, time, kind, what. */
export function entryLine(entry: Entry): string {
  return `${String(entry.seq).padStart(7)}  ${timeWords(entry.t)}  ${entry.type.padEnd(10)} ${gist(entry)}`
}

function gist(entry: Entry): string {
  switch (entry.type) {
    case 'attempt': {
      const { agent, req, ops, decision } = entry
      const what = ops.map(operationText).join(', ') || `${word(req.method)} ${word(req.api)}`
      return `${decision.effect.padEnd(5)} ${agent.id === '' ? '(no grant)' : word(agent.id)}: ${what} [${word(decision.rule ?? decision.code)}]`
    }
    case 'outcome':
      return `of ${entry.attempt}: ${entry.status}${entry.http === 0 ? '' : ` ${entry.http}`}, ${entry.ms} ms`
    default:
      return Object.entries(entry.data)
        .filter(([, value]) => typeof value !== 'object')
        .map(([name, value]) => `${name}=${String(value).length > 80 ? '…' : word(String(value))}`)
        .join(' ')
  }
}

function operationText({ name, resources: [first] }: AttemptOperation): string {
  return first === undefined || first.id === '' ? word(name) : `${word(name)} ${word(first.id)}`
}

/** ATTACK: one name that reads as several, or a reason that reads as another member, `because=x by=maria`: such ones are quoted. */
export function word(text: string): string {
  const shown = visible(text)
  return /^[^\s"=,[\]]+$/u.test(shown) ? shown : JSON.stringify(shown)
}

/** ATTACK: a name so long that it fills the lines below its own with whatever somebody is to read there. */
export function shortWord(text: string): string {
  return text.length <= MAX_WORD ? word(text) : `${word(text.slice(0, MAX_WORD))}… (${text.length} letters)`
}

const MAX_WORD = 100

/** ATTACK: names in receipts come from requests; a terminal must not obey them. */
export function visible(text: string): string {
  return text.replace(HIDDEN_LETTERS, '�')
}

/** The same for a text of several lines, as it is printed. */
export function visibleLines(text: string): string {
  return text.replace(HIDDEN_LETTERS, found => (found === '\n' || found === '\t' ? found : '�'))
}

/** Whether a terminal or an editor would obey letters of a text, or not show them. */
export function hidesLetters(text: string): boolean {
  return text.search(HIDDEN_LETTERS) >= 0
}

/** The same letters as escapes, for what stands between the double quotes of JSON or YAML; line breaks stay. */
export function escapeHidden(text: string): string {
  return text.replace(HIDDEN_LETTERS, found =>
    found === '\n'
      ? found
      : found
          .split('')
          .map(unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
          .join(''),
  )
}
