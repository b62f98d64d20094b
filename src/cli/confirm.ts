import { createInterface } from 'node:readline/promises'
import { ReadStream } from 'node:tty'
import { type Io, UsageError } from './io.js'

/** Whether the person at the terminal types yes, or another word that is asked for. Throws a UsageError where there is no terminal to ask at. */
export async function confirmed(question: string, io: Io, wanted = 'yes'): Promise<boolean> {
  const { stdin } = io
  if (!(stdin instanceof ReadStream))
    throw new UsageError(
      'there is no terminal to ask at',
      'Pass --digest with the digest that you have looked at.',
    )
  const lines = createInterface({ input: stdin, output: io.stderr })
  try {
    return (await lines.question(question)).trim().toLowerCase() === wanted
  } finally {
    lines.close()
  }
}
