import assert from 'node:assert/strict'
import type { Entry } from '../../src/receipt/index.js'
import { countersign } from '../cli/command-line.js'
import type { Answered } from './load.js'
import { eventually, type Sidecar } from './supervised-sidecar.js'

/** The entries once no attempt is open any more. */
export function settled(sidecar: Sidecar): Promise<Entry[]> {
  return eventually('the last outcome', async () => {
    const { openAttempts } = await sidecar.status()
    if (openAttempts > 0) return undefined
    // An outcome that was taken rides with the next batch: it is in the ledger a few milliseconds later.
    const entries = await sidecar.entries()
    const admitted = entries.filter(entry => entry.type === 'attempt' && entry.decision.effect === 'allow')
    const closed = entries.filter(entry => entry.type === 'outcome')
    return closed.length >= admitted.length ? entries : undefined
  })
}

/** Stops the sidecar; what is on disk verifies under the pinned keys, and every admitted attempt has one outcome. */
export async function stopAndVerify(
  sidecar: Sidecar,
  entries: () => Promise<Entry[]> | Entry[],
): Promise<Entry[]> {
  const before = await entries()
  assert.equal(await sidecar.stop(), 0)
  const { path, config } = sidecar.loaded
  const verified = await countersign(
    ...['ledger', 'check', path(config.ledger.dir), '--config', sidecar.loaded.file, '--json'],
  )
  assert.equal(verified.code, 0, verified.out + verified.err)
  return before
}

export function attemptOf(entries: readonly Entry[], id: string) {
  const attempt = entries.find(
    entry => entry.type === 'attempt' && entry.ops.some(op => op.resources.some(each => each.id === id)),
  )
  return attempt?.type === 'attempt' ? attempt : undefined
}

export function outcomesOf(entries: readonly Entry[], attempt: number) {
  return entries.filter(entry => entry.type === 'outcome').filter(entry => entry.attempt === attempt)
}

export function assertOneOutcomeEach(entries: readonly Entry[]): void {
  const counts = new Map<number, number>()
  for (const entry of entries)
    if (entry.type === 'outcome') counts.set(entry.attempt, (counts.get(entry.attempt) ?? 0) + 1)
  for (const entry of entries) {
    if (entry.type !== 'attempt' || entry.decision.effect !== 'allow') continue
    assert.equal(counts.get(entry.seq), 1, `attempt ${entry.seq}`)
  }
}

/**
 * The end of a scenario: the ledger verifies, every admitted attempt has one outcome, what the agent got as 200 is
 * there as completed, and a refusal says why. Where a keeper ended meanwhile, it may be there as indeterminate: the
 * keeper wasn't there to be told. Answers the entries.
 */
export async function assertNothingLost(
  sidecar: Sidecar,
  answers: readonly Answered[],
  keeperEnded = false,
): Promise<Entry[]> {
  const expected = keeperEnded ? /^(completed|indeterminate)$/ : /^completed$/
  const entries = await stopAndVerify(sidecar, () => settled(sidecar))
  assertOneOutcomeEach(entries)
  const attempts = new Map<string, number>()
  const outcomes = new Map<number, string>()
  for (const entry of entries) {
    if (entry.type === 'outcome') outcomes.set(entry.attempt, entry.status)
    if (entry.type !== 'attempt' || entry.decision.effect !== 'allow') continue
    for (const { id } of entry.ops.flatMap(op => op.resources)) attempts.set(id, entry.seq)
  }
  for (const { id, status, code } of answers) {
    if (status === 200) assert.match(outcomes.get(attempts.get(id) ?? -1) ?? 'none', expected, id)
    else if (status !== null) assert.match(code ?? '', /^[a-z_]+$/, `${status} without a reason`)
  }
  return entries
}
