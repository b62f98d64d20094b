import { undici } from '../native/index.js'
import { UsageError } from './io.js'

/** The keeper's admin API over its Unix socket. Every call throws a UsageError with the keeper's own code and mend. */
export interface AdminClient {
  get<T>(path: string): Promise<T>
  post<T>(path: string, body?: unknown): Promise<T>
  close(): Promise<void>
}

export function connectAdmin(socketPath: string): AdminClient {
  const { Agent, request } = undici()
  const dispatcher = new Agent({ connect: { socketPath } })
  async function call<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
    const answer = await request(`http://keeper${path}`, {
      method,
      dispatcher,
      ...(body === undefined
        ? {}
        : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    }).catch((error: NodeJS.ErrnoException) => {
      throw new UsageError(
        `cannot reach the keeper at ${socketPath} (${error.code ?? error.message})`,
        'Start the sidecar with `countersign run`, pass its --config, and run this as the user that the keeper runs as.',
      )
    })
    const value = (await answer.body.json()) as T
    if (answer.statusCode >= 400) {
      const { code, message, mend } = value as { code?: string; message?: string; mend?: string }
      throw new UsageError(
        `${code ?? answer.statusCode}: ${message ?? 'the keeper refused'}`,
        mend ?? 'See docs/errors.md.',
      )
    }
    return value
  }
  return {
    get: path => call('GET', path),
    post: (path, body) => call('POST', path, body),
    close: () => dispatcher.close(),
  }
}
