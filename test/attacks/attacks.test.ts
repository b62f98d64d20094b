import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { type ARunningGate, aGate, BEARER } from '../gate/a-gate.js'
import { exchangeRaw } from '../gate/raw-http.js'
import { attacks, bytesOf } from './corpus.js'

let running: ARunningGate
before(async () => {
  running = await aGate()
})
after(() => running.close())
beforeEach(() => {
  running.keeper.admitted.length = 0
  running.upstream.received.length = 0
})

it('a name that the link can’t carry is refused, and the keeper never sees it', async () => {
  const body = `${'k'.repeat(65_537)}=1`
  const head = `POST /billing/forms HTTP/1.1\r\nHost: gate.test\r\n${BEARER}\r\nContent-Type: application/x-www-form-urlencoded`
  const bytes = Buffer.from(`${head}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`)
  const answer = await exchangeRaw(running.url, bytes)
  assert.equal(answer.status, 413, answer.body)
  assert.equal(running.upstream.received.length, 0)
  const [refused] = running.keeper.admitted.slice(-1)
  assert.deepEqual(refused?.finding, { kind: 'refused', code: 'arguments_too_complex' })
})

for (const family of ['framing', 'bodies']) {
  describe(`attacks, byte for byte: ${family}`, () => {
    for (const attack of attacks(family)) {
      const { name, status, code } = attack
      it(`${name} reaches no upstream`, async () => {
        const answer = await exchangeRaw(running.url, bytesOf(attack, { BEARER }))
        assert.equal(answer.status, status, answer.body)
        assert.equal(running.upstream.received.length, 0)
        const findings = running.keeper.admitted.map(({ finding }) => finding)
        assert.ok(findings.every(({ kind }) => kind === 'refused'))
        if (code === null) return
        assert.deepEqual(findings.at(-1), { kind: 'refused', code })
        assert.equal((JSON.parse(answer.body) as { code: string }).code, code)
      })
    }
  })
}
