import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { encodeEnvelope, formatPublicKey, parseStrictJson, type SigningKey } from '../../src/canon/index.js'
import {
  type CredentialBroker,
  credentialBroker,
  type Outbound,
  outbound,
  standardMinters,
} from '../../src/credential/index.js'
import { type ProbeBounds, recordMint, type ShownApproval } from '../../src/keeper/index.js'
import type { Ledger } from '../../src/ledger/index.js'
import { type ApprovalStatement, sealCountersignature } from '../../src/policy/index.js'
import type { CatalogDocument } from '../../src/protocol/index.js'
import { RAILWAY_IDS, type Sandbox, startSandbox } from '../../src/sandbox/index.js'
import { vaultOf } from '../credential/scope.js'
import { LONG_TERM } from '../sandbox/aws-account.js'
import { type Asked, House, ORIGIN, openedPolicy, signingKey } from './keeper-fixture.js'

export const maria = signingKey(Buffer.alloc(32, 7))
export const VIEWER = 'viewer-token-of-a-member'
export const WRITER = 'account-token-of-an-owner'

const railwayCatalog = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', '..', '..', 'config', 'catalogs', 'railway.json'), 'utf8'),
) as CatalogDocument

/** A policy over the stand-in whose rules ask it first. */
export function askingPolicy(url: string, rules: string, version = 1) {
  return openedPolicy(
    `
apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: asks-first, version: ${version}, expires: 2099-01-01T00:00:00Z, audience: [staging] }
apis:
  railway:
    catalog: railway
    upstream: ${url}
    credential: railway
    probes: { credential: viewer, given: { project: ${RAILWAY_IDS.project} } }
credentials:
  railway: { minter: static }
  viewer: { minter: static }
agents:
  coder: { environment: staging, facts: { railwayEnvironment: ${RAILWAY_IDS.staging} } }
  other: { environment: staging, facts: { railwayEnvironment: ${RAILWAY_IDS.staging} } }
approvers:
  platform: { keys: { maria: "${formatPublicKey(maria.publicKey)}" }, threshold: 1, expires: 30m }
rules:
${rules}
`,
    new Map([['railway', railwayCatalog]]),
  )
}

/** A keeper with the real way out, a stand-in cloud, and calls of an agent that holds a grant. */
export interface AskedCloud {
  readonly house: House
  readonly ledger: Ledger
  readonly cloud: Sandbox
  /** Bodies that were sent to the cloud by way of the keeper. */
  readonly sent: readonly string[]
  stop(): Promise<void>
  /** Asks for `volumeDelete`, or another operation with other arguments. */
  ask(change?: { readonly name?: string; readonly args?: object; readonly agent?: string }): Promise<Asked>
  waiting(): Promise<readonly ShownApproval[]>
  approve(
    id: string,
    key?: SigningKey,
  ): Promise<{ readonly status: number; readonly code: string | undefined }>
}

export interface CloudChoices {
  readonly rules: string
  readonly bounds?: ProbeBounds
  /** Stands between the keeper and the network. */
  readonly network?: (real: Outbound) => Pick<Outbound, 'send'>
  readonly viewer?: string
  /** Stands between the keeper and what it mints with. */
  readonly broker?: (real: CredentialBroker) => CredentialBroker
  /** Stands between the keeper and its ledger. */
  readonly ledger?: (real: Ledger) => Ledger
}

export async function askedCloud(t: TestContext, choices: CloudChoices): Promise<AskedCloud> {
  const cloud = await startSandbox({
    listen: { railway: '127.0.0.1:0', stripe: '127.0.0.1:0', billing: '127.0.0.1:0' },
    railwayToken: WRITER,
    railwayViewer: VIEWER,
    stripeKeys: [],
    billing: { audience: 'https://billing.example', jwks: { keys: [] } },
    aws: { ...LONG_TERM, listen: '127.0.0.1:0' },
  })
  const { url } = cloud.railway
  const real = outbound({ allowPlaintextLoopback: true })
  t.after(async () => {
    await real.close()
    await cloud.close()
  })
  const sent: string[] = []
  const recording: Outbound = {
    ...real,
    send: call => {
      sent.push(call.body ?? '')
      return real.send(call)
    },
  }
  const house = await House.build(t)
  house.shelf.next = askingPolicy(url, choices.rules)
  const realLedger = await house.openLedger()
  const held = [
    { name: 'railway', material: { secret: WRITER } },
    { name: 'viewer', material: { secret: choices.viewer ?? VIEWER } },
  ].map(each => vaultOf({ ...each, kind: 'static', origins: [url], environment: 'staging' }))
  const broker = credentialBroker({
    vault: { entry: name => held.map(each => each.entry(name)).find(each => each !== undefined) },
    minters: standardMinters(real, ORIGIN),
    clock: house.clock.nowMs,
    onMint: recordMint(realLedger),
  })
  const ledger = choices.ledger?.(realLedger) ?? realLedger
  const { keeper } = await house.start({
    ledger,
    broker: choices.broker?.(broker) ?? broker,
    network: choices.network?.(recording) ?? recording,
    ...(choices.bounds === undefined ? {} : { probeBounds: choices.bounds }),
  })
  const link = await house.connect()
  const waiting = () => house.waiting()
  return {
    house,
    ledger,
    cloud,
    sent,
    stop: async () => {
      await link.close()
      await keeper.stop()
    },
    waiting,
    ask: async ({ name = 'volumeDelete', args = { volumeId: RAILWAY_IDS.volume }, agent = 'coder' } = {}) =>
      house.ask(link, {
        api: 'railway',
        method: 'POST',
        target: '/graphql/v2',
        classifier: 'graphql/1',
        body: { kind: 'inspected', sha256: '00'.repeat(32), lengthBytes: 10 },
        finding: { kind: 'operations', operations: [{ name, args: args as never }] },
        presented: { slot: 'bearer', token: await house.token(agent, 'staging', 'anna@acme.test') },
      }),
    approve: async (id, key = maria) => {
      const statement = (await waiting()).find(each => each.id === id)?.statement as ApprovalStatement
      const sealed = sealCountersignature(
        { v: 1, verdict: 'approve', statement, t: house.clock.nowMs() },
        key,
      )
      const { status, body } = await house.admin('POST', `/v1/approvals/${id}/countersignatures`, {
        countersignature: parseStrictJson(encodeEnvelope(sealed)),
      })
      return { status, code: body.code as string | undefined }
    },
  }
}

/** Takes the volume away from an environment, as somebody in the dashboard would. */
export function unmount({ railway }: Sandbox, environmentId: string): void {
  const volume = railway.world.volumes.get(RAILWAY_IDS.volume)
  const index = volume?.instances.findIndex(each => each.environmentId === environmentId) ?? -1
  if (index >= 0) volume?.instances.splice(index, 1)
}
