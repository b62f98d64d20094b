import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CountersignError, contentId } from '../canon/index.js'
import { makeFolder, watchFiles } from '../native/index.js'
import { readTrustChain, type SeenTrustRoot, type TrustRoot } from '../policy/index.js'
import type { Distribution, OpenedPolicy, SealedSource } from './activation.js'
import { keeperFault } from './error-table.js'
import { type Against, catalogFile, type OpenTrust, openSealedPolicy, type SealParts } from './open-sealed.js'
import type { PolicyFetch, Validators } from './policy-fetch.js'
import { bytesOf } from './policy-files.js'
import type { Clock, Log } from './ports.js'

export interface PolicyUrlOptions extends SealParts {
  /** JSON array of trust-root envelopes, oldest first. It stays a file: it is what everything fetched is held against. */
  readonly trustRootFile: string
  readonly openTrust: OpenTrust
  /** Where the sealed policy is served; `catalogs/<64 hex digits>.json` beside it. Without query or user. */
  readonly url: string
  /** Folder for the last good policy and its catalogs, laid out as beside a policy file; made where it is missing. */
  readonly cacheFolder: string
  readonly everyMs: number
  readonly fetch: PolicyFetch
  readonly clock: Clock
  readonly log: Log
  /** From 0 to below 1; spreads the polls of many sidecars. */
  readonly random: () => number
}

const MAX_POLICY_BYTES = 8 * 1024 * 1024
const MAX_CATALOG_BYTES = 64 * 1024 * 1024
/** Name of the last good policy in the cache folder. */
export const CACHED_POLICY = 'policy.sealed.json'
/** A poll comes a tenth early or late. */
const JITTER = 0.2

/** A policy that was good when it was opened, with the bytes that it is held against a later trust root by. */
interface Kept {
  readonly sealed: Uint8Array
  readonly opened: OpenedPolicy
}

/**
 * The sealed policy from an HTTP server, asked at intervals with the validators of the last good answer. The
 * transport is not trusted: the seal, the ledger's highest version and the digests decide, as for files.
 *
 * Where the server can't be reached, what was good stays, also across a restart: from the cache on disk, which is
 * verified again and so is trusted no more than the server.
 */
export function policyUrl(options: PolicyUrlOptions): SealedSource {
  return new PolicyUrl(options)
}

class PolicyUrl implements SealedSource {
  private readonly options: PolicyUrlOptions
  private readonly url: URL
  private kept: Kept | null = null
  private validators: Validators | null = null
  private lastAnswerMs: number | null = null
  private failing: Distribution['failing'] = null
  private busy = false

  constructor(options: PolicyUrlOptions) {
    this.options = options
    this.url = new URL(options.url)
  }

  async trust(seen: SeenTrustRoot | null): Promise<TrustRoot> {
    return this.options.openTrust(readTrustChain(await bytesOf(this.options.trustRootFile)), seen)
  }

  async policy(trust: TrustRoot, highest: Against['highest'], nowMs: number): Promise<OpenedPolicy> {
    const against = { trust, highest, nowMs }
    this.busy = true
    try {
      return await this.newest(against)
    } finally {
      this.busy = false
    }
  }

  watch(onChange: () => void): () => void {
    const { trustRootFile, everyMs, random, fetch } = this.options
    let timer: NodeJS.Timeout | undefined
    const again = () => {
      timer = setTimeout(
        () => {
          // A slow server is not asked twice at once.
          if (!this.busy) onChange()
          again()
        },
        everyMs * (1 - JITTER / 2 + JITTER * random()),
      )
      timer.unref()
    }
    again()
    const unwatch = watchFiles([trustRootFile], everyMs, onChange)
    return () => {
      clearTimeout(timer)
      unwatch()
      fetch.close().catch(() => undefined)
    }
  }

  distribution(): Distribution {
    const { everyMs } = this.options
    return {
      from: this.url.host + this.url.pathname,
      everyMs,
      lastAnswerMs: this.lastAnswerMs,
      failing: this.failing,
    }
  }

  private async newest(against: Against): Promise<OpenedPolicy> {
    let fetched: Awaited<ReturnType<PolicyFetch['get']>>
    try {
      fetched = await this.options.fetch.get(this.url, this.validators, MAX_POLICY_BYTES)
      if (fetched.kind === 'absent') throw keeperFault('policy_unreachable', `${this.url.host} has no policy`)
    } catch (error) {
      if (!(error instanceof CountersignError)) throw error
      this.noteFailure(error)
      return this.lastGood(against, error)
    }
    this.noteAnswer()
    if (fetched.kind === 'unchanged') return this.lastGood(against, keeperFault('policy_unreachable', '304'))
    try {
      return await this.openFetched(fetched.bytes, fetched.validators, against)
    } catch (error) {
      if (!(error instanceof CountersignError) || this.kept !== null) throw error
      // At a start the cache serves until the server has something good; the next poll reports what it has.
      this.options.log.error(
        { code: error.code },
        `the policy that was fetched is not usable: ${error.message}`,
      )
      return this.lastGood(against, error)
    }
  }

  /** Validators are kept of a good answer only, so that a bad one is fetched, and refused, again. */
  private async openFetched(
    sealed: Uint8Array,
    validators: Validators,
    against: Against,
  ): Promise<OpenedPolicy> {
    this.validators = null
    const known = this.kept
    if (known !== null && Buffer.compare(known.sealed, sealed) === 0) {
      this.options.openSealed(sealed, against)
      this.validators = validators
      return known.opened
    }
    const opened = await openSealedPolicy(this.options, sealed, digest => this.catalogBytes(digest), against)
    this.kept = { sealed, opened }
    this.validators = validators
    await this.cache(CACHED_POLICY, sealed)
    return opened
  }

  /** What was good, held against the trust root and the clock again; or the fault that kept a newer one away. */
  private async lastGood(against: Against, fault: CountersignError): Promise<OpenedPolicy> {
    if (this.kept !== null) {
      this.options.openSealed(this.kept.sealed, against)
      return this.kept.opened
    }
    const sealed = await this.cached(CACHED_POLICY)
    if (sealed === undefined) throw fault
    const opened = await openSealedPolicy(this.options, sealed, digest => this.cachedCatalog(digest), against)
    this.kept = { sealed, opened }
    this.options.log.warn({ code: fault.code }, 'the last good policy comes from the cache')
    return opened
  }

  /** A catalog never changes under its digest, so that it is fetched once. */
  private async catalogBytes(digest: string): Promise<Uint8Array | undefined> {
    const cached = await this.cachedCatalog(digest)
    if (cached !== undefined) return cached
    const url = new URL(`catalogs/${catalogFile(digest)}`, this.url)
    const fetched = await this.options.fetch.get(url, null, MAX_CATALOG_BYTES)
    if (fetched.kind !== 'document') return undefined
    if (this.isPinned(digest, fetched.bytes))
      await this.cache(join('catalogs', catalogFile(digest)), fetched.bytes)
    return fetched.bytes
  }

  /** ATTACK, or a disk error: a file in the cache that is not what its name says is as good as none. */
  private async cachedCatalog(digest: string): Promise<Uint8Array | undefined> {
    const bytes = await this.cached(join('catalogs', catalogFile(digest)))
    return bytes !== undefined && this.isPinned(digest, bytes) ? bytes : undefined
  }

  private isPinned(digest: string, bytes: Uint8Array): boolean {
    return contentId(this.options.crypto, bytes) === digest
  }

  private cached(name: string): Promise<Uint8Array | undefined> {
    return readFile(join(this.options.cacheFolder, name)).catch(() => undefined)
  }

  /** Replaces a file of the cache. A cache that can't be written costs only the start without a network. */
  private async cache(name: string, bytes: Uint8Array): Promise<void> {
    const file = join(this.options.cacheFolder, name)
    try {
      await makeFolder(join(file, '..'), 0o750)
      await writeFile(`${file}.next`, bytes)
      await rename(`${file}.next`, file)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      this.options.log.warn({ file, reason: code }, 'what was fetched can’t be cached')
    }
  }

  private noteAnswer(): void {
    this.lastAnswerMs = this.options.clock.nowMs()
    if (this.failing === null) return
    this.options.log.info({ polls: this.failing.polls }, 'the policy’s server answers again')
    this.failing = null
  }

  private noteFailure({ code, message }: CountersignError): void {
    if (this.failing === null)
      this.options.log.warn({ code }, `the policy’s server does not answer: ${message}`)
    const { sinceMs, polls } = this.failing ?? { sinceMs: this.options.clock.nowMs(), polls: 0 }
    this.failing = { message, sinceMs, polls: polls + 1 }
  }
}
