import type { Header } from '../protocol/index.js'

/** A preference of RFC 7240 §2: its name, up to the first `=`, `;` or space. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+/
/** `wait`, in whole seconds (RFC 7240 §4.3). */
const WAIT = /^wait[ \t]*=[ \t]*"?([0-9]{1,9})"?[ \t]*(?:;|$)/i

/**
 * How many seconds the agent would rather wait than be refused at once; null where it says nothing of the kind, or
 * nothing that can be read. Of several, the first counts (RFC 7240 §2).
 */
export function preferredWaitSeconds(headers: readonly Header[]): number | null {
  for (const [name, value] of headers) {
    if (name !== 'prefer') continue
    const wait = preferencesIn(value).find(isWait)
    if (wait !== undefined) return Number(WAIT.exec(wait)?.[1] ?? 0) || null
  }
  return null
}

/** The other preferences, for the upstream: how long to wait for people is said to this sidecar alone. Empty where there are none. */
export function withoutWait(value: string): string {
  return preferencesIn(value)
    .filter(preference => !isWait(preference))
    .join(', ')
}

function isWait(preference: string): boolean {
  return NAME.exec(preference)?.[0].toLowerCase() === 'wait'
}

/**
 * The parts between commas that are in no quoted string. ATTACK: quotes that nothing closes, each of which would be
 * looked for to the end of the header: such a string is over where the header is.
 */
function preferencesIn(value: string): readonly string[] {
  const parts = value.match(/(?:"(?:\\.|[^"\\])*"?|[^",])+/g) ?? []
  return parts.map(part => part.trim()).filter(part => part !== '')
}
