import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { exportJWK, generateKeyPair } from 'jose'
import { encodeEnvelope, type JsonObject, parseStrictJson, type SigningKey } from '../../src/canon/index.js'
import { type Ledger, sideCipher } from '../../src/ledger/index.js'
import { sealCountersignature } from '../../src/policy/index.js'
import { House, openedPolicy } from '../keeper/keeper-fixture.js'

/** The API of the recorded log; agents, rules and the rest are a test's own. */
export function shopPolicy(parts: {
  readonly agents?: string
  readonly rules: string
  readonly version?: number
}): string {
  return `apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: acme, version: ${parts.version ?? 1}, expires: 2099-01-01T00:00:00Z, audience: [staging] }
apis:
  billing:
    upstream: https://billing.acme.test
    credential: billing
    routes:
      - { route: "GET /invoices/{invoice}", class: read }
      - { route: "POST /invoices/{invoice}/remind", class: update, args: { note: string, amount: int } }
      - { route: "POST /invoices/{invoice}/void", class: irreversible }
      - { route: "GET /files/{path+}", class: read }
credentials:
  billing: { minter: jwt, audience: https://billing.acme.test }
agents:
${parts.agents ?? '  coder: { environment: staging }'}
rules:
${parts.rules}
`
}

/** `mode: observe` for an hour from now. */
export const OBSERVER = `  coder: { environment: staging, mode: observe, until: "${new Date(Date.now() + 3_600_000).toISOString()}" }`

export interface Call {
  readonly name: string
  readonly args: JsonObject
  readonly agent?: string
  /** Signs for it when it is held; it is asked for once more then. */
  readonly approver?: SigningKey
}

export interface RecordedLog {
  /** Ledger folder of a keeper that has stopped. */
  readonly ledger: string
  /** File with the auditor's private key. */
  readonly key: string
  /** Receipt of each call, in order. */
  readonly seqs: readonly number[]
}

/** Lets a real keeper decide the calls under a policy, keeping the decision inputs, and stops it. */
export async function recordLog(
  t: TestContext,
  policy: string,
  calls: readonly Call[],
  keyFile: (name: string) => Promise<string> | string,
  writeKey: (file: string, text: string) => void,
): Promise<RecordedLog> {
  const { publicKey, privateKey } = await generateKeyPair('ECDH-ES', { crv: 'X25519', extractable: true })
  const side = await sideCipher(await exportJWK(publicKey))
  const key = await keyFile('auditor.jwk')
  writeKey(key, JSON.stringify(await exportJWK(privateKey)))
  const house = await House.build(t)
  house.shelf.next = openedPolicy(policy)
  const ledger: Ledger = await house.openLedger({ side })
  const { keeper } = await house.start({ ledger, side })
  const client = await house.connect()
  const seqs: number[] = []
  for (const { name, args, agent, approver } of calls) {
    const [method, template] = name.split(' ') as [string, string]
    const target = template.replace(/\{(\w+)\+?\}/g, (_, member: string) => encodeURI(String(args[member])))
    const presented =
      agent === undefined ? {} : { presented: { slot: 'bearer', token: await house.token(agent) } as const }
    const finding = { kind: 'operations', operations: [{ name, args }] } as const
    const ask = async () =>
      seqs.push((await house.ask(client, { method, target, finding, ...presented })).seq ?? -1)
    await ask()
    if (approver === undefined) continue
    await approveAll(house, approver)
    await ask()
  }
  await keeper.stop()
  return { ledger: join(house.folder, 'ledger'), key, seqs }
}

async function approveAll(house: House, approver: SigningKey): Promise<void> {
  for (const { id, statement } of await house.waiting()) {
    const word = { v: 1, verdict: 'approve', statement, t: house.clock.nowMs() } as const
    const countersignature = parseStrictJson(encodeEnvelope(sealCountersignature(word, approver)))
    await house.admin('POST', `/v1/approvals/${id}/countersignatures`, { countersignature })
  }
}

export function readText(file: string): string {
  return readFileSync(file, 'utf8')
}
