import { lstatSync } from 'node:fs'
import { Agent, type ClientRequest, type IncomingMessage, type RequestOptions, request } from 'node:http'
import { dirname } from 'node:path'
import process from 'node:process'
import { UsageError } from './io.js'

/** The keeper's admin API, over its Unix socket or from another machine. Every call throws a UsageError with the keeper's own code and mend. */
export interface AdminClient {
  get<T>(path: string): Promise<T>
  post<T>(path: string, body?: unknown): Promise<T>
  /** The keeper's answer as it is; throws only where there is none. */
  ask(method: 'GET' | 'POST', path: string, body?: unknown): Promise<AdminAnswer>
  close(): Promise<void>
}

export interface AdminAnswer {
  readonly status: number
  readonly value: unknown
}

/** How the keeper is reached, and what to say where it isn't. */
export interface AdminRoute {
  readonly agent: Agent
  /** Begins a request; Node's own client: undici would be a good part of what a short command costs. */
  readonly begin: (options: RequestOptions, onAnswer: (answer: IncomingMessage) => void) => ClientRequest
  readonly unreached: (error: NodeJS.ErrnoException) => UsageError
}

/** Over the admin socket. */
export function connectAdmin(socketPath: string): AdminClient {
  return adminClient({
    agent: new Agent({ keepAlive: true }),
    begin: (options, onAnswer) => {
      refuseForeign(socketPath)
      return request({ ...options, socketPath, headers: { ...options.headers, host: 'keeper' } }, onAnswer)
    },
    unreached: error =>
      new UsageError(
        `cannot reach the keeper at ${socketPath} (${error.code ?? error.message})`,
        'Start the sidecar with `countersign run`, pass its --config, and run this as the user that the keeper runs as. Where it runs already, its own output says what keeps the keeper from starting; what a stopped one has recorded, `why` and `receipts` read with --in LEDGER.',
      ),
  })
}

const WRITTEN_BY_ALL = 0o002

/**
 * ATTACK: somebody else makes the socket first, in /tmp for one, and answers in the keeper's place: what is halted isn't, and
 * what is shown is theirs. In a folder that is not everybody's, whoever made it was let in.
 */
function refuseForeign(socketPath: string): void {
  try {
    const { uid } = lstatSync(socketPath)
    const everybodys = (lstatSync(dirname(socketPath)).mode & WRITTEN_BY_ALL) !== 0
    if (!everybodys || uid === 0 || uid === process.geteuid?.()) return
  } catch {
    // Connecting says what is the matter.
    return
  }
  throw new UsageError(
    `the socket ${socketPath} is somebody else’s, in a folder where everybody may make one`,
    'Keep the socket of a tunnel in a folder of your own, such as $XDG_RUNTIME_DIR, and pass `-o ExitOnForwardFailure=yes` to ssh.',
  )
}

/** Twice what the longest answer of a keeper comes to: a page of receipts, or the recorded inputs of one request. */
const MAX_ANSWER_BYTES = 33_554_432

/** ATTACK: something else answers at the keeper's address, and goes on answering until whoever asked has no memory left. */
async function bodyOf(answer: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of answer as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > MAX_ANSWER_BYTES) {
      answer.destroy()
      throw new UsageError(
        `the keeper’s answer is longer than ${MAX_ANSWER_BYTES / 1_048_576} MiB`,
        'Check that it is the keeper that answers there, and that both are of the same version.',
      )
    }
    parts.push(part)
  }
  return JSON.parse(Buffer.concat(parts).toString())
}

export function adminClient({ agent, begin, unreached }: AdminRoute): AdminClient {
  async function call<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
    const { status, value } = await ask(method, path, body)
    if (status >= 400) {
      const { code, message, mend } = value as { code?: string; message?: string; mend?: string }
      throw new UsageError(
        `${code ?? status}: ${message ?? 'the keeper refused'}`,
        mend ?? 'See docs/errors.md.',
      )
    }
    return value as T
  }

  function ask(method: 'GET' | 'POST', path: string, body?: unknown): Promise<AdminAnswer> {
    return answerTo(method, path, body).catch((error: NodeJS.ErrnoException) => {
      throw error instanceof UsageError ? error : unreached(error)
    })
  }

  function answerTo(method: 'GET' | 'POST', path: string, body: unknown): Promise<AdminAnswer> {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const headers =
      text === undefined
        ? { 'content-length': 0 }
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
    return new Promise((resolve, reject) => {
      const asked = begin({ path, method, agent, headers }, answer => {
        bodyOf(answer).then(value => resolve({ status: answer.statusCode ?? 0, value }), reject)
      })
      asked.once('error', reject)
      asked.end(text)
    })
  }

  return {
    get: path => call('GET', path),
    post: (path, body) => call('POST', path, body),
    ask,
    close: async () => agent.destroy(),
  }
}
