import { CountersignError } from '../canon/index.js'
import { type Authority, newAuthority, renewalMs, type ServerTls } from './authority.js'
import type { InjectorLog } from './serve.js'

/** Where the injector's certificate comes from, and when it is another one. */
export interface Certificates {
  readonly tls: ServerTls
  /** Calls back with each one that follows; the answer ends it. */
  watch(onChange: (tls: ServerTls) => void): () => void
}

export interface OwnCertificatesOptions {
  readonly dnsNames: readonly string[]
  /** Makes those who ask believe a CA; called again and again, for somebody may have taken it out. */
  readonly publish: (ca: string) => Promise<void>
  readonly nowMs: () => number
  readonly log: InjectorLog
  /** Between two looks; 60,000 unless told. */
  readonly everyMs?: number
}

interface InUse {
  readonly authority: Authority
  readonly authoritySinceMs: number
  readonly leaf: Awaited<ReturnType<Authority['issue']>>
  readonly leafSinceMs: number
}

/**
 * Certificates of a CA of this process. INVARIANT: a certificate is shown only after the CA behind it was published, so
 * that a rotation has no moment in which the API server believes neither. Throws what the first `publish` throws.
 */
export async function ownCertificates(options: OwnCertificatesOptions): Promise<Certificates> {
  const { dnsNames, publish, nowMs, log, everyMs = 60_000 } = options
  const begin = async (): Promise<InUse> => {
    const now = nowMs()
    const authority = await newAuthority(dnsNames, now)
    await publish(authority.ca)
    return { authority, authoritySinceMs: now, leaf: await authority.issue(now), leafSinceMs: now }
  }
  let inUse = await begin()
  let onChange: ((tls: ServerTls) => void) | null = null

  async function look(): Promise<void> {
    const now = nowMs()
    const { authority, authoritySinceMs, leaf, leafSinceMs } = inUse
    if (now >= renewalMs(authoritySinceMs, authority.notAfterMs)) inUse = await begin()
    else {
      await publish(authority.ca)
      if (now < renewalMs(leafSinceMs, leaf.notAfterMs)) return
      inUse = { ...inUse, leaf: await authority.issue(now), leafSinceMs: now }
    }
    log.info({ until: new Date(inUse.leaf.notAfterMs).toISOString() }, 'another certificate is in use')
    onChange?.(inUse.leaf)
  }

  return {
    tls: inUse.leaf,
    watch: callback => {
      onChange = callback
      let looking = false
      const timer = setInterval(() => {
        if (looking) return
        looking = true
        look()
          .catch(error => {
            const code = error instanceof CountersignError ? error.code : 'unexpected'
            log.error({ code }, 'the certificate stays as it is')
          })
          .finally(() => {
            looking = false
          })
      }, everyMs)
      timer.unref()
      return () => clearInterval(timer)
    },
  }
}
