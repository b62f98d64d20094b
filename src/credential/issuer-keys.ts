import { type CryptoKey, createLocalJWKSet, errors, type JSONWebKeySet, type JWSHeaderParameters } from 'jose'

/** The public keys of an issuer (RFC 7517 §5). */
export interface IssuerKeys {
  /** Throws a JOSE error where it has no such key, and any other where its keys can't be had. */
  find(header: JWSHeaderParameters, nowMs: number): Promise<CryptoKey>
}

/** Where they come from; throws for what is no key set. */
export type KeySetSource = () => Promise<unknown>

const MAX_KEYS = 64
/** They are asked for anew when so old, and thrown away when they can't be had for so long. */
const FRESH_MS = 600_000
const USABLE_MS = 3_600_000
/** An unknown key is looked for at most so often, whoever makes them up. */
const COOLDOWN_MS = 30_000

interface Held {
  readonly find: ReturnType<typeof createLocalJWKSet>
  readonly atMs: number
}

/** Remembers the keys of one source. One question at a time, bounded in number, age and size; fails closed. */
export function issuerKeys(source: KeySetSource): IssuerKeys {
  let held: Held | null = null
  let triedMs = Number.NEGATIVE_INFINITY
  let asking: Promise<void> | null = null

  function refresh(nowMs: number): Promise<void> {
    triedMs = nowMs
    asking ??= source()
      .then(value => {
        held = { find: createLocalJWKSet(keySetOf(value)), atMs: nowMs }
      })
      .finally(() => {
        asking = null
      })
    return asking
  }

  return {
    find: async (header, nowMs) => {
      const age = held === null ? Number.POSITIVE_INFINITY : nowMs - held.atMs
      const mayAsk = nowMs - triedMs >= COOLDOWN_MS || asking !== null
      if (age > FRESH_MS && mayAsk) await refresh(nowMs).catch(() => undefined)
      if (held === null || nowMs - held.atMs > USABLE_MS) throw new Error('no keys')
      try {
        return await held.find(header)
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey) || nowMs - triedMs < COOLDOWN_MS) throw error
        await refresh(nowMs)
        return await held.find(header)
      }
    },
  }
}

/** Public signature keys only: a symmetric one would let whoever reads the set make tokens. */
function keySetOf(value: unknown): JSONWebKeySet {
  const { keys } = (value ?? {}) as Partial<JSONWebKeySet>
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > MAX_KEYS) throw new TypeError('no key set')
  const usable = keys.filter(
    key =>
      typeof key === 'object' &&
      key !== null &&
      key.kty !== 'oct' &&
      !('d' in key) &&
      (key.use ?? 'sig') === 'sig',
  )
  return { keys: usable }
}
