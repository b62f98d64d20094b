import { CountersignError } from '../../src/canon/index.js'

/** What a target says of one input that it holds to its properties. */
export type Seen = 'accepted' | 'refused'

/**
 * One thing that reads what strangers write. `run` takes any bytes, throws where a property doesn't hold, and says otherwise
 * whether the input was accepted.
 */
export interface FuzzTarget {
  /** What is fuzzed and what has to hold, in one sentence. */
  readonly about: string
  /** What inputs are made of, beside the texts that stand in the code. */
  readonly words: readonly string[]
  /** Longest input that is tried; 4,096 unless told. */
  readonly maxBytes?: number
  run(bytes: Uint8Array): Seen | Promise<Seen>
  /** Inputs to begin with, by name: some that are accepted, some that are refused. */
  seeds(): Seeds | Promise<Seeds>
}

export type Seeds = Readonly<Record<string, Uint8Array | string>>

/** A property that didn't hold. */
export class PropertyBroken extends Error {
  override readonly name = 'PropertyBroken'
}

/** Throws unless the property holds. */
export function holds(property: boolean, what: string, ...values: readonly unknown[]): asserts property {
  if (property) return
  const shown = values.map(value => JSON.stringify(value)?.slice(0, 2_000))
  throw new PropertyBroken([what, ...shown].join('\n  '))
}

/** Two values that are the same in JSON, members in any order and prototypes aside. */
export function equal(left: unknown, right: unknown, what: string): void {
  const [one, two] = [sortedJson(left), sortedJson(right)]
  holds(one === two, what, one, two)
}

/** What a reader makes of the input; null where it refused with a code of ours. Any other error is a finding. */
export function read<T>(reader: () => T): T | null {
  return readOr(reader, () => null)
}

/** The same, with what a refusal's code becomes. */
export function readOr<T, R>(reader: () => T, refused: (code: string) => R): T | R {
  try {
    return reader()
  } catch (error) {
    if (error instanceof CountersignError) return refused(error.code)
    throw error
  }
}

/** The bytes as text, each a character. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

export function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => {
    if (typeof member !== 'object' || member === null || Array.isArray(member)) return member
    const names = Object.keys(member).sort()
    const sorted: [string, unknown][] = names.map(name => [name, (member as Record<string, unknown>)[name]])
    return Object.assign(
      Object.create(null),
      Object.fromEntries(sorted.map(([name, each]) => [`.${name}`, each])),
    )
  })
}
