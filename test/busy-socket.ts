import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import process from 'node:process'
import type { TestContext } from 'node:test'

/** Another process listens there, and is too busy to take connections: as many wait as may. */
export async function holdSocket(t: TestContext, path: string): Promise<void> {
  const script = `
    require('node:net').createServer().listen({ path: process.argv[1], backlog: 1 }, () => {
      require('node:fs').writeSync(1, 'listening')
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    })`
  const busy: ChildProcess = spawn(process.execPath, ['-e', script, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => void busy.kill('SIGKILL'))
  await once(busy.stdout as NonNullable<typeof busy.stdout>, 'data')
  for (let refused = false; !refused; ) {
    const waiting = connect(path)
    t.after(() => void waiting.destroy())
    refused = await new Promise(resolve => {
      waiting.once('connect', () => resolve(false)).once('error', () => resolve(true))
    })
  }
}
