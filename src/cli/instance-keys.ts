import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { CountersignError, formatPublicKey, fromBase64url, fromUtf8 } from '../canon/index.js'
import type { LogKey } from '../ledger/index.js'
import { makeFolderSync, nativeCrypto } from '../native/index.js'
import {
  type Enrolment,
  enrolmentIn,
  INSTANCE_ROLES,
  type InstanceRole,
  openEnrolment,
  openPastEnrolment,
  type TrustRoot,
} from '../policy/index.js'
import type { LoadedConfig } from './config.js'
import { cliFault } from './error-table.js'
import { type PrivateJwk, readPrivateJwk, signingKeyOf } from './keyfile.js'
import { openNeeded, readNeeded } from './needed-file.js'
import { type InstanceSigners, signersByKey } from './signer/instance-signers.js'

/*
 * The keys of an instance on disk. Each is found by what it is and not by where it lies, so that a crash while files
 * are moved leaves nothing that a start can't finish:
 *
 *     keys/receipt.jwk  checkpoint.jwk  grant.jwk      in force, under the enrolment of `keeper.enrolment`
 *     keys/next/        the keys that follow, request.json, and enrolment.json once it is installed
 *     keys/previous/    checkpoint.jwk while it signs beside; grant.jwk while its grants live, grant-2.jwk where it was replaced twice
 *
 * A key that a signer holds has no file at all, and takes part in everything else.
 */

/** A private key of this instance. */
export interface HeldKey {
  /** `ed25519:…` */
  readonly publicKey: string
  /** Null where a signer holds it. */
  readonly jwk: PrivateJwk | null
  readonly key: LogKey
}

/** The keys of one enrolment, and what certifies them. */
export interface Instance {
  readonly enrolment: Enrolment
  /** The envelope as it lies on disk. */
  readonly envelope: string
  readonly keys: Readonly<Record<InstanceRole, HeldKey>>
}

export function keyFile(
  loaded: LoadedConfig,
  role: InstanceRole,
  place: '' | 'next' | 'previous' = '',
): string {
  return join(loaded.path(loaded.config.keeper.keys), place, `${role}.jwk`)
}

export function nextFile(loaded: LoadedConfig, name: 'request.json' | 'enrolment.json'): string {
  return join(loaded.path(loaded.config.keeper.keys), 'next', name)
}

/**
 * The instance in force: its certificate opened for now, held against the keys that are really here. Throws what is
 * wrong with the certificate, or `enrolment_unfit`. Where a successor is installed, an end or a revocation of this
 * certificate doesn't keep the sidecar from starting: it hands over before it admits anything.
 */
export function readInstance(
  loaded: LoadedConfig,
  trust: readonly TrustRoot[],
  signers: InstanceSigners,
  succeeded: boolean,
): Instance {
  return openNeeded(loaded.path(loaded.config.keeper.enrolment), bytes => {
    const enrolment = succeeded
      ? openPastEnrolment(bytes, trust, nativeCrypto)
      : openEnrolment(bytes, trust.at(-1) as TrustRoot, { crypto: nativeCrypto, nowMs: Date.now() })
    return instanceOf(loaded, signers, enrolment, fromUtf8(bytes))
  })
}

/** The instance whose enrolment is installed beside the keys that follow; null where none is. Throws as `readInstance`. */
export function readNext(loaded: LoadedConfig, trust: TrustRoot, signers: InstanceSigners): Instance | null {
  const file = nextFile(loaded, 'enrolment.json')
  if (!existsSync(file)) return null
  return openNeeded(file, bytes => fitting(loaded, bytes, trust, signers))
}

/** An enrolment that is to be installed. Throws what is wrong with it, or `enrolment_unfit`. */
export function fitting(
  loaded: LoadedConfig,
  bytes: Uint8Array,
  trust: TrustRoot,
  signers: InstanceSigners,
): Instance {
  const enrolment = openEnrolment(bytes, trust, { crypto: nativeCrypto, nowMs: Date.now() })
  return instanceOf(loaded, signers, enrolment, fromUtf8(bytes))
}

/** The keys that the enrolment in force names, its seal not looked at: for who asks for the next one. */
export function heldInstance(loaded: LoadedConfig, signers: InstanceSigners): Instance {
  return openNeeded(loaded.path(loaded.config.keeper.enrolment), bytes =>
    instanceOf(loaded, signers, enrolmentIn(bytes), fromUtf8(bytes)),
  )
}

/** Replaced keys that are still kept, in files or behind their signer, without the one in force. */
export function retiringKeys(
  loaded: LoadedConfig,
  role: InstanceRole,
  inForce: Instance,
  signers: InstanceSigners,
): readonly HeldKey[] {
  const files = retiredFiles(loaded, role)
  const behind = signers.now[role]
  const kept =
    files.length > 0
      ? files.map(file => heldInFile(readPrivateJwk(file)))
      : behind === undefined
        ? []
        : [{ publicKey: formatPublicKey(behind.publicKey), jwk: null, key: behind }]
  return kept.filter(({ publicKey }) => publicKey !== inForce.keys[role].publicKey)
}

/** Deletes replaced keys for good, all of a role or those that are named. */
export function dropRetired(
  loaded: LoadedConfig,
  role: InstanceRole,
  isDropped?: (publicKey: string) => boolean,
): void {
  for (const file of retiredFiles(loaded, role))
    if (isDropped === undefined || holds(file, isDropped)) rmSync(file, { force: true })
}

function retiredFiles(loaded: LoadedConfig, role: InstanceRole): readonly string[] {
  const folder = dirname(keyFile(loaded, role, 'previous'))
  const names = namesIn(folder).filter(name => new RegExp(`^${role}(?:-[0-9]+)?\\.jwk$`).test(name))
  return names.sort().map(name => join(folder, name))
}

/** Where a key goes that is replaced. Grants of several live beside each other; of the others one is kept. */
function retiredPlace(loaded: LoadedConfig, role: InstanceRole): string {
  const first = keyFile(loaded, role, 'previous')
  if (role !== 'grant') return first
  let file = first
  for (let number = 2; existsSync(file); number++) file = first.replace(/\.jwk$/, `-${number}.jwk`)
  return file
}

/**
 * Moves the keys and the enrolment that follow to the place of those in force. To be done after the ledger was handed
 * over; done again after a crash, it goes on where it stopped. The old receipt key is deleted: nothing needs it, and
 * nobody shall find it. Throws `keys_not_moved`.
 */
export function promote(loaded: LoadedConfig): void {
  const folder = loaded.path(loaded.config.keeper.keys)
  try {
    makeFolderSync(join(folder, 'previous'), 0o700)
    const enrolment = nextFile(loaded, 'enrolment.json')
    const { keys } = enrolmentIn(readNeeded(enrolment))
    for (const role of INSTANCE_ROLES) {
      const [inForce, next] = [keyFile(loaded, role), keyFile(loaded, role, 'next')]
      if (holds(inForce, key => key !== keys[role])) renameSync(inForce, retiredPlace(loaded, role))
      if (holds(next, key => key === keys[role])) renameSync(next, inForce)
    }
    replaceEnrolment(loaded, readNeeded(enrolment))
    for (const each of [folder, join(folder, 'next'), join(folder, 'previous')]) syncFolder(each)
    rmSync(enrolment, { force: true })
    rmSync(nextFile(loaded, 'request.json'), { force: true })
    dropRetired(loaded, 'receipt')
  } catch (error) {
    if (error instanceof CountersignError) throw error
    throw cliFault('keys_not_moved', String((error as NodeJS.ErrnoException).code))
  }
}

/** What a start has still to do of it, if anything. Keys that were only asked for stay where they are. */
export function finishPromotion(loaded: LoadedConfig): void {
  if (existsSync(nextFile(loaded, 'enrolment.json'))) promote(loaded)
  else dropRetired(loaded, 'receipt')
}

/** Whole or not at all, where its folder can be written; in its place otherwise, the installed copy being kept until it is on disk. */
function replaceEnrolment(loaded: LoadedConfig, bytes: Uint8Array): void {
  const file = loaded.path(loaded.config.keeper.enrolment)
  try {
    writeSynced(`${file}.new`, bytes)
    renameSync(`${file}.new`, file)
    syncFolder(dirname(file))
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    writeSynced(file, bytes)
  }
}

function writeSynced(file: string, bytes: Uint8Array): void {
  writeFileSync(file, bytes, { flush: true })
}

function syncFolder(folder: string): void {
  if (!existsSync(folder)) return
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

function holds(file: string, wanted: (publicKey: string) => boolean): boolean {
  return existsSync(file) && wanted(heldInFile(readPrivateJwk(file)).publicKey)
}

function heldInFile(jwk: PrivateJwk): HeldKey {
  return { publicKey: formatPublicKey(fromBase64url(jwk.x)), jwk, key: signingKeyOf(jwk) }
}

function instanceOf(
  loaded: LoadedConfig,
  signers: InstanceSigners,
  enrolment: Enrolment,
  envelope: string,
): Instance {
  const { origin } = loaded.config
  if (enrolment.origin !== origin)
    throw cliFault('enrolment_unfit', `it is for ${enrolment.origin}, not ${origin}`)
  const held = heldKeys(loaded, signers)
  const keys = Object.fromEntries(
    INSTANCE_ROLES.map(role => {
      const key = held.get(enrolment.keys[role])
      if (key === undefined && !existsSync(keyFile(loaded, role)))
        throw cliFault('key_unusable', `there is no ${keyFile(loaded, role)}`)
      if (key === undefined)
        throw cliFault('enrolment_unfit', `the ${role} key is not the one that was enrolled`)
      return [role, key]
    }),
  ) as Record<InstanceRole, HeldKey>
  return { enrolment, envelope: envelope.trimEnd(), keys }
}

/** Every private key in the folder and the two below it, and behind every signer, by its public form. */
function heldKeys(loaded: LoadedConfig, signers: InstanceSigners): ReadonlyMap<string, HeldKey> {
  const folder = loaded.path(loaded.config.keeper.keys)
  const files = ['', 'next', 'previous'].flatMap(place =>
    namesIn(join(folder, place))
      .filter(name => name.endsWith('.jwk'))
      .map(name => join(folder, place, name)),
  )
  const inFiles = files.map(file => heldInFile(readPrivateJwk(file)))
  const behind = [...signersByKey(signers)].map(([publicKey, key]) => ({ publicKey, jwk: null, key }))
  return new Map([...behind, ...inFiles].map(held => [held.publicKey, held]))
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
