import { minted } from './minted.js'
import type { Minter } from './ports.js'

/** How long one hand-out counts as the same credential; the secret itself has no end. */
const HANDED_OUT_MS = 3_600_000

/** A fixed secret in a header. The last resort: it is as wide as whoever made it. */
export function staticMinter(): Minter<'static'> {
  return {
    dependsOn: () => '',
    mint: async ({ scope, spec, material }) =>
      minted({
        minter: 'static',
        scope: 'a fixed secret, not narrowed',
        expiresMs: scope.nowMs + HANDED_OUT_MS,
        headers: [[spec.header.toLowerCase(), `${spec.prefix}${material.secret}`]],
      }),
  }
}
