import { isIPv4 } from 'node:net'
import type { Config } from './config-schema.js'
import { parseListenAddress } from './listen-address.js'

/** Addresses that agents' requests come in at and that other machines may reach, as they are written; `tls` where the grant isn't sent in the clear. */
function openListeners({ gate }: Pick<Config, 'gate'>): readonly OpenListener[] {
  const plain = [gate.listen, ...Object.values(gate.ports ?? {})]
  const tls = gate.tls === undefined ? [] : [gate.tls.listen, ...Object.values(gate.tls.ports ?? {})]
  return [
    ...plain.map(address => ({ address, tls: false })),
    ...tls.map(address => ({ address, tls: true })),
  ].filter(({ address }) => !isLoopback(parseListenAddress(address).host))
}

interface OpenListener {
  readonly address: string
  readonly tls: boolean
}

/** RFC 1122 §3.2.1.3, RFC 4291 §2.5.3. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}

/** What each of them means, as `missing` and the doctor have it. */
export function openListenerWords(config: Pick<Config, 'gate'>): readonly OpenListenerWords[] {
  const barrier =
    config.gate.podToken === undefined
      ? 'a grant is then all that stands between them and the credentials'
      : 'with `gate.podToken` nothing at all stands between them and the credentials'
  return openListeners(config).map(({ address, tls }) => ({
    address,
    words: `The gate listens at ${address}, which other machines can reach: ${barrier}${tls ? '' : ', and grants are sent in the clear'}.`,
    mend: 'Listen at 127.0.0.1, or let nobody but the agents reach it (firewall, NetworkPolicy).',
  }))
}

export interface OpenListenerWords {
  readonly address: string
  readonly words: string
  readonly mend: string
}
