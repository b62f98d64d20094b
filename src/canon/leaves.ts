import type { JsonValue } from './json.js'

/** A value that holds no other: a scalar, or a list or an object with nothing in it. */
export interface Leaf {
  /** How it is reached from the root: `input.tags[0].name`, `["two words"]`; empty for the root itself. */
  readonly path: string
  readonly value: JsonValue
}

/** Every leaf of a value in the order of its text, so that whoever lists them has left nothing out. */
export function* leavesOf(value: JsonValue, path = ''): Generator<Leaf> {
  if (typeof value !== 'object' || value === null) return yield { path, value }
  const members = Array.isArray(value)
    ? value.map((each, index) => [`[${index}]`, each] as const)
    : Object.entries(value).map(([name, each]) => [stepTo(name, path), each ?? null] as const)
  if (members.length === 0) yield { path, value }
  for (const [step, member] of members) yield* leavesOf(member, path + step)
}

/** ATTACK: a member whose name looks like a path, so that it is taken for another one. */
function stepTo(name: string, before: string): string {
  if (!/^[A-Za-z_$][\w$-]*$/.test(name)) return `[${JSON.stringify(name)}]`
  return before === '' ? name : `.${name}`
}
