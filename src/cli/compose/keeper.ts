import { randomBytes, randomUUID } from 'node:crypto'
import type { JWK } from 'jose'
import { CountersignError, fromUtf8 } from '../../canon/index.js'
import {
  type CredentialBroker,
  credentialBroker,
  openVault,
  outbound,
  standardMinters,
  type Vault,
} from '../../credential/index.js'
import { type Log, loadRevocations, recordMint, recordVaultChange, startKeeper } from '../../keeper/index.js'
import { type Ledger, openLedger, type SideCipher, sideCipher } from '../../ledger/index.js'
import { nativeCrypto } from '../../native/index.js'
import { type ActivePolicy, openGrantOrder, type TrustRoot } from '../../policy/index.js'
import type { LoadedConfig } from '../config.js'
import { cliFault } from '../error-table.js'
import { finishPromotion, type Instance, readInstance, readNext } from '../instance-keys.js'
import type { Io } from '../io.js'
import { readNeeded } from '../needed-file.js'
import { packageVersion } from '../package-version.js'
import { processLog } from '../process-log.js'
import { type InstanceSigners, startInstanceSigners } from '../signer/instance-signers.js'
import { serveUntilStopped } from '../supervise.js'
import { readTrustVersions } from '../trust-files.js'
import { vaultLocation } from '../vault-location.js'
import { openKeyRing, retiringCheckpointKey, successionOf } from './key-ring.js'
import { policySource } from './policy-source.js'

/** The keeper as a process: everything secret is opened here and handed to nobody. */
export async function runKeeper(loaded: LoadedConfig, io: Io): Promise<void> {
  const log = processLog('keeper', loaded.config.log?.level ?? 'info', io.stderr)
  const signers = await startInstanceSigners(loaded, log)
  try {
    await serve(loaded, signers, log, io)
  } finally {
    // The last entries are signed by now.
    await signers.close()
  }
}

async function serve(loaded: LoadedConfig, signers: InstanceSigners, log: Log, io: Io): Promise<void> {
  const { config, path } = loaded
  const versions = readTrustVersions(loaded)
  const trust = versions.at(-1) as TrustRoot
  const start = openInstance(loaded, versions, signers)
  const vault = await openVault(vaultLocation(loaded, io.env))
  const { ledger, side } = await openInstanceLedger(loaded, start, signers)
  const instance = settleInstance(loaded, start, log)
  const revocations = await loadRevocations(ledger)
  const broker = brokerOf(loaded, vault, ledger, trust)
  const clock = { nowMs: Date.now }
  const ring = await openKeyRing(loaded, instance, signers, ledger, jti => revocations.has(jti), log)
  const keeper = await startKeeper({
    ledger,
    side,
    broker,
    revocations,
    clock,
    log,
    crypto: nativeCrypto,
    random: length => randomBytes(length),
    verifier: ring.verifier,
    issuer: ring.issuer,
    awsKeys: ring.awsKeys,
    instanceKeys: ring.instanceKeys,
    linkSocket: path(config.keeper.socket),
    adminSocket: path(config.keeper.admin),
    policySource: policySource(loaded, trust, log, () => Object.values(ring.instanceKeys.inForce())),
    openOrder: (envelope, root) =>
      openGrantOrder(envelope, {
        trust: root,
        crypto: nativeCrypto,
        origin: config.origin,
        nowMs: clock.nowMs(),
      }),
    ...(config.ledger.heartbeatSeconds === undefined
      ? {}
      : { heartbeatMs: config.ledger.heartbeatSeconds * 1_000 }),
  })
  await reapLeftovers(keeper.activation.inForce(), broker, log)
  const recordChange = recordVaultChange(ledger, vault)
  const unwatch = vault.watch(change => {
    if (change.kind === 'changed') {
      log.info({ names: change.names }, 'the vault was changed')
      recordChange(change.names).catch(error =>
        log.error({ err: error }, 'a change of the vault was not recorded'),
      )
    }
    if (change.kind === 'kept')
      log.error({ code: change.code }, 'the vault’s file can’t be used; the open one stays in use')
  })
  await serveUntilStopped(null, async () => {
    unwatch()
    ring.close()
    await keeper.stop()
  })
}

/** The keys to start with, and those that are to follow. */
interface InstanceStart {
  readonly current: Instance
  readonly next: Instance | null
}

function openInstance(
  loaded: LoadedConfig,
  versions: readonly TrustRoot[],
  signers: InstanceSigners,
): InstanceStart {
  const next = readNext(loaded, versions.at(-1) as TrustRoot, signers)
  const current = readInstance(loaded, versions, signers, next !== null)
  return { current, next: next?.envelope === current.envelope ? null : next }
}

/** The ledger is handed over: where keys were to follow, they are the ones in force, and their files take their place. */
function settleInstance(loaded: LoadedConfig, { current, next }: InstanceStart, log: Log): Instance {
  try {
    finishPromotion(loaded)
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error
    log.error({ code: error.code }, error.message)
  }
  return next ?? current
}

async function openInstanceLedger(
  loaded: LoadedConfig,
  { current, next }: InstanceStart,
  signers: InstanceSigners,
) {
  const { config, path } = loaded
  const { auditorKey, dir, highWater } = config.ledger
  const side = auditorKey === undefined ? null : await auditorCipher(path(auditorKey))
  const ledger = await openLedger({
    side,
    dir: path(dir),
    highWater: path(highWater),
    origin: config.origin,
    signer: current.keys.receipt.key,
    checkpointKey: current.keys.checkpoint.key,
    retiring: retiringCheckpointKey(loaded, current, signers),
    succession: next === null ? null : successionOf(loaded, current, next),
    crypto: nativeCrypto,
    clock: Date.now,
    boot: randomUUID(),
    software: `countersign/${packageVersion()}`,
    enrolment: fromUtf8(readNeeded(path(config.keeper.enrolment))),
  })
  return { ledger, side }
}

async function auditorCipher(file: string): Promise<SideCipher> {
  const text = readNeeded(file).toString('utf8')
  try {
    return await sideCipher(JSON.parse(text) as JWK)
  } catch {
    throw cliFault('key_unusable', `${file} is not the auditor’s public key`)
  }
}

function brokerOf(
  { config, path }: LoadedConfig,
  vault: Vault,
  ledger: Ledger,
  trust: TrustRoot,
): CredentialBroker {
  const { upstreamCa } = config.gate
  const network = outbound({
    allowPlaintextLoopback: trust.testAudiences.includes(config.audience),
    ...(upstreamCa === undefined ? {} : { ca: readNeeded(path(upstreamCa)).toString('utf8') }),
  })
  return credentialBroker({
    vault,
    minters: standardMinters(network, config.origin),
    clock: Date.now,
    onMint: recordMint(ledger),
  })
}

/** Ends the upstream tokens of an earlier run. A cloud that can't be reached now is no reason not to start. */
async function reapLeftovers(policy: ActivePolicy | null, broker: CredentialBroker, log: Log): Promise<void> {
  const orders = [...(policy?.apis.values() ?? [])].flatMap(api => {
    const spec = api.credential === null ? undefined : policy?.credentials.get(api.credential)
    if (api.credential === null || spec === undefined) return []
    const origin = api.origins.default ?? ''
    return [{ credential: api.credential, spec, origin, privateUpstream: api.privateUpstream }]
  })
  try {
    const reaped = await broker.reap(orders)
    if (reaped > 0) log.info({ reaped }, 'ended credentials that an earlier run left behind')
  } catch (error) {
    log.warn(
      { code: String((error as { code?: unknown }).code) },
      'could not look for credentials of an earlier run',
    )
  }
}
