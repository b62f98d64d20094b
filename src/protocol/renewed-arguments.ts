import type { JsonObject, JsonValue } from '../canon/index.js'
import { stepsOf } from './argument-rule.js'

/** Takes out of an operation's arguments what SDKs renew on every call. */
export type LastingArguments = (args: JsonObject) => JsonObject

/**
 * Prepares the paths (as in `ArgumentRule`) of arguments that SDKs fill in anew on every call, client tokens and the
 * like. What remains is the same whenever an agent repeats a call: it is what an approval is bound to.
 */
export function compileRenewed(paths: readonly string[] = []): LastingArguments {
  if (paths.length === 0) return args => args
  const renewed = paths.map(stepsOf)
  return args => renewed.reduce<JsonValue>(without, args) as JsonObject
}

function without(value: JsonValue, steps: readonly string[]): JsonValue {
  const [step, ...below] = steps
  if (step === undefined || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return step === '[]' ? value.map(item => without(item, below)) : value
  if (!Object.hasOwn(value, step)) return value
  const { [step]: inner, ...rest } = value
  return below.length === 0 ? rest : { ...rest, [step]: without(inner as JsonValue, below) }
}
