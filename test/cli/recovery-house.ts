import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import type { TestContext } from 'node:test'
import {
  contentId,
  decodeEnvelope,
  encodeEnvelope,
  formatPublicKey,
  fromUtf8,
  type SigningKey,
} from '../../src/canon/index.js'
import { createKeyFile, readSigningKey } from '../../src/cli/keyfile.js'
import { trustChainText, writeTrustChain } from '../../src/cli/trust-files.js'
import { type Ledger, type OpenLedgerOptions, openLedger } from '../../src/ledger/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import {
  revokeKey,
  rotateTrustRoot,
  sealEnrolment,
  sealTrustRoot,
  type TrustRoot,
  type TrustRootChange,
  trustRootId,
} from '../../src/policy/index.js'
import { denial, prepare } from '../ledger/ledger-fixture.js'
import { countersign, type Outcome, scratch } from './command-line.js'

export const ORIGIN = 'acme.test/countersign/edge'

/** A sidecar on disk whose ledger can be lost and recovered: keys, trust root (recover: 2 of 3), enrolment, configuration. */
export interface RecoveryHouse {
  readonly path: (...parts: readonly string[]) => string
  readonly dir: string
  readonly highWater: string
  readonly pin: string
  open(changes?: Partial<OpenLedgerOptions>): Promise<Ledger>
  /** `countersign ledger …` with this configuration. */
  ledger(...argv: readonly string[]): Promise<Outcome>
  verify(...argv: readonly string[]): Promise<Outcome>
  /** Adds a version to the trust root. */
  rotate(change: (current: TrustRoot) => TrustRootChange): void
}

export async function recoveryHouse(t: TestContext): Promise<RecoveryHouse> {
  const path = await scratch(t)
  const key = (name: string): SigningKey => {
    createKeyFile(path('keys', `${name}.jwk`))
    return readSigningKey(path('keys', `${name}.jwk`))
  }
  const admin = key('admin')
  const recover = ['recover-1', 'recover-2', 'recover-3'].map(name => [name, key(name)] as const)
  const [receipt, checkpoint, grant] = ['receipt', 'checkpoint', 'grant'].map(key) as [
    SigningKey,
    SigningKey,
    SigningKey,
  ]
  const role = { keys: ['admin'], threshold: 1 }
  const root: TrustRoot = {
    v: 1,
    version: 1,
    previous: null,
    keys: {
      admin: formatPublicKey(admin.publicKey),
      ...Object.fromEntries(recover.map(([name, { publicKey }]) => [name, formatPublicKey(publicKey)])),
    },
    roles: {
      root: role,
      policy: role,
      enrol: role,
      operate: role,
      recover: { keys: recover.map(([name]) => name), threshold: 2 },
    },
    revoked: { keys: [], ids: [] },
    minPolicyVersion: 0,
    testAudiences: [],
  }
  const chain = [sealTrustRoot(root, [admin])]
  let newest = root
  const pin = trustRootId(root, nativeCrypto)
  const enrolment = encodeEnvelope(
    sealEnrolment(
      {
        v: 1,
        origin: ORIGIN,
        keys: {
          receipt: formatPublicKey(receipt.publicKey),
          checkpoint: formatPublicKey(checkpoint.publicKey),
          grant: formatPublicKey(grant.publicKey),
        },
        notBefore: '2026-01-01T00:00:00Z',
        notAfter: '2099-01-01T00:00:00Z',
      },
      [admin],
    ),
  )
  await mkdir(path('mark'), { recursive: true })
  await writeFile(path('enrolment.json'), enrolment)
  writeTrustChain(path('root.json'), chain)
  const config = path('countersign.yaml')
  await writeFile(
    config,
    `apiVersion: countersign.dev/v1
kind: Sidecar
origin: ${ORIGIN}
audience: staging
trust: { root: root.json, pin: "${pin}" }
policy: { file: policy.sealed.json }
gate: { listen: "127.0.0.1:0" }
keeper: { socket: run/keeper.sock, admin: admin/admin.sock, keys: keys, enrolment: enrolment.json }
ledger: { dir: ledger, highWater: mark/high-water.json }
vault: { file: vault.jwe, key: { file: vault.key } }
`,
  )
  return {
    path,
    dir: path('ledger'),
    highWater: path('mark', 'high-water.json'),
    pin,
    open: changes =>
      openLedger({
        dir: path('ledger'),
        highWater: path('mark', 'high-water.json'),
        origin: ORIGIN,
        signer: receipt,
        checkpointKey: checkpoint,
        crypto: nativeCrypto,
        clock: Date.now,
        boot: randomUUID(),
        software: 'countersign/test',
        enrolment: fromUtf8(enrolment),
        side: null,
        ...changes,
      }),
    ledger: (...argv) => countersign('ledger', ...argv, '--config', config),
    verify: (...argv) => countersign('receipts', 'verify', ...argv, '--config', config),
    rotate: change => {
      newest = rotateTrustRoot(newest, change(newest), nativeCrypto)
      chain.push(sealTrustRoot(newest, [admin]))
      writeFileSync(path('root.json'), trustChainText(chain))
    },
  }
}

/** For `rotate`: takes a key out of every role, for good. */
export function revoking(name: string): (current: TrustRoot) => TrustRootChange {
  return current => revokeKey(current, name)
}

/** A ledger that lost its last `lost` entries to an older snapshot. */
export async function rolledBack(t: TestContext, lost = 17): Promise<RecoveryHouse> {
  const house = await recoveryHouse(t)
  const first = await house.open()
  await prepare(first)
  await first.close()
  await cp(house.dir, `${house.dir}-old`, { recursive: true })
  const second = await house.open()
  for (let i = 0; i < lost - 2; i++) await second.append(denial())
  await second.close()
  await rm(house.dir, { recursive: true })
  await cp(`${house.dir}-old`, house.dir, { recursive: true })
  return house
}

export const BECAUSE = 'the volume was restored from Sunday’s snapshot'

export async function prepared(house: RecoveryHouse, ...more: readonly string[]): Promise<string> {
  const file = house.path('lost.json')
  const said = await house.ledger('recover', '--prepare', file, '--because', BECAUSE, ...more)
  assert.equal(said.code, 0, said.out + said.err)
  return file
}

export async function signed(house: RecoveryHouse, file: string, ...names: readonly string[]): Promise<void> {
  const id = contentId(nativeCrypto, decodeEnvelope(await readFile(file)).payload)
  for (const name of names) {
    const key = house.path('keys', `${name}.jwk`)
    const said = await house.ledger('recover', '--sign', file, '--key', key, '--id', id)
    assert.equal(said.code, 0, said.out + said.err)
  }
}

/** Prepared, signed by two and applied. */
export async function recovered(house: RecoveryHouse, ...more: readonly string[]): Promise<string> {
  const file = await prepared(house, ...more)
  await signed(house, file, 'recover-1', 'recover-3')
  const said = await house.ledger('recover', '--apply', file, ...more)
  assert.equal(said.code, 0, said.out + said.err)
  return file
}
