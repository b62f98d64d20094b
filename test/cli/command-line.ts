import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { runCommandLine } from '../../src/cli/program.js'

export interface Outcome {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs one command line in this process; nothing on its standard input, no environment. */
export async function countersign(...argv: readonly string[]): Promise<Outcome> {
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const written = Promise.all([text(stdout), text(stderr)])
  const code = await runCommandLine(argv, {
    stdin: Readable.from([]),
    stdout,
    stderr,
    env: {},
    cwd: tmpdir(),
  })
  stdout.end()
  stderr.end()
  const [out, err] = await written
  return { code, out, err }
}

/** A folder that is gone after the test; answers paths within it. */
export async function scratch(context: TestContext): Promise<(...parts: readonly string[]) => string> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-cli-'))
  context.after(() => rm(folder, { recursive: true, force: true }))
  return (...parts) => join(folder, ...parts)
}
