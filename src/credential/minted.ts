import { inspect } from 'node:util'
import type { MintedCredential, RecordedCredential } from './ports.js'

/**
 * A minted credential whose headers can be sent but not shown: they are on no enumerable member, so that printing,
 * spreading or serialising it leaves them out.
 */
export function minted(parts: MintedCredential): MintedCredential {
  return guarded({ minter: parts.minter, scope: parts.scope, expiresMs: parts.expiresMs }, parts)
}

/** The same credential with the id of its `mint` entry. */
export function recorded(credential: MintedCredential, mint: string): RecordedCredential {
  const { minter, scope, expiresMs } = credential
  return guarded({ minter, scope, expiresMs, mint }, credential)
}

function guarded<T extends object>(shown: T, secret: MintedCredential): T & MintedCredential {
  const { headers, sign, revoke } = secret
  return Object.defineProperties(
    { ...shown },
    {
      headers: { value: headers, enumerable: false },
      ...(sign === undefined ? {} : { sign: { value: sign, enumerable: false } }),
      ...(revoke === undefined ? {} : { revoke: { value: revoke, enumerable: false } }),
      [inspect.custom]: { value: () => ({ ...shown, headers: '[secret]' }), enumerable: false },
    },
  ) as T & MintedCredential
}
