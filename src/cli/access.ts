import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Identity } from './users.js'

const READ = 4
const WRITE = 2
const PASS = 1

/**
 * The first thing on the way to `file` that keeps this identity from reading it (a folder it can't pass, the file
 * itself, or one that isn't there); null where nothing does. Modes only: access lists may still allow it.
 */
export function obstacleTo(file: string, identity: Identity): string | null {
  for (const folder of foldersTo(file)) if (!permits(folder, identity, PASS)) return folder
  return permits(file, identity, READ) ? null : file
}

/** The same for making files in a folder. */
export function obstacleToMaking(folder: string, identity: Identity): string | null {
  for (const above of foldersTo(folder)) if (!permits(above, identity, PASS)) return above
  return permits(folder, identity, WRITE | PASS) ? null : folder
}

/** From the root of the file system down. */
export function foldersTo(path: string): readonly string[] {
  const above = dirname(path)
  return above === path ? [] : [...foldersTo(above), above]
}

/** True where the mode of `path` gives the identity all of these rights; false where nothing is there. */
export function permits(path: string, { uid, gid }: Identity, rights: number): boolean {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) return false
  const shift = found.uid === uid ? 6 : found.gid === gid ? 3 : 0
  return ((found.mode >> shift) & rights) === rights
}
