import { type Header, SIGV4_ALGORITHM } from '../protocol/index.js'
import { find, openTail, type Sought, soughtOf } from './escapes.js'

/** Shorter values would mask ordinary text; no minter makes one. */
const MIN_SECRET_CHARACTERS = 8
const ASTERISK = 0x2a

/**
 * Finds the credential of one request in what the upstream sends back, so that it never reaches the agent.
 * Lives as long as the request. In a body every occurrence is overwritten by as many asterisks, across the
 * borders of parts as well; only bytes that could be the beginning of an occurrence are held back.
 *
 * It is known as sent, with the scheme and names before it taken off, and with any of its characters escaped for JSON, a URL or HTML.
 */
export class EchoGuard {
  /** Occurrences masked so far. */
  masked = 0
  private readonly secrets: readonly Sought[]
  private carried: Buffer | null = null

  constructor(minted: readonly Header[]) {
    const secrets = new Set<string>()
    for (const [name, value] of minted) addSecrets(secrets, secretOf(name.toLowerCase(), value))
    // Longest first, so that one that contains another is masked whole.
    this.secrets = [...secrets].sort((a, b) => b.length - a.length).map(soughtOf)
  }

  /** True where a header's value contains the credential. */
  isEchoedIn(headerValue: string): boolean {
    if (this.secrets.length === 0) return false
    const bytes = Buffer.from(headerValue, 'latin1')
    return this.secrets.some(secret => find(secret, bytes, 0) !== null)
  }

  /** The part, masked, without a tail that may yet become an occurrence; may be empty. */
  push(part: Buffer): Buffer {
    if (this.secrets.length === 0) return part
    const joined = this.carried === null ? part : Buffer.concat([this.carried, part])
    const masked = this.mask(joined)
    const keep = this.openTail(masked)
    if (keep === 0) {
      this.carried = null
      return masked
    }
    this.carried = masked.subarray(masked.length - keep)
    return masked.subarray(0, masked.length - keep)
  }

  /** What is still held back; nothing that follows can complete it. */
  end(): Buffer | null {
    const rest = this.carried
    this.carried = null
    return rest
  }

  private mask(bytes: Buffer): Buffer {
    let masked = bytes
    for (const secret of this.secrets) {
      for (let found = find(secret, masked, 0); found !== null; found = find(secret, masked, found.end)) {
        if (masked === bytes) masked = Buffer.from(bytes) // the part is also hashed as it came
        masked.fill(ASTERISK, found.at, found.end)
        this.masked++
      }
    }
    return masked
  }

  /** Length of the longest end of the bytes that begins a secret and isn't whole. */
  private openTail(bytes: Buffer): number {
    return this.secrets.reduce((open, secret) => Math.max(open, openTail(secret, bytes)), 0)
  }
}

/**
 * What of a header is secret: all of it, but where a request was signed. There the key never goes out; the session
 * token does, and the signature, which is good for this one request. Date and digest are no secrets, and an answer
 * may well repeat them. Empty where nothing is.
 */
function secretOf(name: string, value: string): string {
  if (NO_SECRETS.has(name)) return ''
  if (name === 'authorization' && value.startsWith(`${SIGV4_ALGORITHM} `))
    return /Signature=([0-9a-f]{64})$/.exec(value)?.[1] ?? value
  return value
}

const NO_SECRETS: ReadonlySet<string> = new Set(['x-amz-date', 'x-amz-content-sha256'])

function addSecrets(secrets: Set<string>, value: string): void {
  const space = value.indexOf(' ')
  const scheme = space < 0 ? '' : value.slice(0, space).toLowerCase()
  const bare = value.slice(space + 1).trim()
  const parts = [bare, ...behindNames(bare)]
  if (scheme === 'basic') parts.push(...Buffer.from(bare, 'base64').toString('latin1').split(':'))
  for (const part of parts) if (part.length >= MIN_SECRET_CHARACTERS) secrets.add(part)
}

/** Of what an operator may put before a secret (`prefix` of the policy). */
const MAX_PREFIX_LETTERS = 32

/** ATTACK: `Cookie: session=<secret>`, or `Token token=<secret>`, which an upstream takes apart and repeats without the name. */
function behindNames(text: string): string[] {
  const ends = [...text.slice(0, MAX_PREFIX_LETTERS).matchAll(/[ =:,;"']/g)].map(({ index }) => index + 1)
  return ends.map(end => text.slice(end))
}
