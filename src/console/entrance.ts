import { timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { base64url } from '../canon/index.js'
import { consoleFault } from './error-table.js'

/** How long the link that is printed can be opened: 10 minutes. */
const LINK_MS = 600_000
/** How long who has opened it stays in: 12 hours. */
const SESSION_MS = 43_200_000
const SECRET_BYTES = 32

export interface EntranceParts {
  readonly random: (bytes: number) => Uint8Array
  readonly nowMs: () => number
}

/** The two halves that a tab proves itself by; see `Entrance`. */
export interface Session {
  readonly cookie: string
  readonly secret: string
}

/**
 * Lets one browser tab in. The printed link has a token in its fragment, which no server and no log sees; the page
 * exchanges it once, by POST, for a cookie that no script reads and a secret that stays in the tab.
 *
 * ATTACK: another server on this machine. Cookies know no ports, so that whatever else is opened on localhost, an
 * agent's development server say, is sent the cookie as well; it never gets the other half.
 */
export class Entrance {
  readonly token: string
  private readonly parts: EntranceParts
  private readonly madeMs: number
  private session: (Session & { readonly untilMs: number }) | null = null

  constructor(parts: EntranceParts) {
    this.parts = parts
    this.token = this.secret()
    this.madeMs = parts.nowMs()
  }

  /** Throws `console_link_spent` for another token, at a second time and after ten minutes. */
  enter(token: unknown): Session {
    const nowMs = this.parts.nowMs()
    const fresh = this.session === null && nowMs < this.madeMs + LINK_MS
    if (!fresh || typeof token !== 'string' || !isEqual(token, this.token))
      throw consoleFault('console_link_spent')
    this.session = { cookie: this.secret(), secret: this.secret(), untilMs: nowMs + SESSION_MS }
    return this.session
  }

  /** Throws `console_session` unless both halves are there. */
  check(headers: IncomingHttpHeaders, cookieName: string): void {
    const { session } = this
    const cookie = cookieOf(headers.cookie ?? '', cookieName)
    const secret = headers['x-console-session']
    if (
      session === null ||
      this.parts.nowMs() >= session.untilMs ||
      typeof secret !== 'string' ||
      !isEqual(cookie, session.cookie) ||
      !isEqual(secret, session.secret)
    )
      throw consoleFault('console_session')
  }

  private secret(): string {
    return base64url(this.parts.random(SECRET_BYTES))
  }
}

function cookieOf(header: string, name: string): string {
  const found = header
    .split('; ')
    .map(pair => pair.split('='))
    .filter(([each]) => each === name)
  // ATTACK: another server of this machine sets a second one beside it.
  return found.length === 1 ? (found[0]?.[1] ?? '') : ''
}

function isEqual(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)]
  return a.length === b.length && timingSafeEqual(a, b)
}
