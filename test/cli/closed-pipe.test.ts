import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

test('a reader that closes the pipe ends a command quietly', async () => {
  const main = fileURLToPath(new URL('../../bin/main.js', import.meta.url))
  // More than a pipe holds, so that there is something left to write.
  const child = spawn(process.execPath, [main, 'policy', 'schema'], { stdio: ['ignore', 'pipe', 'pipe'] })
  const said = text(child.stderr)
  child.stdout.destroy()
  const [code] = (await once(child, 'exit')) as [number | null]
  assert.deepEqual([code, await said], [141, ''])
})
