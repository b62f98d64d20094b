import type { Refusal } from '../refusal.js'

/** A refusal as one API would word it. */
export interface DialectAnswer {
  readonly status: number
  /** Beside Content-Type, which is `application/json` in every dialect so that every SDK parses it. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Readonly<Record<string, unknown>>
}

export type DialectForm = (refusal: Refusal) => DialectAnswer

/** Members that say the same in every dialect that has room for them. */
export function facts(refusal: Refusal): Record<string, unknown> {
  return {
    code: refusal.code,
    rule: refusal.rule,
    receipt: refusal.receipt?.seq ?? null,
    ...(refusal.approval === null ? {} : { approval: refusal.approval }),
  }
}
