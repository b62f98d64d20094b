import type { Static } from 'typebox'
import type { CompiledEvidence } from './compiled.js'
import { strict } from './document-terms.js'
import { Type } from './schema-type.js'

/** How far evidence may fall behind before nothing more is admitted. */
export interface EvidenceBounds {
  /** What no witness in another trust domain has cosigned; null where that stops nothing. */
  readonly maxUnwitnessed: EvidenceBound | null
  /** What has not left the host; null where that stops nothing. */
  readonly maxUnshipped: EvidenceBound | null
}

/** Either bound stops; null is no bound. */
export interface EvidenceBound {
  readonly entries: number | null
  /** Age of the oldest entry that is behind. */
  readonly seconds: number | null
}

/** How far something that follows the ledger is behind its head. */
export interface EvidenceLag {
  readonly entries: number
  /** Age of the oldest entry that is behind, whole seconds; 0 where none is. */
  readonly seconds: number
}

const bound = (what: string) =>
  Type.Object(
    {
      entries: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 100_000_000,
          description: `Most entries that may be ${what}.`,
        }),
      ),
      seconds: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 31_536_000,
          description: `Longest time, in seconds, that an entry may be ${what}.`,
        }),
      ),
    },
    {
      ...strict,
      minProperties: 1,
      description: `New requests are denied while more is ${what} than this.`,
    },
  )

/** As written in a policy:
 *
 *     evidence:
 *       maxUnwitnessed: { entries: 10000, seconds: 300 }
 *       maxUnshipped: { seconds: 60 }
 */
export const EvidenceSource = Type.Object(
  {
    maxUnwitnessed: Type.Optional(bound('uncosigned by witnesses')),
    maxUnshipped: Type.Optional(bound('on this host alone')),
  },
  {
    ...strict,
    minProperties: 1,
    description: 'How far the evidence may fall behind before nothing more is admitted.',
  },
)
export type EvidenceSource = Static<typeof EvidenceSource>

/** The bounds that a compiled policy sets. */
export function evidenceBounds(compiled: CompiledEvidence | undefined): EvidenceBounds {
  return {
    maxUnwitnessed: boundOf(compiled?.maxUnwitnessed),
    maxUnshipped: boundOf(compiled?.maxUnshipped),
  }
}

/** True where something is further behind than it may be. INVARIANT: a lag that isn't known (null) is beyond every bound. */
export function isBeyond(lag: EvidenceLag | null, bound: EvidenceBound | null): boolean {
  if (bound === null) return false
  if (lag === null) return true
  return lag.entries > (bound.entries ?? Infinity) || lag.seconds > (bound.seconds ?? Infinity)
}

function boundOf(compiled: CompiledEvidence['maxUnshipped']): EvidenceBound | null {
  return compiled === undefined
    ? null
    : { entries: compiled.entries ?? null, seconds: compiled.seconds ?? null }
}
