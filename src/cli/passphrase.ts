import { ReadStream } from 'node:tty'
import { type Io, UsageError } from './io.js'

const ENTER = new Set(['\r', '\n'])
const ERASE = new Set(['\u007f', '\b'])
const INTERRUPT = new Set(['\u0003', '\u0004'])

/** Asks at the terminal without showing what is typed. Throws a UsageError where there is no terminal, or on Ctrl-C. */
export async function askPassphrase(question: string, io: Io): Promise<string> {
  const { stdin } = io
  if (!(stdin instanceof ReadStream)) {
    throw new UsageError(
      'a passphrase is needed, and there is no terminal to ask at',
      'Run it in a terminal, or pass --passphrase-file FILE, a file that only you can read (mode 0600).',
    )
  }
  io.stderr.write(question)
  stdin.setRawMode(true)
  try {
    return await readLine(stdin)
  } finally {
    stdin.setRawMode(false)
    stdin.pause()
    io.stderr.write('\n')
  }
}

function readLine(stdin: ReadStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed = ''
    const finish = (settle: () => void) => {
      stdin.off('data', onData)
      settle()
    }
    const onData = (chunk: Buffer | string) => {
      for (const letter of chunk.toString()) {
        if (ENTER.has(letter)) return finish(() => resolve(typed))
        if (INTERRUPT.has(letter))
          return finish(() => reject(new UsageError('no passphrase was given', 'Run the command again.')))
        typed = ERASE.has(letter) ? [...typed].slice(0, -1).join('') : typed + letter
      }
    }
    stdin.on('data', onData)
    stdin.resume()
  })
}
