import { connect } from 'node:net'
import { parseListenAddress } from '../listen-address.js'

const PATIENCE_MS = 3_000

export interface Tried {
  readonly address: string
  /** True where anything came back, a refusal of the other host included: a packet got out. */
  readonly reached: boolean
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
