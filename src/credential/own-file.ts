import { constants } from 'node:fs'
import { type FileHandle, lstat, open, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import process from 'node:process'
import { credentialFault } from './error-table.js'

const MAX_BYTES = 4_194_304

/**
 * Reads a file that only its owner may touch. Throws `vault_mode` where `forbidden` permission bits are set, where
 * it belongs to somebody else or is no plain file, and `missing` where it is not there.
 */
export async function readOwnFile(
  path: string,
  missing: 'vault_missing' | 'vault_key_missing',
  forbidden = 0o077,
): Promise<Uint8Array> {
  const handle = await openOwnFile(path, missing)
  try {
    // INVARIANT: what was checked is what is read: one descriptor for both.
    const { mode, uid, size } = await handle.stat()
    const me = process.geteuid?.()
    // Root edits the keeper's vault; nobody else takes one from a stranger.
    const owned = me === 0 || uid === 0 || uid === me
    if ((mode & constants.S_IFMT) !== constants.S_IFREG)
      throw credentialFault('vault_mode', `${path} is no plain file`)
    if ((mode & forbidden) !== 0)
      throw credentialFault('vault_mode', `${path} has mode ${(mode & 0o777).toString(8).padStart(4, '0')}`)
    if (!owned) throw credentialFault('vault_mode', `${path} belongs to user ${uid}`)
    if (size > MAX_BYTES) throw credentialFault('vault_malformed', `more than ${MAX_BYTES} bytes`)
    return await handle.readFile()
  } finally {
    await handle.close()
  }
}

async function openOwnFile(
  path: string,
  missing: 'vault_missing' | 'vault_key_missing',
): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw credentialFault(missing, path)
    throw credentialFault('vault_mode', `${path} can not be opened (${codeOf(error)})`)
  }
}

/**
 * Replaces a file whole or not at all: `make` runs while `PATH.new` is held, so that two writers never lose each
 * other's change; then write, fsync, rename, fsync of the folder. Mode 0600; edited by root it stays its owner's. Throws `vault_busy` while another
 * writer is at it, and `vault_write` where the disk refuses.
 */
export async function replaceOwnFile(path: string, make: () => Promise<Uint8Array>): Promise<void> {
  const fresh = `${path}.new`
  const handle = await claim(fresh)
  try {
    const bytes = await make()
    await onDisk(async () => {
      await keepOwner(handle, path)
      await handle.writeFile(bytes)
      await handle.sync()
      await handle.close()
      await rename(fresh, path)
      await syncFolder(dirname(path))
    })
  } catch (error) {
    await handle.close().catch(() => undefined)
    await unlink(fresh).catch(() => undefined)
    throw error
  }
}

async function claim(fresh: string): Promise<FileHandle> {
  try {
    return await open(fresh, 'wx', 0o600)
  } catch (error) {
    throw codeOf(error) === 'EEXIST'
      ? credentialFault('vault_busy', fresh)
      : credentialFault('vault_write', codeOf(error))
  }
}

async function onDisk(steps: () => Promise<void>): Promise<void> {
  try {
    await steps()
  } catch (error) {
    throw credentialFault('vault_write', codeOf(error))
  }
}

/** The keeper's vault has to stay the keeper's when root puts a secret into it. */
async function keepOwner(handle: FileHandle, path: string): Promise<void> {
  const before = process.geteuid?.() === 0 ? await lstat(path).catch(() => null) : null
  if (before?.isFile() === true) await handle.chown(before.uid, before.gid)
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown'
}
