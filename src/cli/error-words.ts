import type { ErrorEntry } from '../canon/index.js'
import { gateErrors } from '../gate/index.js'
import { keeperSideErrors } from './keeper-side-errors.js'

const ALL: Readonly<Record<string, ErrorEntry>> = { ...keeperSideErrors, ...gateErrors }

/** What a stable code means, and what mends it; null for a code that this build doesn't know. */
export function wordsOf(code: string): { readonly sentence: string; readonly mend: string } | null {
  return Object.hasOwn(ALL, code) ? (ALL[code] as ErrorEntry) : null
}
