import { OPERATION_CLASSES } from '../../protocol/index.js'
import type { AttemptBody, Entry } from '../../receipt/index.js'
import type { Fit } from '../question.js'
import type { ClassTotal, DecidedBy, IncidentSummary } from './incident.js'
import type { SealedWords } from './seals.js'

type Counts = { admitted: number; held: number; refused: number }
type Decided = { -readonly [K in keyof DecidedBy]: DecidedBy[K] } & { readonly cid: string }

const COUNTED = { allow: 'admitted', hold: 'held', deny: 'refused' } as const

/** Counts of an incident; as large as the policies' rules, however many attempts there were. */
export class Tally {
  private readonly all: Counts = { admitted: 0, held: 0, refused: 0 }
  private readonly byClass = new Map<string, Counts>()
  private readonly byDecision = new Map<string, Decided>()
  private firstT: number | null = null
  private lastT: number | null = null
  private uncertain = 0
  private suppressed = 0

  add({ seq, t, ops, decision, policy }: Entry & AttemptBody, fit: Fit): void {
    const counted = COUNTED[decision.effect]
    this.firstT ??= t
    this.lastT = t
    this.all[counted]++
    if (fit === 'unknown') this.uncertain++
    for (const each of new Set(ops.flatMap(({ classes }) => classes))) {
      const counts = this.byClass.get(each) ?? { admitted: 0, held: 0, refused: 0 }
      counts[counted]++
      this.byClass.set(each, counts)
    }
    if (decision.effect === 'allow') return
    const { effect, rule, code } = decision
    const key = JSON.stringify([effect, rule, code])
    const known = this.byDecision.get(key)
    if (known === undefined) {
      const first = {
        effect,
        rule,
        code,
        because: null,
        count: 1,
        firstSeq: seq,
        lastSeq: seq,
        cid: policy.cid,
      }
      this.byDecision.set(key, first)
    } else {
      known.count++
      known.lastSeq = seq
    }
  }

  suppress(count: number): void {
    this.suppressed += count
  }

  summary(): IncidentSummary {
    const { admitted, held, refused } = this.all
    const { firstT, lastT, uncertain, suppressed } = this
    return {
      attempts: admitted + held + refused,
      admitted,
      held,
      refused,
      firstT,
      lastT,
      uncertain,
      suppressed,
    }
  }

  decided(words: ReadonlyMap<string, SealedWords>): readonly DecidedBy[] {
    return [...this.byDecision.values()]
      .sort((a, b) => b.count - a.count || a.firstSeq - b.firstSeq)
      .map(({ cid, ...each }) => ({ ...each, because: words.get(cid)?.because.get(each.rule ?? '') ?? null }))
  }

  /** In the order in which the classes are defined. */
  classes(): readonly ClassTotal[] {
    return OPERATION_CLASSES.flatMap(each => {
      const counts = this.byClass.get(each)
      return counts === undefined ? [] : [{ class: each, ...counts }]
    })
  }
}
