import { connect } from 'node:net'
import { setTimeout as setTimeoutPromise } from 'node:timers/promises'
import { parseListenAddress } from '../listen-address.js'

const PATIENCE_MS = 3_000

export interface Tried {
  readonly address: string
  /** True where anything came back, a refusal of the other host included: a packet got out. */
  readonly reached: boolean
}

const PAUSE_MS = 500

/**
 * Tries until nothing is reached, or for so long: a CNI may apply its policies when the pod runs already. The answer is
 * the last try. `attempt` and `pause` are a test's.
 */
export async function tryUntilBlocked(
  addresses: readonly string[],
  patienceMs: number,
  attempt: typeof tryAll = tryAll,
  pause: (ms: number) => Promise<unknown> = setTimeoutPromise,
): Promise<readonly Tried[]> {
  const untilMs = performance.now() + patienceMs
  for (;;) {
    const tried = await attempt(addresses)
    if (!tried.some(({ reached }) => reached) || performance.now() >= untilMs) return tried
    await pause(PAUSE_MS)
  }
}

/** Tries to reach each address as the user of this process. */
export function tryAll(addresses: readonly string[]): Promise<readonly Tried[]> {
  return Promise.all(
    addresses.map(async address => ({ address, reached: await isReached(parseListenAddress(address)) })),
  )
}

/** What this machine itself answers when nothing was sent. */
const NOT_SENT = new Set([
  'EPERM',
  'EACCES',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'EADDRNOTAVAIL',
  'ENETDOWN',
  'ETIMEDOUT',
])

function isReached(to: { readonly host: string; readonly port: number }): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(to)
    const end = (reached: boolean) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(reached)
    }
    const timer = setTimeout(end, PATIENCE_MS, false)
    socket.once('connect', () => end(true))
    socket.once('error', (error: NodeJS.ErrnoException) => end(!NOT_SENT.has(error.code ?? '')))
  })
}
