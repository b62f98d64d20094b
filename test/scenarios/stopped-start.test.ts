import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import process from 'node:process'
import { describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { invoicesPolicy, startInvoices } from './invoices.js'
import { eventually, prepareSidecar } from './supervised-sidecar.js'

const [MAIN, ROLE] = ['main.js', 'role-main.js'].map(name =>
  fileURLToPath(new URL(`../../bin/${name}`, import.meta.url)),
) as [string, string]

async function configuration(t: TestContext): Promise<string> {
  const invoices = await startInvoices(t)
  const setup = { policy: invoicesPolicy(invoices.address), billing: invoices.address }
  return (await prepareSidecar(t, setup)).loaded.file
}

function childrenOf(pid: number | undefined): readonly string[] {
  const file = `/proc/${pid}/task/${pid}/children`
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split(' ').filter(Boolean) : []
}

describe('a sidecar that is stopped while it starts', () => {
  for (const begun of [1, 2]) {
    it(`ends in order, and leaves none of its processes: ${begun} begun`, async t => {
      const config = await configuration(t)
      const child = spawn(process.execPath, [MAIN, 'run', '--config', config], { stdio: 'ignore' })
      const pids = await eventually('its processes', () => {
        const found = childrenOf(child.pid)
        return found.length === begun ? found : undefined
      })
      t.after(() => {
        for (const pid of pids) if (existsSync(`/proc/${pid}`)) process.kill(Number(pid), 'SIGKILL')
      })
      child.kill('SIGTERM')
      assert.deepEqual(await once(child, 'exit'), [0, null])
      assert.deepEqual(
        pids.filter(pid => existsSync(`/proc/${pid}`)),
        [],
      )
    })
  }

  const gate = (config: string): ChildProcess =>
    spawn(process.execPath, [ROLE, '--config', config, '--role', 'gate'], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })

  it('has no gate that waits for ever for a keeper whose supervisor is gone', async t => {
    const waiting = gate(await configuration(t))
    t.after(() => void waiting.kill('SIGKILL'))
    await once(waiting, 'spawn')
    waiting.disconnect()
    assert.deepEqual(await once(waiting, 'exit'), [0, null])
  })
})
