import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import { describe, it, type TestContext } from 'node:test'
import { noticePlaces } from '../../src/cli/compose/notices.js'
import type { LoadedConfig } from '../../src/cli/config.js'
import type { NotifyPlace } from '../../src/cli/notify-schema.js'
import type { Notice, NoticePlace } from '../../src/keeper/index.js'

const NOTICE: Notice = {
  id: 'a-1.requested',
  type: 'approval.requested',
  t: 1_790_000_000_000,
  data: { agent: 'coder' },
}
const BODY = {
  type: 'approval.requested',
  id: 'a-1.requested',
  timestamp: '2026-09-21T14:13:20.000Z',
  data: { agent: 'coder' },
}

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-notify-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The one place of a configuration, as the keeper opens it. */
function placeOf(t: TestContext, folder: string, place: NotifyPlace, audience = 'sandbox'): NoticePlace {
  const config = { audience, keeper: { notify: [place] } }
  const loaded = { config, path: (file: string) => join(folder, file) } as unknown as LoadedConfig
  const vault = { entry: () => assert.fail('no vault here') }
  const trust = { testAudiences: ['sandbox'] }
  const [opened] = noticePlaces(loaded, { vault, trust } as unknown as Parameters<typeof noticePlaces>[1])
  assert.ok(opened !== undefined)
  t.after(() => opened.close())
  return opened
}

async function receiver(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<string> {
  const server = createServer((request, response) => {
    void text(request).then(body => answer(request, response, body))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`
}

describe('a webhook', () => {
  for (const [secret, key] of [
    ['whsec_bm90aWNlcw==', Buffer.from('notices')],
    ['a-plain-secret', Buffer.from('a-plain-secret')],
  ] as const)
    it(`is signed over id, time and body (${secret.slice(0, 5)}…)`, async t => {
      const folder = folderOf(t)
      writeFileSync(join(folder, 'secret'), secret, { mode: 0o600 })
      let got: { headers: IncomingMessage['headers']; body: string } | undefined
      const url = await receiver(t, ({ headers }, response, body) => {
        got = { headers, body }
        response.writeHead(204).end()
      })
      const place = placeOf(t, folder, { name: 'pager', webhook: { url, secret: { file: 'secret' } } })
      await place.deliver(NOTICE, AbortSignal.timeout(10_000))
      assert.ok(got !== undefined)
      assert.deepEqual(JSON.parse(got.body), BODY)
      const { 'webhook-id': id, 'webhook-timestamp': t0, 'webhook-signature': signature } = got.headers
      assert.equal(id, NOTICE.id)
      const mac = createHmac('sha256', key).update(`${id}.${t0}.${got.body}`).digest('base64')
      assert.equal(signature, `v1,${mac}`)
      assert.doesNotMatch(JSON.stringify(got), new RegExp(secret.replaceAll(/[+=]/g, '.')))
    })

  it('attack: a receiver that redirects elsewhere gets nothing sent there, and one that fails is tried again', async t => {
    const folder = folderOf(t)
    writeFileSync(join(folder, 'secret'), 'a-plain-secret', { mode: 0o600 })
    let elsewhere = 0
    const other = await receiver(t, (_request, response) => {
      elsewhere++
      response.end()
    })
    for (const status of [307, 500]) {
      const url = await receiver(t, (_request, response) =>
        response.writeHead(status, { location: other }).end(),
      )
      const place = placeOf(t, folder, { name: 'pager', webhook: { url, secret: { file: 'secret' } } })
      await assert.rejects(place.deliver(NOTICE, AbortSignal.timeout(10_000)), { code: `http_${status}` })
    }
    assert.equal(elsewhere, 0)
  })

  it('is refused in the clear for a production audience', t => {
    const webhook = { url: 'http://127.0.0.1:1/', secret: { file: 'secret' } }
    const open = () => placeOf(t, folderOf(t), { name: 'pager', webhook }, 'production')
    assert.throws(open, { code: 'notify_plaintext' })
  })
})

describe('a program that is told', () => {
  it('reads the event from its input, and nothing of the keeper’s environment', async t => {
    const folder = folderOf(t)
    const file = join(folder, 'told.json')
    process.env.COUNTERSIGN_TEST_SECRET = 'never'
    t.after(() => {
      delete process.env.COUNTERSIGN_TEST_SECRET
    })
    const script = `let s='';process.stdin.on('data',d=>{s+=d}).on('end',()=>require('fs').writeFileSync(${JSON.stringify(file)},JSON.stringify([JSON.parse(s),Object.keys(process.env),process.argv[1]])))`
    const place = placeOf(t, folder, { name: 'chat', command: [process.execPath, '-e', script, '$(id)'] })
    await place.deliver(NOTICE, AbortSignal.timeout(30_000))
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), [BODY, ['PATH'], '$(id)'])
  })

  it('is ended with its time, and its failure is a code', async t => {
    const place = (script: string) =>
      placeOf(t, folderOf(t), { name: 'chat', command: [process.execPath, '-e', script] })
    await assert.rejects(place('process.exit(3)').deliver(NOTICE, AbortSignal.timeout(30_000)), {
      code: 'hook_exit_3',
    })
    await assert.rejects(place('setInterval(()=>{},1000)').deliver(NOTICE, AbortSignal.timeout(100)), {
      code: 'ABORT_ERR',
    })
    const missing = placeOf(t, folderOf(t), { name: 'chat', command: ['/nowhere/at/all'] })
    await assert.rejects(missing.deliver(NOTICE, AbortSignal.timeout(30_000)), { code: 'ENOENT' })
    const relative = () => placeOf(t, folderOf(t), { name: 'chat', command: ['tell'] })
    assert.throws(relative, { code: 'config_malformed' })
  })
})
