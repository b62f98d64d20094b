import { chownSync, existsSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { encodeEnvelope, formatPublicKey, type SigningKey } from '../canon/index.js'
import { makeFolderSync, nativeCrypto } from '../native/index.js'
import {
  INSTANCE_ROLES,
  type InstanceRole,
  openEnrolmentRequest,
  sealEnrolmentRequest,
} from '../policy/index.js'
import type { LoadedConfig } from './config.js'
import { heldInstance, type Instance, keyFile, nextFile } from './instance-keys.js'
import { UsageError } from './io.js'
import { createKeyFile, readSigningKey } from './keyfile.js'
import type { InstanceSigners } from './signer/instance-signers.js'

export interface MadeRequest {
  readonly file: string
  /** Content id, to be compared over another way. */
  readonly id: string
  readonly keys: Readonly<Record<InstanceRole, string>>
}

/**
 * Makes the keys that are to follow in `keys/next`, mode 0600, where no signer of `keeper.nextSigners` has them, and a request for their enrolment that old and new keys
 * have signed. Keys of the roles in `keep` stay. Throws a UsageError where a request waits already.
 */
export function requestKeys(
  loaded: LoadedConfig,
  keep: readonly InstanceRole[],
  signers: InstanceSigners,
  nowMs: number,
): MadeRequest {
  const file = nextFile(loaded, 'request.json')
  if (existsSync(file) || existsSync(nextFile(loaded, 'enrolment.json')))
    throw new UsageError(
      `${file} waits for its enrolment`,
      'Have it signed with `countersign trust enrol`, or remove the folder `next` and its keys.',
    )
  const before = existsSync(loaded.path(loaded.config.keeper.enrolment))
    ? heldInstance(loaded, signers)
    : null
  const keys = Object.fromEntries(
    INSTANCE_ROLES.map(role => [
      role,
      keep.includes(role) ? keptKey(before, role) : newKey(loaded, role, signers),
    ]),
  ) as Record<InstanceRole, string>
  const request = {
    v: 1,
    origin: loaded.config.origin,
    keys,
    replaces: before?.envelope ?? null,
    t: nowMs,
  } as const
  const envelope = encodeEnvelope(
    sealEnrolmentRequest(request, signingKeys(loaded, before, keys, signers), nativeCrypto),
  )
  makeFolderSync(dirname(file), 0o700)
  writeFileSync(file, envelope, { flag: 'wx', mode: 0o600 })
  giveToKeeper(loaded)
  return { file, id: openEnrolmentRequest(envelope, nativeCrypto).id, keys }
}

/** What is installed for the keeper to take, and readable to it. */
export function installEnrolment(loaded: LoadedConfig, envelope: string): void {
  const file = nextFile(loaded, 'enrolment.json')
  makeFolderSync(dirname(file), 0o700)
  writeFileSync(file, `${envelope}\n`, { mode: 0o600, flush: true })
  giveToKeeper(loaded)
}

function keptKey(before: Instance | null, role: InstanceRole): string {
  const key = before?.enrolment.keys[role]
  if (key === undefined)
    throw new UsageError('there is no key to keep', 'Leave out --keep: there is no enrolment yet.')
  return key
}

function newKey(loaded: LoadedConfig, role: InstanceRole, { next }: InstanceSigners): string {
  const behind = next[role]
  return behind === undefined
    ? createKeyFile(keyFile(loaded, role, 'next'))
    : formatPublicKey(behind.publicKey)
}

/** Each key that is asked for or replaced, once. */
function signingKeys(
  loaded: LoadedConfig,
  before: Instance | null,
  asked: Readonly<Record<InstanceRole, string>>,
  { next }: InstanceSigners,
): readonly SigningKey[] {
  const old = Object.values(before?.keys ?? {}).map(({ key }) => key as SigningKey)
  const fresh = INSTANCE_ROLES.map(role => keyFile(loaded, role, 'next'))
    .filter(existsSync)
    .map(readSigningKey)
  const needed = new Set(Object.values(asked))
  const behind = Object.values(next).filter(key => needed.has(formatPublicKey(key.publicKey))) as SigningKey[]
  return [...new Map([...old, ...fresh, ...behind].map(key => [key.keyid, key])).values()]
}

/** Made by root, the files are the keeper's all the same: whose the folder of its keys is. */
function giveToKeeper(loaded: LoadedConfig): void {
  if (process.geteuid?.() !== 0) return
  const { uid, gid } = statSync(loaded.path(loaded.config.keeper.keys))
  const folder = dirname(nextFile(loaded, 'request.json'))
  const files = ['receipt.jwk', 'checkpoint.jwk', 'grant.jwk', 'request.json', 'enrolment.json']
  for (const path of [folder, ...files.map(name => join(folder, name))])
    if (existsSync(path)) chownSync(path, uid, gid)
}
