import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import process from 'node:process'
import { packageRoot } from './catalogs.js'
import type { LoadedConfig } from './config.js'
import { ROLE_PROGRAM } from './role.js'

/**
 * Options of Node under which the gate's process reads its own program and the files that its configuration names, and
 * writes, spawns, loads native code and starts threads not at all; its Unix socket apart, which it has to replace. None
 * where this Node has no permission model (22.13 and later do), or would read a path as several.
 *
 * ATTACK: a fault in the gate that reaches `fs` or `child_process`. Whoever runs code of their own in it can do more;
 * the users that the processes run as are the boundary.
 */
export function gatePermissions(
  { file, config, path }: LoadedConfig,
  known: ReadonlySet<string> = process.allowedNodeEnvironmentFlags,
): string[] {
  const { tls, upstreamCa, podToken, unix } = config.gate
  const socket = unix === undefined ? [] : [path(unix)]
  const read = [
    dirname(ROLE_PROGRAM),
    join(packageRoot(), 'package.json'),
    ...foldersOf('undici'),
    file,
    ...[tls?.cert, tls?.key, upstreamCa, podToken].flatMap(each => (each === undefined ? [] : [path(each)])),
    ...socket,
  ]
  if (!known.has('--permission') || read.some(each => /[*,]/.test(each))) return []
  return [
    '--permission',
    ...read.map(each => `--allow-fs-read=${each}`),
    ...socket.map(each => `--allow-fs-write=${each}`),
  ]
}

/** Where Node looks for a package, and where it is: links are looked at before they are followed. */
function foldersOf(name: string): string[] {
  const { resolve } = createRequire(ROLE_PROGRAM)
  const looked = (resolve.paths(name) ?? []).filter(folder => basename(folder) === 'node_modules')
  return [...looked, dirname(resolve(`${name}/package.json`))]
}
