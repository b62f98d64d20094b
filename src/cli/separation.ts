import process from 'node:process'
import type { LoadedConfig } from './config.js'
import { cliFault } from './error-table.js'
import { type Identity, identityOf } from './users.js'

/** How far the two processes are kept apart on this machine. */
export interface Separation {
  readonly keeper: Identity | null
  readonly gate: Identity | null
  /** Sentences for the start-up and for `status`; empty when nothing is missing. */
  readonly missing: readonly string[]
}

/**
 * Started as root with `users`, each process gets its own user. Anything less is for test audiences only: a
 * production audience gets `users_shared`, never a warning.
 */
export function planSeparation(loaded: LoadedConfig, testAudience: boolean): Separation {
  const { users, audience } = loaded.config
  const root = process.getuid?.() === 0
  if (root && users !== undefined) {
    const keeper = identityOf(users.keeper, users.group)
    const gate = identityOf(users.gate, users.group)
    if (keeper.uid === gate.uid || keeper.uid === 0 || gate.uid === 0 || keeper.gid === 0) {
      throw cliFault('users_invalid')
    }
    return { keeper, gate, missing: [] }
  }
  if (!testAudience) {
    throw cliFault('users_shared', `the audience ${audience} is production`)
  }
  return {
    keeper: null,
    gate: null,
    missing: [
      'gate and keeper run as the same user: whoever is that user can read the keeper’s memory, its keys and its vault',
      'an agent of the same user can reach the keeper’s sockets',
    ],
  }
}
