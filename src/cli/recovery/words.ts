import { LEDGER_VERDICTS } from '../../ledger/index.js'
import type { Recovery } from '../../policy/index.js'

/** A recovery in words: what a holder of the role `recover` reads before signing. */
export function recoveryLines(recovery: Recovery): string[] {
  const { origin, epoch, verdict, left, known, lost, policy, because, t } = recovery
  return [
    `Recovery of ${origin}: epoch ${epoch} ends, epoch ${epoch + 1} begins.`,
    `  found     ${sentenceOf(verdict)}`,
    `  left      ${left.size === 0 ? 'nothing that is proven' : `${left.size} entries, the newest of ${timeText(left.t)}, root ${left.root}`}`,
    `  known     ${known === null ? 'no mark or checkpoint says how many there were' : `${known.size} entries, by mark or checkpoint`}`,
    `  lost      ${lost} entries for certain; entries that nothing covers may be lost as well`,
    `  policy    ${policy === null ? 'none is known: only the floor in the trust root holds' : `nothing below version ${policy.version} (${policy.cid}) will be activated`}`,
    '  ends      every grant and every approval so far; every limit counts as used up until its window has passed',
    `  because   ${because}`,
    `  prepared  ${timeText(t)}; it can be applied for seven days`,
  ]
}

/** The verdict comes from a file that anybody could have written. */
function sentenceOf(verdict: string): string {
  return Object.hasOwn(LEDGER_VERDICTS, verdict)
    ? `${verdict}: ${LEDGER_VERDICTS[verdict as keyof typeof LEDGER_VERDICTS].sentence}`
    : `${verdict}, which this build does not know`
}

function timeText(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? 'an impossible time' : date.toISOString()
}
