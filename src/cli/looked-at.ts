import { ReadStream } from 'node:tty'
import { confirmed } from './confirm.js'
import { visible } from './entry-text.js'
import { AnswerNo, type Io, printLine, UsageError } from './io.js'

/** What goes from holder to holder until enough have signed it. */
export interface Handed {
  /** What it is, after `the`: `policy`. */
  readonly what: string
  /** Content id of what would be signed. */
  readonly id: string
  /** What it says, for people, its id included. */
  readonly lines: readonly string[]
}

export interface LookFlags {
  /** The id that a holder was told of, or has looked at. */
  readonly id?: string
  readonly json?: boolean
}

export const ID_WORDS = 'sign it if this is its id; asked for at the terminal otherwise'

/**
 * Shows what is about to be signed, and returns where the holder has named its id or says yes.
 *
 * ATTACK: whoever passes it from one holder to the next, or can write where it lies, puts another one in its place after
 * it was looked at. Nobody signs what nobody has looked at.
 */
export async function requireLookedAt(
  { what, id, lines }: Handed,
  { id: compared, json }: LookFlags,
  io: Io,
): Promise<void> {
  // ATTACK: a name that ends its line, and goes on with what the holder was told to see.
  if (json !== true) for (const line of lines) printLine(io, visible(line))
  if (compared === id) return
  if (compared !== undefined)
    throw new UsageError(
      `the ${what} is ${id}`,
      'It is not the one that you were told of. Ask where it came from.',
    )
  // With --json nothing was shown that somebody could say yes to.
  if (json === true || !(io.stdin instanceof ReadStream))
    throw new UsageError(
      'there is no terminal to ask at',
      'Compare what it says and its id with what the first holder says, and pass the id as --id.',
    )
  if (!(await confirmed('Sign this? Type yes: ', io))) throw new AnswerNo()
}
