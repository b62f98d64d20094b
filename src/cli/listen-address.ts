import { UsageError } from './io.js'

/** Where a server of this program listens. */
export interface ListenAddress {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
}

/** Parses `host:port` or `[ipv6]:port`; throws a UsageError. */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535)
    throw new UsageError(`${text} is no address to listen at`, 'Write HOST:PORT or [IPV6]:PORT.')
  return { host: (match[1] ?? match[2]) as string, port }
}
