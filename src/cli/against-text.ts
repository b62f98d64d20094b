import type { Comparison } from '../ledger/index.js'
import type { Verification } from '../receipt/index.js'

/** A log beside its shipped copy, and what the copy proves by itself. */
export interface Against {
  readonly copy: string
  readonly verification: Verification
  readonly comparison: Comparison
}

/** True where nothing was found in the copy, and nothing between the two. */
export function isSame({ verification, comparison }: Against): boolean {
  return verification.sound && comparison.finding === null
}

/** What comparing the two has shown, for people. */
export function againstLines(against: Against | null): string[] {
  if (against === null) return []
  const { copy, verification, comparison } = against
  const { same, unshipped, finding } = comparison
  return [
    isSame(against)
      ? `AS SHIPPED: ${same} entries are the same in ${copy}.`
      : `NOT AS SHIPPED: ${same} entries are the same in ${copy}, from the first on.`,
    ...(finding === null ? [] : [`  ! ${finding.message}`]),
    ...verification.findings.map(each => `  ! in the copy: ${each.message}`),
    ...(unshipped > 0 && finding === null ? [`  ${unshipped} entries at the end are not shipped yet`] : []),
    `  copy        ${verification.size} entries, ${verification.validPrefix} valid from the first on, checkpoint over ${verification.checkpointed ?? 0}`,
  ]
}
