import {
  CountersignError,
  canonicalize,
  fromHex,
  type JsonObject,
  type JsonValue,
  parseCanonical,
  utf8,
} from '../../canon/index.js'
import { comparedWith } from '../../keeper/index.js'
import { nativeCrypto } from '../../native/index.js'
import {
  type ApprovalStatement,
  argumentsCommitment,
  decodeCountersignature,
  type PolicyApi,
  probesCommitment,
  statedOperation,
  statementDigest,
} from '../../policy/index.js'
import type { Operation } from '../../protocol/index.js'
import type { Agreed, ControlBody, DecisionInputs } from '../../receipt/index.js'

/** Beside the arguments, where these don't say everything: the request itself. */
const WHOLE_REQUEST = '(request)'
/** Inputs hold no more of a target. */
const WHOLE_TARGET = 8_192

/** The statement that a word about an approval was signed over; null where there is none with the entry's digest. Who signed it is not looked at. */
export function signedStatement({ signed, digest }: ControlBody['data']): ApprovalStatement | null {
  if (typeof signed !== 'string') return null
  try {
    const { payload } = decodeCountersignature(utf8(signed))
    const { statement } = parseCanonical(payload) as unknown as { readonly statement?: ApprovalStatement }
    return statement !== undefined && statementDigest(nativeCrypto, statement) === digest ? statement : null
  } catch (error) {
    if (error instanceof CountersignError) return null
    throw error
  }
}

/**
 * In what a call that passed isn't the one that people signed for, by its decision inputs; undefined where it is.
 * ATTACK: they agree to 5 euros, and 5,000 are let pass under the receipt of their word.
 */
export function otherThanAgreed(
  inputs: DecisionInputs,
  agreed: Agreed,
  statement: ApprovalStatement,
  { catalog }: Pick<PolicyApi, 'catalog'>,
): string | undefined {
  const operations = inputs.operations as unknown as readonly Operation[]
  if (!isSigned(agreed, statement)) return 'what people are said to have agreed to is not what they signed'
  if (inputs.api !== statement.api) return 'its API is not the one that was agreed to'
  if (canonicalize(operations.map(statedOperation)) !== canonicalize(statement.operations))
    return 'its operations are not those that were agreed to'
  const lasting = operations.map(operation => catalog.lastingArgs(operation))
  if (
    agreed.args.length !== lasting.length ||
    agreed.args.some((args, index) => !isAsAgreed(args, lasting[index] as JsonObject, inputs))
  )
    return 'its arguments are not those that were agreed to'
  return comparedWith(agreed.probes, inputs.probe ?? []) === 'same'
    ? undefined
    : 'the API had answered otherwise when people agreed'
}

function isSigned({ salt, args, probes }: Agreed, { args_c, probes_c }: ApprovalStatement): boolean {
  const key = fromHex(salt) as Uint8Array
  const asked = probes.length === 0 ? undefined : probesCommitment(nativeCrypto, key, probes)
  return argumentsCommitment(nativeCrypto, key, args) === args_c && asked === probes_c
}

function isAsAgreed(args: JsonValue, lasting: JsonObject, inputs: DecisionInputs): boolean {
  if (canonicalize(args) === canonicalize(lasting)) return true
  const request = (args as JsonObject | null)?.[WHOLE_REQUEST]
  return (
    isRequest(request, inputs) &&
    canonicalize(args) === canonicalize({ ...lasting, [WHOLE_REQUEST]: request })
  )
}

/** Its headers are in no inputs: of them it is known what people agreed to, and not what passed. */
function isRequest(
  value: JsonValue | undefined,
  { method, target, body }: DecisionInputs,
): value is JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const { method: m, target: said, bodySha256 } = value
  return (
    m === method &&
    typeof said === 'string' &&
    said.slice(0, WHOLE_TARGET).toWellFormed() === target &&
    (body === null || bodySha256 === body)
  )
}
