import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { canonicalBytes, type JsonObject, parseCanonical } from '../../canon/index.js'
import { makeFolder } from '../../native/index.js'
import { replaceFile } from '../replace-file.js'
import { fullCheckFolder } from './snapshot.js'

/** What is wrong with a ledger: the code with which a start on it is refused, and where. */
export interface CheckFinding {
  readonly code: 'ledger_damaged' | 'ledger_differs' | 'ledger_behind_mark'
  readonly detail: string
}

/** How the last reading that got to its end went. */
export interface CheckResult {
  /** Unix milliseconds. */
  readonly t: number
  /** Entries that it read. */
  readonly size: number
  /** Null where every one of them holds. */
  readonly finding: CheckFinding | null
}

const CODES: readonly unknown[] = ['ledger_damaged', 'ledger_differs', 'ledger_behind_mark']

export async function writeResult(dir: string, result: CheckResult): Promise<void> {
  await makeFolder(fullCheckFolder(dir), 0o700)
  await replaceFile(resultFile(dir), canonicalBytes(result))
}

/** Null where there is none. One that can't be read counts as a finding: the reading is done again. */
export async function readResult(dir: string): Promise<CheckResult | null> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(resultFile(dir))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    return unreadable((error as Error).message)
  }
  try {
    const { t, size, finding } = parseCanonical(bytes) as JsonObject
    if (typeof t !== 'number' || typeof size !== 'number') throw new Error('it has other members')
    if (finding === null) return { t, size, finding }
    const { code, detail } = finding as JsonObject
    if (!CODES.includes(code) || typeof detail !== 'string') throw new Error('it has another finding')
    return { t, size, finding: { code: code as CheckFinding['code'], detail } }
  } catch (error) {
    return unreadable((error as Error).message)
  }
}

function unreadable(why: string): CheckResult {
  const detail = `the result of the last full check can’t be read: ${why}`
  return { t: 0, size: 0, finding: { code: 'ledger_damaged', detail } }
}

function resultFile(dir: string): string {
  return join(fullCheckFolder(dir), 'result.json')
}
