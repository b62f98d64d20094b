import type { Entry } from '../receipt/index.js'

/** One entry on one line: number, time, kind, what. */
export function entryLine(entry: Entry): string {
  return `${String(entry.seq).padStart(7)}  ${new Date(entry.t).toISOString()}  ${entry.type.padEnd(10)} ${gist(entry)}`
}

function gist(entry: Entry): string {
  switch (entry.type) {
    case 'attempt': {
      const what = entry.ops.map(op => [op.name, op.resources[0]?.id].filter(Boolean).join(' ')).join(', ')
      const { effect, code, rule } = entry.decision
      return `${effect.padEnd(5)} ${visible(entry.agent.id || '(no grant)')}: ${visible(what || `${entry.req.method} ${entry.req.api}`)} [${visible(rule ?? code)}]`
    }
    case 'outcome':
      return `of ${entry.attempt}: ${entry.status}${entry.http === 0 ? '' : ` ${entry.http}`}, ${entry.ms} ms`
    default:
      return visible(
        Object.entries(entry.data)
          .filter(([, value]) => typeof value !== 'object')
          .map(([name, value]) => `${name}=${String(value).length > 80 ? '…' : value}`)
          .join(' '),
      )
  }
}

/** ATTACK: names in receipts come from requests; a terminal must not obey them. */
export function visible(text: string): string {
  return text.replace(HIDDEN, '�')
}

const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** Whether a terminal or an editor would obey letters of a text, or not show them. */
export function hidesLetters(text: string): boolean {
  return text.search(HIDDEN) >= 0
}

/** The same letters as escapes, for what stands between the double quotes of JSON or YAML; line breaks stay. */
export function escapeHidden(text: string): string {
  return text.replace(HIDDEN, found =>
    found === '\n'
      ? found
      : found
          .split('')
          .map(unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
          .join(''),
  )
}
