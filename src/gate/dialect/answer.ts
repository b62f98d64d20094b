import type { Header } from '../../protocol/index.js'
import type { Refusal } from '../refusal.js'

/** What of a request says how its refusal must be worded. Raw: it may be the very thing that was refused. */
export interface Asked {
  readonly method: string
  readonly target: string
  readonly headers: readonly Header[]
}

/** A refusal as one API would word it. */
export interface DialectAnswer {
  readonly status: number
  readonly contentType: string
  /** Beside Content-Type. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string | Uint8Array
}

export type DialectForm = (refusal: Refusal, asked: Asked) => DialectAnswer

/** What every SDK but AWS's parses. */
export function jsonAnswer(
  status: number,
  body: Readonly<Record<string, unknown>>,
  headers: DialectAnswer['headers'] = [],
): DialectAnswer {
  return { status, contentType: 'application/json; charset=utf-8', headers, body: JSON.stringify(body) }
}

/** Members that say the same in every dialect that has room for them. */
export function facts(refusal: Refusal): Record<string, unknown> {
  return {
    code: refusal.code,
    rule: refusal.rule,
    receipt: refusal.receipt?.seq ?? null,
    ...(refusal.approval === null ? {} : { approval: refusal.approval }),
  }
}
