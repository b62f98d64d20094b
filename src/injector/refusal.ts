import { shownParts } from '../canon/index.js'
import { injectorErrors, type RefusalCode } from './error-table.js'

/** One reason why a pod is not admitted. */
export interface Refusal {
  readonly code: RefusalCode
  /** Where in the pod: `spec.containers[0].image`. */
  readonly at: string
}

/** Collects reasons: a person who mends a pod wants all of them at once. */
export class Refusals {
  private readonly found = new Map<string, Refusal>()

  add(code: RefusalCode, at: string): void {
    this.found.set(`${code} ${at}`, { code, at })
  }

  /** In the order of the pod; empty where nothing was found. */
  list(): readonly Refusal[] {
    return [...this.found.values()]
  }
}

/** One line for `kubectl` and logs: every reason with its place, and what mends it. ATTACK: names in a place are the pod's own. */
export function refusalSentence(refusals: readonly Refusal[]): string {
  const reasons = refusals.map(({ code, at }) => {
    const { sentence, mend } = injectorErrors[code]
    return `${code} at ${shown(at)}: ${sentence} ${mend}`
  })
  return `Countersign does not admit this pod. ${reasons.join(' | ')}`
}

function shown(place: string): string {
  return shownParts(place.slice(0, 200))
    .map(({ text }) => text)
    .join('')
}
