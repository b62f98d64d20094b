import { decodeEntry, type FindingInLog, findingAt } from '../../receipt/index.js'

/** A log beside its shipped copy. */
export interface Comparison {
  /** Entries that are the same in both, from the first on. */
  readonly same: number
  /** Entries at the end of the log that the copy hasn't. */
  readonly unshipped: number
  /** The first entry that differs or that one of the two lacks; null where there is none beyond what may be unshipped. */
  readonly finding: FindingInLog | null
}

/**
 * Holds a log against its shipped copy, entry by entry, in one pass. `mayBeUnshipped`: entries at the end of the log
 * that may be on their way. An entry that the copy alone has was cut off the log.
 */
export async function compareWithCopy(
  log: AsyncIterable<Uint8Array>,
  copy: AsyncIterable<Uint8Array>,
  mayBeUnshipped: number,
  onEntry: (count: number) => void = () => {},
): Promise<Comparison> {
  const [left, right] = [log[Symbol.asyncIterator](), copy[Symbol.asyncIterator]()]
  let same = 0
  try {
    for (;;) {
      const [a, b] = await Promise.all([left.next(), right.next()])
      if (a.done === true && b.done === true) return { same, unshipped: 0, finding: null }
      if (a.done === true)
        return {
          same,
          unshipped: 0,
          finding: findingAt(
            'copy_only',
            same,
            `${1 + (await count(right))} entries behind the end of the log`,
          ),
        }
      if (b.done === true) {
        const unshipped = 1 + (await count(left))
        const finding = findingAt('copy_missing', same, `${unshipped} entries at the end of the log`)
        return { same, unshipped, finding: unshipped > mayBeUnshipped ? finding : null }
      }
      if (!Buffer.from(a.value).equals(b.value))
        return { same, unshipped: 0, finding: differing(same, a.value, b.value) }
      onEntry(++same)
    }
  } finally {
    await Promise.all([left.return?.(), right.return?.()])
  }
}

/** A copy with a gap goes on with a later entry: then it isn't another entry, it isn't there. */
function differing(place: number, inLog: Uint8Array, inCopy: Uint8Array): FindingInLog {
  const [ours, theirs] = [seqOf(inLog), seqOf(inCopy)]
  if (ours === place && theirs !== null && theirs > place)
    return findingAt('copy_missing', place, `the copy goes on at entry ${theirs}`)
  if (theirs === place && ours !== null && ours > place)
    return findingAt('copy_only', place, `the log goes on at entry ${ours}`)
  return findingAt('copy_differs', place)
}

function seqOf(bytes: Uint8Array): number | null {
  try {
    return decodeEntry(bytes).seq
  } catch {
    return null
  }
}

async function count(entries: AsyncIterator<Uint8Array>): Promise<number> {
  let found = 0
  while ((await entries.next()).done !== true) found++
  return found
}
