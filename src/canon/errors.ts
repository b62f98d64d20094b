/** One row of a room's error table: what it means and what to do about it. `status` is the HTTP status an agent sees, or null where no agent can see it. */
export interface ErrorEntry {
  readonly status: number | null
  readonly sentence: string
  readonly mend: string
}

export type ErrorTable = Readonly<Record<string, ErrorEntry>>

/**
 * A fault with a stable code. A refusal is a value, not one of these; this is thrown when the input or the
 * world is broken. `detail` never holds a secret and never echoes agent or upstream text raw.
 */
export class CountersignError extends Error {
  readonly code: string
  readonly status: number | null
  readonly detail: string
  readonly mend: string
  readonly #entry: ErrorEntry

  constructor(code: string, entry: ErrorEntry, detail = '') {
    super(detail === '' ? entry.sentence : `${entry.sentence} (${detail})`)
    this.name = 'CountersignError'
    this.code = code
    this.status = entry.status
    this.detail = detail
    this.mend = entry.mend
    this.#entry = entry
  }

  /** The same fault, with the place where it was met before its detail: a file, say. */
  within(place: string): CountersignError {
    const detail = this.detail === '' ? place : `${place}: ${this.detail}`
    return new CountersignError(this.code, this.#entry, detail)
  }
}

/** Turns a room's table into its error constructor: `const fault = errorsOf(table)`, then `throw fault('code', detail)`. */
export function errorsOf<T extends ErrorTable>(
  table: T,
): (code: keyof T & string, detail?: string) => CountersignError {
  return (code, detail) => new CountersignError(code, table[code] as ErrorEntry, detail)
}
