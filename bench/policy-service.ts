import { createHash, timingSafeEqual } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import process from 'node:process'

/**
 * What nginx's `auth_request` asks: may this method on this path pass, for this token? The answer is written to a log
 * file, unsigned, and not waited for. It sees no body, since nginx sends none.
 */
const [log, token] = process.argv.slice(2) as [string, string]
const RULES: readonly (readonly [method: string, path: RegExp])[] = [
  ['GET', /^\/invoices\/[\w-]+$/],
  ['GET', /^\/exports\/[\w-]+$/],
  ['POST', /^\/imports\/[\w-]+$/],
  ['POST', /^\/v1\/customers\/[\w-]+$/],
  ['POST', /^\/graphql\/v2$/],
  ['POST', /^\/$/],
]

const decisions = createWriteStream(log)
const expected = digest(`Bearer ${token}`)
const server = createServer((request, response) => {
  const method = String(request.headers['x-original-method'])
  const path = String(request.headers['x-original-uri']).split('?')[0] ?? ''
  const known = timingSafeEqual(digest(request.headers.authorization ?? ''), expected)
  const allowed = known && RULES.some(([m, p]) => m === method && p.test(path))
  decisions.write(`${JSON.stringify({ t: Date.now(), method, path, allowed })}\n`)
  response.writeHead(allowed ? 204 : 403).end()
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.once('disconnect', () => process.exit(0))

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
