import { type Header, SIGV4_ALGORITHM } from '../protocol/index.js'

/** Shorter values would mask ordinary text; no minter makes one. */
const MIN_SECRET_CHARACTERS = 8
const ASTERISK = 0x2a

/**
 * Finds the credential of one request in what the upstream sends back, so that it never reaches the agent.
 * Lives as long as the request. In a body every occurrence is overwritten by as many asterisks, across the
 * borders of parts as well; only bytes that could be the beginning of an occurrence are held back.
 *
 * Known spellings: as sent, with the scheme taken off, percent-encoded, and with `/` escaped as JSON allows.
 */
export class EchoGuard {
  /** Occurrences masked so far. */
  masked = 0
  private readonly secrets: readonly Buffer[]
  private carried: Buffer | null = null

  constructor(minted: readonly Header[]) {
    const spellings = new Set<string>()
    for (const [name, value] of minted) addSpellings(spellings, secretOf(name.toLowerCase(), value))
    // Longest first, so that a spelling that contains another is masked whole.
    this.secrets = [...spellings].sort((a, b) => b.length - a.length).map(text => Buffer.from(text, 'latin1'))
  }

  /** True where a header's value contains the credential. */
  isEchoedIn(headerValue: string): boolean {
    if (this.secrets.length === 0) return false
    const bytes = Buffer.from(headerValue, 'latin1')
    return this.secrets.some(secret => bytes.includes(secret))
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
      for (let at = masked.indexOf(secret); at >= 0; at = masked.indexOf(secret, at + secret.length)) {
        if (masked === bytes) masked = Buffer.from(bytes) // the part is also hashed as it came
        masked.fill(ASTERISK, at, at + secret.length)
        this.masked++
      }
    }
    return masked
  }

  /** Length of the longest end of the bytes that begins a secret and isn't whole. */
  private openTail(bytes: Buffer): number {
    let open = 0
    for (const secret of this.secrets) {
      const first = secret[0] as number
      let at = bytes.indexOf(first, Math.max(0, bytes.length - secret.length + 1))
      while (at >= 0 && bytes.length - at > open) {
        const length = bytes.length - at
        if (bytes.compare(secret, 0, length, at) === 0) open = length
        at = bytes.indexOf(first, at + 1)
      }
    }
    return open
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

function addSpellings(spellings: Set<string>, value: string): void {
  const space = value.indexOf(' ')
  const scheme = space < 0 ? '' : value.slice(0, space).toLowerCase()
  const bare = value.slice(space + 1).trim()
  const secrets = [bare]
  if (scheme === 'basic') secrets.push(...Buffer.from(bare, 'base64').toString('latin1').split(':'))
  for (const secret of secrets) {
    if (secret.length < MIN_SECRET_CHARACTERS) continue
    spellings.add(secret)
    if (secret.includes('/')) spellings.add(secret.replaceAll('/', '\\/'))
    const percent = encodeURIComponent(secret)
    if (percent !== secret) spellings.add(percent)
  }
}
