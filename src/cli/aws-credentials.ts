import { randomBytes, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { GrantSession, IssuedGrant } from './grant-session.js'

/** As an AWS client knows them: access key id = the grant's id, session token = the grant. */
interface AwsKeys {
  readonly AccessKeyId: string
  readonly SecretAccessKey: string
}

function keysOf({ jti, secret }: IssuedGrant): AwsKeys {
  if (secret === undefined) throw new Error('a grant of the slot aws-sigv4 without its secret')
  return { AccessKeyId: jti, SecretAccessKey: secret }
}

/** A grant in the environment of AWS clients, for as long as it lives. */
export function staticCredentials(grant: IssuedGrant): Readonly<Record<string, string>> {
  const { AccessKeyId, SecretAccessKey } = keysOf(grant)
  return {
    AWS_ACCESS_KEY_ID: AccessKeyId,
    AWS_SECRET_ACCESS_KEY: SecretAccessKey,
    AWS_SESSION_TOKEN: grant.token,
  }
}

/** What `credential_process` of an AWS configuration expects. https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html */
export function processCredentials(grant: IssuedGrant): string {
  const Expiration = new Date(grant.expiresMs).toISOString()
  return JSON.stringify({ Version: 1, ...keysOf(grant), SessionToken: grant.token, Expiration })
}

/** Clients renew up to a quarter of an hour before the end, so a grant with less than that left is replaced. */
const RENEW_BEFORE_MS = 20 * 60_000

/** The container credentials of one session: `AWS_CONTAINER_CREDENTIALS_FULL_URI` and its authorization token. */
export interface CredentialsEndpoint {
  readonly url: string
  /** Sent in Authorization by the clients; without it nothing is answered. */
  readonly authorization: string
  close(): Promise<void>
}

/**
 * Serves grants of the slot `aws-sigv4` to AWS clients on loopback, so that they renew theirs by themselves: within the
 * agent's session, and not after its first grant was revoked.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
 */
export async function serveAwsCredentials(
  session: Pick<GrantSession, 'issue'>,
): Promise<CredentialsEndpoint> {
  const authorization = randomBytes(32).toString('base64url')
  const current = currentGrant(session)
  const server = createServer((request, response) => {
    const refused = refusalOf(request, `127.0.0.1:${portOf(server)}`, authorization)
    if (refused !== null)
      return answer(response, refused, { code: 'Refused', message: 'Not for this caller.' })
    current().then(
      grant => {
        const Expiration = new Date(grant.expiresMs).toISOString()
        answer(response, 200, { ...keysOf(grant), Token: grant.token, Expiration })
      },
      // 4xx: a client that is told no doesn't ask again and again.
      error => answer(response, 403, { code: 'GrantRefused', message: wordsOf(error) }),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${portOf(server)}/aws-credentials`,
    authorization,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** The grant at hand while enough of it is left, else a new one; all who ask meanwhile wait for the same. */
function currentGrant(session: Pick<GrantSession, 'issue'>): () => Promise<IssuedGrant> {
  let held: IssuedGrant | null = null
  let asked: Promise<IssuedGrant> | null = null
  return () => {
    if (held !== null && held.expiresMs - Date.now() > RENEW_BEFORE_MS) return Promise.resolve(held)
    asked ??= session
      .issue('aws-sigv4')
      .then(grant => {
        held = grant
        return grant
      })
      .finally(() => {
        asked = null
      })
    return asked
  }
}

/**
 * Status of a refusal; null for the agent's own clients. ATTACK: a page in a browser of this machine that resolves its
 * own name to loopback knows neither the address nor the token.
 */
function refusalOf({ method, url, headers }: IncomingMessage, host: string, authorization: string) {
  if (headers.host !== host || url !== '/aws-credentials') return 404
  if (method !== 'GET') return 405
  const [given, wanted] = [headers.authorization ?? '', authorization].map(text => Buffer.from(text))
  return given?.length === wanted?.length && timingSafeEqual(given as Buffer, wanted as Buffer) ? null : 401
}

function answer(response: ServerResponse, status: number, body: Readonly<Record<string, string>>): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(JSON.stringify(body))
}

function portOf(server: ReturnType<typeof createServer>): number {
  return (server.address() as AddressInfo).port
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : 'The grant could not be issued.'
}
