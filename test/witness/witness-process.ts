import { type ChildProcess, spawn } from 'node:child_process'
import process from 'node:process'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../bin/main.js', import.meta.url))

export interface WitnessProcess {
  readonly url: string
  readonly child: ChildProcess
  /** Everything on standard error so far. */
  readonly errors: () => string
  /** As an operator stops it; answers its exit code. */
  stop(): Promise<number | null>
}

/** `countersign witness …` as a process of its own, on a port that it chooses unless told. */
export async function startWitness(
  t: TestContext,
  argv: readonly string[],
  port = 0,
): Promise<WitnessProcess> {
  const child = spawn(process.execPath, [MAIN, 'witness', ...argv, '--listen', `127.0.0.1:${port}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.after(() => child.kill('SIGKILL'))
  let errors = ''
  child.stderr.on('data', chunk => {
    errors += chunk
  })
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /listens on (\S+)/.exec(line)?.[1]
    if (url !== undefined) return { url, child, errors: () => errors, stop: () => stopped(child) }
  }
  throw new Error(`the witness did not start:\n${errors}`)
}

function stopped(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return Promise.resolve(child.exitCode)
  const gone = new Promise<number | null>(resolve => child.once('exit', resolve))
  child.kill('SIGTERM')
  return gone
}
