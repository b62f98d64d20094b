import { CountersignError } from '../canon/index.js'
import { type ProtocolCode, protocolErrors } from './error-table.js'
import type { Unclassifiable } from './operation.js'

/** A refusal as a value. `detail` says where, in the classifier's words; never text of the agent. */
export function unclassifiable(code: ProtocolCode, detail?: string): Unclassifiable {
  const { sentence } = protocolErrors[code]
  return { kind: 'unclassifiable', code, detail: detail === undefined ? sentence : `${sentence} (${detail})` }
}

/**
 * The refusal behind a fault that a parser threw: its own code where it has one (of `protocolErrors` or
 * `canonErrors`), `classifier_fault` for anything that nobody foresaw. Fails closed, never throws.
 */
export function asUnclassifiable(error: unknown): Unclassifiable {
  return error instanceof CountersignError
    ? { kind: 'unclassifiable', code: error.code, detail: error.message }
    : unclassifiable('classifier_fault')
}

export function isUnclassifiable<T extends object>(value: T | Unclassifiable): value is Unclassifiable {
  return (value as { readonly kind?: unknown }).kind === 'unclassifiable'
}
