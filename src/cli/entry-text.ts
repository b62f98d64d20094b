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
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '�')
}
