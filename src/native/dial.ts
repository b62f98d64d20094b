import { type LookupAddress, type LookupOptions, lookup as systemLookup } from 'node:dns'
import { isIP, type LookupFunction, Socket, connect as tcpConnect } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import type { buildConnector } from 'undici'
import { addressReach } from './address.js'
import { nativeFault } from './error-table.js'
import { holdEnd } from './held-end.js'
import { undici } from './undici.js'

export type LookupAll = (
  hostname: string,
  options: LookupOptions & { readonly all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: readonly LookupAddress[]) => void,
) => void

export interface DialOptions {
  /** The sealed policy itself names a private upstream. Link-local and reserved addresses still need to be named as such. */
  readonly allowPrivate: boolean
  readonly connectTimeoutMs: number
  /** PEM of an extra authority to trust; replaces the system's. Only a test audience has one. */
  readonly ca?: string
  /** The system's resolver unless told. */
  readonly lookup?: LookupAll
}

/**
 * A connector for undici's `Agent` that checks where it dials: after resolution, for every address that the name
 * has, so that a DNS answer that changes between two look-ups (rebinding) can't lead inside. TLS is always
 * verified. Fails the connection with `address_refused`.
 */
export function guardedConnector(options: DialOptions): buildConnector.connector {
  const connect = undici().buildConnector({
    rejectUnauthorized: true,
    timeout: options.connectTimeoutMs,
    lookup: guardedLookup(options),
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  } as buildConnector.BuildOptions)
  return (target, callback) => {
    const hostname = target.hostname.replace(/^\[|\]$/g, '')
    // A literal address is dialled without a look-up.
    if (isIP(hostname) !== 0 && !mayDial(hostname, options.allowPrivate, true)) {
      callback(nativeFault('address_refused'), null)
      return
    }
    connect(target, (error, socket) => {
      // undici leaves the second out where there is none.
      if (socket != null) holdEnd(socket)
      ;(callback as (error: Error | null, socket: Socket | null) => void)(error, socket)
    })
  }
}

/**
 * A TCP connection, or one by TLS, under the same checks as `guardedConnector`. It is still connecting; what goes wrong
 * comes as the socket's error, `address_refused` among it.
 */
export function guardedSocket(
  to: { readonly hostname: string; readonly port: number; readonly tls: boolean },
  options: Omit<DialOptions, 'connectTimeoutMs'>,
): Socket {
  const host = to.hostname.replace(/^\[|\]$/g, '')
  const lookup = guardedLookup(options) as LookupFunction
  // A literal address is dialled without a look-up.
  const refused = isIP(host) !== 0 && !mayDial(host, options.allowPrivate, true)
  const { ca } = options
  const place = { host, port: to.port, lookup }
  if (refused) return new Socket().destroy(nativeFault('address_refused'))
  if (!to.tls) return tcpConnect(place)
  return tlsConnect({
    ...place,
    rejectUnauthorized: true,
    // RFC 6066 §3: an address is no server name.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca }),
  })
}

/**
 * Whether an address may be dialled. `named` says that the policy's upstream is this very address, not a name
 * that resolved to it: only then may it be link-local or reserved.
 */
function mayDial(ip: string, allowPrivate: boolean, named: boolean): boolean {
  switch (addressReach(ip)) {
    case 'public':
      return true
    case 'private':
    case 'loopback':
      return allowPrivate
    case 'link-local':
    case 'reserved':
      return allowPrivate && named
  }
}

function guardedLookup({ allowPrivate, lookup }: Pick<DialOptions, 'allowPrivate' | 'lookup'>) {
  const resolve: LookupAll =
    lookup ?? ((hostname, options, done) => systemLookup(hostname, options, done as never))
  return (
    hostname: string,
    options: LookupOptions,
    done: (error: Error | null, address: string | readonly LookupAddress[], family?: number) => void,
  ): void => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return done(error, [])
      const [first] = addresses
      // INVARIANT: one address that may not be dialled refuses the name whole; nobody honest mixes the two.
      if (first === undefined || addresses.some(({ address }) => !mayDial(address, allowPrivate, false)))
        return done(nativeFault('address_refused'), [])
      return options.all === true ? done(null, addresses) : done(null, first.address, first.family)
    })
  }
}
