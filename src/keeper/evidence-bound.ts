import { type EvidenceBounds, isBeyond } from '../policy/index.js'
import type { EvidenceFollowers } from './ports.js'

/** When an agent may look again: followers are asked every few seconds. */
export const EVIDENCE_RETRY_MS = 10_000

/**
 * Why nothing is admitted while the evidence is behind; null while it isn't. INVARIANT: fails closed: a bound that
 * signers set without anything that could keep it is exceeded.
 */
export function evidenceRefusal(
  bounds: EvidenceBounds,
  { witnesses, shipping }: EvidenceFollowers,
  nowMs: number,
): 'evidence_unwitnessed' | 'evidence_unshipped' | null {
  if (isBeyond(witnesses?.lag(nowMs) ?? null, bounds.maxUnwitnessed)) return 'evidence_unwitnessed'
  if (isBeyond(shipping?.lag(nowMs) ?? null, bounds.maxUnshipped)) return 'evidence_unshipped'
  return null
}
