/** What the console or the keeper refused, in its own words. */
export class Refused extends Error {
  readonly code: string
  readonly mend: string

  constructor({ code, message, mend }: { code?: string; message?: string; mend?: string }) {
    super(message ?? 'The console doesn’t answer.')
    this.code = code ?? 'console_gone'
    this.mend = mend ?? 'It may have ended: start `countersign console` again.'
  }

  words(): string {
    return `${this.message} ${this.mend}`
  }
}

/** The half of this tab's proof that scripts see. It stays in the tab: other ports of this host can't read it. */
const SECRET = 'countersign-console'

/** Exchanges the token of the link, once, and takes it out of the address and the history. */
export async function enter(): Promise<void> {
  const token = location.hash.slice(1)
  // `#waiting-title` is a place in the page and no token.
  if (!/^[A-Za-z0-9_-]{43}$/.test(token)) return
  history.replaceState(null, '', '/')
  const { secret } = await post<{ readonly secret: string }>('/api/enter', { token })
  sessionStorage.setItem(SECRET, secret)
}

export function get<T>(path: string): Promise<T> {
  return ask<T>(path, { method: 'GET' })
}

export function post<T>(path: string, body: unknown): Promise<T> {
  const headers = { 'content-type': 'application/json' }
  return ask<T>(path, { method: 'POST', headers, body: JSON.stringify(body) })
}

async function ask<T>(path: string, init: RequestInit): Promise<T> {
  const secret = sessionStorage.getItem(SECRET) ?? ''
  const headers = { ...init.headers, 'x-console-session': secret }
  const answer = await fetch(path, { ...init, headers, cache: 'no-store', redirect: 'error' }).catch(() => {
    throw new Refused({})
  })
  const value = await answer.json().catch(() => ({}))
  if (!answer.ok) throw new Refused(value)
  return value as T
}
