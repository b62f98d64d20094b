import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { importSPKI, jwtVerify } from 'jose'

export interface Received {
  readonly method: string
  readonly target: string
  readonly headers: IncomingMessage['headers']
}

/** A GitHub of one repository, `acme/shop`: mints installation tokens for its app, and accepts nothing else. */
export interface GithubStandIn {
  readonly origin: string
  /** PEM of the app's key: the vault's end. */
  readonly privateKey: string
  /** Issues by number. */
  readonly issues: Map<number, { readonly title: string; state: string }>
  /** Every request to the repository, as it came. */
  readonly received: readonly Received[]
  /** Every token that was minted and not revoked. */
  readonly tokens: ReadonlyMap<string, Minted>
  close(): Promise<void>
}

interface Minted {
  readonly repositories: readonly string[]
  readonly permissions: Readonly<Record<string, string>>
}

interface Answer {
  readonly status: number
  readonly body?: unknown
}

export const GITHUB_APP = { app: '4711', installation: '815' } as const

export async function startGithub(): Promise<GithubStandIn> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  const appKey = await importSPKI(publicKey, 'RS256')
  const issues = new Map([[1, { title: 'Login fails in staging', state: 'open' }]])
  const received: Received[] = []
  const tokens = new Map<string, Minted>()

  async function mint(bearer: string, body: string): Promise<Answer> {
    try {
      await jwtVerify(bearer, appKey, { issuer: GITHUB_APP.app })
    } catch {
      return { status: 401, body: { message: 'A JSON web token could not be decoded' } }
    }
    const asked = JSON.parse(body) as Minted
    const token = `ghs_${randomBytes(18).toString('hex')}`
    tokens.set(token, asked)
    const expires_at = new Date(Date.now() + 3_600_000).toISOString()
    return { status: 201, body: { token, expires_at, permissions: asked.permissions } }
  }

  function repository(method: string, path: string, body: string, granted: Minted): Answer {
    const numbered = /^\/repos\/acme\/shop\/issues\/(\d+)$/.exec(path)
    const issue = issues.get(Number(numbered?.[1]))
    if (method === 'GET' && issue !== undefined)
      return { status: 200, body: { number: Number(numbered?.[1]), ...issue } }
    if (method === 'POST' && path === '/repos/acme/shop/issues') {
      if (granted.permissions.issues !== 'write')
        return { status: 403, body: { message: 'Resource not accessible by integration' } }
      const number = issues.size + 1
      issues.set(number, { title: (JSON.parse(body) as { title: string }).title, state: 'open' })
      return { status: 201, body: { number, ...issues.get(number) } }
    }
    return { status: 404, body: { message: 'Not Found' } }
  }

  async function answer(request: IncomingMessage): Promise<Answer> {
    const { method = '', url: target = '', headers } = request
    const body = await text(request)
    const bearer = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? ''
    if (target === `/app/installations/${GITHUB_APP.installation}/access_tokens`) return mint(bearer, body)
    if (method === 'DELETE' && target === '/installation/token') {
      return { status: tokens.delete(bearer) ? 204 : 401 }
    }
    received.push({ method, target, headers })
    const granted = tokens.get(bearer)
    if (granted === undefined) return { status: 401, body: { message: 'Bad credentials' } }
    return repository(method, target, body, granted)
  }

  const server = createServer(async (request, response) => {
    const { status, body } = await answer(request)
    response.writeHead(
      status,
      body === undefined ? {} : { 'content-type': 'application/json; charset=utf-8' },
    )
    response.end(body === undefined ? undefined : JSON.stringify(body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    privateKey,
    issues,
    received,
    tokens,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
