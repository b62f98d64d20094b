/**
 * The rooms of `src/`, low floor first. A room imports rooms of lower floors only, through their `index.ts`;
 * rooms of one floor don't know each other.
 */
export const FLOORS: readonly (readonly string[])[] = [
  ['canon'],
  ['protocol'],
  ['policy'],
  ['receipt'],
  ['link', 'native'],
  ['ledger', 'credential'],
  ['keeper', 'gate', 'injector', 'witness', 'console', 'sandbox'],
  ['cli'],
]

/** Floors below this one are pure: the verifier runs them in a browser. */
export const FIRST_IMPURE_FLOOR = 4

/** The packages that a pure floor may import: computation only, no I/O. */
export const PURE_PACKAGES: readonly string[] = [
  '@marcbachmann/cel-js',
  '@noble/curves',
  '@noble/ed25519',
  '@noble/hashes',
  'cborg',
  'graphql',
  'saxes',
  'typebox',
  'yaml',
]

/** Rooms that must not know each other although their floors would let them. */
export const STRANGERS: readonly {
  readonly room: string
  readonly to: readonly string[]
  readonly because: string
}[] = [
  {
    room: 'gate',
    to: ['credential', 'ledger'],
    because: 'The gate faces the agent and holds nothing to steal.',
  },
]

/** The only room that reads the command line and the environment. */
export const COMPOSITION_ROOM = 'cli'
