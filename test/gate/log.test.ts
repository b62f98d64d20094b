import assert from 'node:assert/strict'
import { it } from 'node:test'
import { gateLogger } from '../../src/gate/index.js'

it('the gate’s log redacts headers, targets and tokens that get into it, and messages of foreign errors', () => {
  const lines: string[] = []
  const log = gateLogger('info', { write: line => void lines.push(line) })
  log.info({ headers: { authorization: 'Bearer secret-1' }, target: '/secret-2', token: 'secret-3' }, 'one')
  log.info({ request: { url: '/secret-4', rawHeaders: ['a', 'secret-5'], body: 'secret-6' } }, 'two')
  log.error({ err: new Error('connect ECONNREFUSED secret-7') }, 'three')
  assert.equal(lines.length, 3)
  assert.doesNotMatch(lines.join(''), /secret-/)
  assert.match(lines[2] as string, /"type":"Error".*"frames":\["/)
})
