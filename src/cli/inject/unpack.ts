import { chmodSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolderSync } from '../../native/index.js'
import { readNeeded } from '../needed-file.js'

/** A Secret is at most 1 MiB. */
const MAX_BYTES = 1_048_576

/**
 * Copies the files of a mounted Secret into a folder of this user, mode 0600: the kubelet can't give them to a user,
 * and the keeper takes no secret that others can read. Returns their names.
 */
export function unpackSecret(from: string, to: string): readonly string[] {
  makeFolderSync(to, 0o700)
  chmodSync(to, 0o700)
  // The kubelet's own folders and links begin with two dots.
  const names = readdirSync(from).filter(
    name => !name.startsWith('..') && statSync(join(from, name)).isFile(),
  )
  for (const name of names) {
    const fresh = join(to, `.${name}.new`)
    writeFileSync(fresh, readNeeded(join(from, name), MAX_BYTES), { mode: 0o600 })
    renameSync(fresh, join(to, name))
  }
  return names
}
