import type { Header } from '../protocol/index.js'
import type { GateApi } from './api.js'
import type { ReadBody } from './body.js'
import { gateFault } from './error-table.js'
import { withoutWait } from './prefer.js'

/**
 * The request's headers for the upstream beside credential and framing, built from nothing: what the catalog adds,
 * which replaces the agent's of the same name, and the agent's that the API admits. Lower-case names.
 */
export function outboundHeaders(
  api: Pick<GateApi, 'requestHeaders'>,
  agent: readonly Header[],
  added: readonly Header[],
): readonly Header[] {
  const outbound = added.map(([name, value]): Header => [name.toLowerCase(), value])
  const replaced = new Set(outbound.map(([name]) => name))
  for (const [name, value] of agent) {
    if (!api.requestHeaders.has(name) || replaced.has(name)) continue
    const forwarded = name === 'prefer' ? withoutWait(value) : value
    if (forwarded !== '' || value === '') outbound.push([name, forwarded])
  }
  return outbound
}

/**
 * All of the request's headers. Flat, for undici; Host is written by the connection. What the keeper minted replaces
 * any other of the same name. `accept-encoding: identity`, so that the answer can be searched for an echo.
 */
export function upstreamHeaders(
  outbound: readonly Header[],
  minted: readonly Header[],
  body: ReadBody,
): string[] {
  const written: string[] = ['accept-encoding', 'identity']
  const replaced = new Set<string>()
  for (const [name, value] of minted) {
    replaced.add(name.toLowerCase())
    written.push(name, value)
  }
  for (const [name, value] of outbound) if (!replaced.has(name)) written.push(name, value)
  if (body.kind === 'stream' && body.lengthBytes !== null)
    written.push('content-length', String(body.lengthBytes))
  return written
}

/**
 * The same for a request that the keeper signed.
 *
 * INVARIANT: `outbound` goes as it was signed, all of it; a header that both name would be one that nobody signed.
 */
export function signedUpstreamHeaders(
  outbound: readonly Header[],
  minted: readonly Header[],
  body: ReadBody,
): string[] {
  const signed = new Set(minted.map(([name]) => name.toLowerCase()))
  if (outbound.some(([name]) => signed.has(name)))
    throw gateFault('gate_fault', 'a signed header is replaced')
  return upstreamHeaders(outbound, minted, body)
}
