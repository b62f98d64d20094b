import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openReceipts } from '../../src/cli/receipt-source.js'
import { decodeEntry } from '../../src/receipt/index.js'
import { attacks, bytesOf } from '../attacks/corpus.js'
import { exchangeRaw } from '../gate/raw-http.js'
import { Shared } from '../lasting.js'
import { type Sidecar, startSidecar } from './supervised-sidecar.js'

/**
 * Every attack of the corpus against a sidecar of real processes whose policy allows all that it understands and that
 * doesn't destroy: what gets through was misread. Whatever comes, the upstream's socket stays closed, the refusal is in the
 * ledger, and no secret is in an answer.
 */
const FAMILIES = [
  'framing',
  'bodies',
  'targets',
  'headers',
  'grants',
  'body-readings',
  'graphql',
  'stripe',
  'aws',
]
const shared = new Shared()
let connections = 0
let refusals = 0
let secrets: readonly string[]
let upstream: Server
let sidecar: Sidecar
let fillings: Readonly<Record<string, string>>

before(async () => {
  upstream = createServer((request, response) => {
    request.resume()
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}')
  })
  upstream.on('connection', () => {
    connections++
  })
  await new Promise<void>(resolve => upstream.listen(0, '127.0.0.1', resolve))
  const billing = `127.0.0.1:${(upstream.address() as AddressInfo).port}`
  sidecar = await startSidecar(shared, { policy: policyBefore(`http://${billing}`), billing })
  secrets = Object.values(
    JSON.parse(readFileSync(join(sidecar.folder, 'sandbox', 'secrets.json'), 'utf8')) as Record<
      string,
      string
    >,
  )
  assert.ok(secrets.length > 2)
  const grant = await sidecar.grant()
  const keys = await sidecar.order({ slot: 'aws-sigv4' })
  const now = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '')
  fillings = {
    BEARER: `Authorization: Bearer ${grant}`,
    GRANT: grant,
    GRANT_UNSIGNED: grant.split('.').slice(0, 2).join('.'),
    AWS_GRANT: keys.token,
    JTI: keys.jti,
    AMZ_DATE: now,
    AMZ_DAY: now.slice(0, 8),
  }
})
after(async () => {
  await shared.end()
  upstream?.closeAllConnections()
  upstream?.close()
})

for (const family of FAMILIES) {
  describe(`attacks on the whole sidecar: ${family}`, () => {
    for (const attack of attacks(family)) {
      it(`${attack.name} reaches no upstream`, async () => {
        const answer = await exchangeRaw(sidecar.url, bytesOf(attack, fillings))
        assert.equal(connections, 0, 'a byte went upstream')
        assert.equal(answer.status, attack.status, answer.body)
        for (const secret of secrets)
          assert.ok(!answer.head.includes(secret) && !answer.body.includes(secret))
        if (attack.code === null) return
        refusals++
        assert.match(
          answer.head,
          new RegExp(`^Countersign-Decision: effect=(deny|fault), code=${attack.code}\\r?$`, 'm'),
        )
      })
    }
  })
}

it('a call that is no attack passes, and each refusal is in the ledger, by itself or counted', async () => {
  const good = `GET /billing/invoices HTTP/1.1\r\nHost: gate.test\r\n${fillings.BEARER}\r\nConnection: close\r\n\r\n`
  const answer = await exchangeRaw(sidecar.url, Buffer.from(good))
  assert.equal(answer.status, 200, answer.body)
  assert.equal(connections, 1)
  assert.equal(await sidecar.stop(), 0)
  const source = await openReceipts(
    sidecar.loaded.path(sidecar.loaded.config.ledger.dir),
    sidecar.loaded.file,
  )
  const effects = { allow: 0, deny: 0, hold: 0 }
  let counted = 0
  for await (const bytes of source.entries(0)) {
    const entry = decodeEntry(bytes)
    if (entry.type === 'attempt') effects[entry.decision.effect]++
    if (entry.type === 'suppressed') counted += Number((entry.data as { count: number }).count)
  }
  await source.close()
  // Bytes that break off as a request may be recorded too.
  assert.deepEqual({ allow: effects.allow, hold: effects.hold }, { allow: 1, hold: 0 })
  assert.ok(effects.deny + counted >= refusals, `${effects.deny + counted} of ${refusals}`)
})

/** All that is understood is allowed, but what can't be undone. */
function policyBefore(origin: string): string {
  return `apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: attacked, version: 1, expires: 2099-01-01T00:00:00Z, audience: [sandbox] }
apis:
  billing:
    upstream: ${origin}
    credential: billing
    routes:
      - { route: "GET /invoices", class: read }
      - { route: "GET /invoices/{id}", class: read }
      - { route: "POST /invoices", class: create }
      - { route: "POST /invoices/{id}/void", class: irreversible }
      - { route: "DELETE /invoices/{id}", class: irreversible }
      - { route: "POST /forms", class: create, body: [form] }
      - { route: "POST /attachments", class: create, body: [multipart] }
      - { route: "PUT /blobs/{id}", class: update, body: stream }
  railway: { catalog: railway, upstream: "${origin}", credential: billing }
  stripe: { catalog: stripe, upstream: "${origin}", credential: billing }
  aws:
    catalog: aws
    services: [ec2, dynamodb, s3]
    regions: [eu-west-1]
    credential: aws
    insecureTestEndpoints: { "*": "${origin}" }
credentials:
  billing: { minter: jwt, audience: "https://billing.internal" }
  aws: { minter: aws-sts, role: "arn:aws:iam::111122223333:role/agents", region: eu-west-1, insecureTestEndpoint: "${origin}" }
agents:
  coder: { environment: staging, identity: [{ grant: true }] }
rules:
  - { id: all, allow: { api: "*", class: [read, create, update] }, to: coder }
`
}
