import { chmodSync, existsSync, lchownSync, lstatSync, readdirSync, statSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import process from 'node:process'
import type { CountersignError } from '../canon/index.js'
import { witnessedBeside } from '../ledger/index.js'
import { makeFolderSync } from '../native/index.js'
import { INSTANCE_ROLES, type InstanceRole } from '../policy/index.js'
import { foldersTo, obstacleTo, obstacleToMaking, permits } from './access.js'
import type { LoadedConfig } from './config.js'
import { cliFault } from './error-table.js'
import { policyLocation } from './policy-location.js'
import { ROLE_PROGRAM } from './role.js'
import type { Separation } from './separation.js'
import type { Identity } from './users.js'

/**
 * Makes the folders of a sidecar and sees to it that each process can use its own files and none of the other's.
 * What root made (`init`, `vault put`) is handed to the keeper's user; folders beside the configuration are opened
 * for the shared group to pass through. Nothing else is changed: a file that is out of a process's reach all the
 * same is `file_unreachable`, which names the file and the user.
 */
export function prepareFiles(loaded: LoadedConfig, separation: Separation): void {
  const { keeper, gate } = separation
  const meeting = dirname(loaded.path(loaded.config.keeper.socket))
  // The one folder where the two meet. The ledger, the mark and all secrets are the keeper's alone.
  makeFolder(loaded, meeting, 0o750, keeper)
  for (const folder of keeperFolders(loaded)) makeFolder(loaded, folder, 0o700, keeper)
  makeGateFolder(loaded, meeting, gate)
  if (keeper === null || gate === null) return
  for (const file of keeperFiles(loaded)) giveTo(file, keeper)
  giveWhole(loaded.path(loaded.config.ledger.dir), keeper)
  letThrough(loaded, keeper.gid)
  refuseObstacles(loaded, { keeper, gate })
}

function keeperFolders(loaded: LoadedConfig): string[] {
  const { config, path } = loaded
  const policy = policyLocation(loaded)
  return [
    // The keeper moves its own keys there when they are replaced.
    path(config.keeper.keys),
    path(config.ledger.dir),
    dirname(path(config.ledger.highWater)),
    ...(policy.kind === 'url' ? [policy.cache] : []),
  ]
}

/** Files that the keeper only reads to know what is allowed. */
function policyNeeds(loaded: LoadedConfig): string[] {
  const policy = policyLocation(loaded)
  if (policy.kind === 'file') return [policy.file]
  return policy.ca === null ? [] : [policy.ca]
}

/** What only the keeper may read. */
function keeperFiles({ config, path }: LoadedConfig): string[] {
  const { keeper, vault, ledger } = config
  return [
    ...['receipt', 'checkpoint', 'grant'].map(name => path(`${keeper.keys}/${name}.jwk`)),
    path(keeper.enrolment),
    ...(keeper.remote === undefined ? [] : [path(keeper.remote.key)]),
    ...('file' in vault.key ? [path(vault.key.file)] : []),
    path(vault.file),
    path(ledger.highWater),
    witnessedBeside(path(ledger.highWater)),
    ...shipSecrets({ config, path }),
  ]
}

function shipSecrets({ config, path }: Pick<LoadedConfig, 'config' | 'path'>): string[] {
  return (config.ledger.ship ?? []).flatMap(place =>
    'credential' in place && 'file' in place.credential ? [path(place.credential.file)] : [],
  )
}

/** A folder that the operator made elsewhere stays as it is. */
function makeFolder(loaded: LoadedConfig, folder: string, mode: number, owner: Identity | null): void {
  const found = statSync(folder, { throwIfNoEntry: false })
  if (
    found !== undefined &&
    !(isBeside(loaded, folder) && [process.getuid?.(), owner?.uid].includes(found.uid))
  )
    return
  makeFolderSync(folder, mode)
  chmodSync(folder, mode)
  if (owner !== null) lchownSync(folder, owner.uid, owner.gid)
}

function isBeside(loaded: LoadedConfig, folder: string): boolean {
  const home = dirname(loaded.file)
  return folder === home || folder.startsWith(home + sep)
}

/** The folder of the gate's own Unix socket; who may reach it there is for the operator to say. */
function makeGateFolder({ config, path }: LoadedConfig, meeting: string, gate: Identity | null): void {
  if (config.gate.unix === undefined) return
  const folder = dirname(path(config.gate.unix))
  if (folder === meeting) {
    throw cliFault('folder_shared', folder)
  }
  if (existsSync(folder)) return
  makeFolderSync(folder, 0o755)
  chmodSync(folder, 0o755)
  if (gate !== null) lchownSync(folder, gate.uid, gate.gid)
}

/** Hands over what is root's; what belongs to somebody else already stays. A link is handed over itself, never what it points to. */
function giveTo(path: string, owner: Identity): void {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found?.uid === process.getuid?.()) lchownSync(path, owner.uid, owner.gid)
}

function giveWhole(folder: string, owner: Identity): void {
  for (const name of readdirSync(folder)) giveTo(join(folder, name), owner)
}

/** Folders beside the configuration that root made for itself alone. They stay closed to everybody else. */
function letThrough(loaded: LoadedConfig, gid: number): void {
  const group = { uid: -1, gid }
  const folders = needs(loaded).flatMap(({ file }) => foldersTo(file))
  for (const folder of new Set(folders)) {
    const found = statSync(folder, { throwIfNoEntry: false })
    if (found === undefined || found.uid !== process.getuid?.()) continue
    if (!isBeside(loaded, folder) || permits(folder, group, 1)) continue
    lchownSync(folder, found.uid, gid)
    chmodSync(folder, (found.mode & 0o707) | 0o010)
  }
}

interface Need {
  readonly role: 'keeper' | 'gate'
  readonly file: string
}

/** Every file that a process reads at its start. */
function needs(loaded: LoadedConfig): Need[] {
  const { config, path, file } = loaded
  const { keeper, vault, ledger, gate, trust } = config
  const forKeeper = [
    ROLE_PROGRAM,
    file,
    path(trust.root),
    ...policyNeeds(loaded),
    path(keeper.enrolment),
    ...INSTANCE_ROLES.filter(role => !isBehindSigner(loaded, role)).map(role =>
      path(`${keeper.keys}/${role}.jwk`),
    ),
    path(vault.file),
    ...('file' in vault.key ? [path(vault.key.file)] : []),
    ...(ledger.auditorKey === undefined ? [] : [path(ledger.auditorKey)]),
    ...(keeper.remote === undefined
      ? []
      : [path(keeper.remote.certificate), path(keeper.remote.key), path(keeper.remote.clientCa)]),
    ...(config.witnesses === undefined ? [] : [path(config.witnesses.policy)]),
    ...(config.witnesses?.ca === undefined ? [] : [path(config.witnesses.ca)]),
    ...shipSecrets(loaded),
    ...(ledger.ship ?? []).flatMap(({ ca }) => (ca === undefined ? [] : [path(ca)])),
    ...(gate.upstreamCa === undefined ? [] : [path(gate.upstreamCa)]),
  ]
  const forGate = [
    ROLE_PROGRAM,
    file,
    ...(gate.tls === undefined ? [] : [path(gate.tls.cert), path(gate.tls.key)]),
    ...(gate.upstreamCa === undefined ? [] : [path(gate.upstreamCa)]),
  ]
  return [
    ...forKeeper.map(each => ({ role: 'keeper' as const, file: each })),
    ...forGate.map(each => ({ role: 'gate' as const, file: each })),
  ]
}

function isBehindSigner({ config }: LoadedConfig, role: InstanceRole): boolean {
  const { signers, nextSigners } = config.keeper
  return signers?.[role] !== undefined || nextSigners?.[role] !== undefined
}

function refuseObstacles(loaded: LoadedConfig, users: { keeper: Identity; gate: Identity }): void {
  for (const { role, file } of needs(loaded)) {
    const obstacle = obstacleTo(file, users[role])
    if (obstacle !== null) throw unreachable(role, users[role], file, obstacle)
  }
  for (const folder of keeperFolders(loaded)) {
    const obstacle = obstacleToMaking(folder, users.keeper)
    if (obstacle !== null) throw unreachable('keeper', users.keeper, folder, obstacle)
  }
  const { unix } = loaded.config.gate
  const obstacle = unix === undefined ? null : obstacleToMaking(dirname(loaded.path(unix)), users.gate)
  if (obstacle !== null) throw unreachable('gate', users.gate, loaded.path(unix ?? ''), obstacle)
}

function unreachable(role: string, { uid, gid }: Identity, file: string, obstacle: string): CountersignError {
  const why = existsSync(obstacle) ? `${obstacle} is closed to it` : `there is no ${obstacle}`
  return cliFault('file_unreachable', `the ${role} (user ${uid}, group ${gid}) and ${file}: ${why}`)
}
