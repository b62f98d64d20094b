import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connectAdmin } from '../../src/cli/admin-client.js'

/** Something that answers where a keeper should. */
async function answering(t: TestContext, answer: (response: ServerResponse) => void) {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-admin-'))
  const socket = join(folder, 'admin.sock')
  const server = createServer((_, response) => answer(response))
  await new Promise<void>(resolve => server.listen(socket, resolve))
  const admin = connectAdmin(socket)
  t.after(async () => {
    await admin.close()
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
    rmSync(folder, { recursive: true })
  })
  return admin
}

test('an answer of the keeper is read whole', async t => {
  const admin = await answering(t, response => response.end(`{"text":"${'ä'.repeat(100_000)}"}`))
  assert.equal((await admin.get<{ text: string }>('/v1/status')).text.length, 100_000)
})

test('attack: what answers in the keeper’s place goes on answering without an end', async t => {
  let sent = 0
  const admin = await answering(t, response => {
    const part = Buffer.alloc(1_048_576, ' ')
    const more = (): void => {
      while (!response.destroyed && response.write(part)) sent++
    }
    response.on('drain', more)
    more()
  })
  await assert.rejects(admin.get('/v1/approvals'), /the keeper’s answer is longer than 32 MiB/)
  assert.ok(sent < 64, `${sent} MiB were taken`)
})
