import { createServer } from 'node:net'
import { SANDBOX_ADDRESSES, type SandboxAddresses } from './init-sandbox.js'

/** The addresses of the sample policy where they are all free, other free ports otherwise. */
export async function availableAddresses(): Promise<SandboxAddresses> {
  const free = await Promise.all(Object.values(SANDBOX_ADDRESSES).map(address => isFree(portOf(address))))
  return free.every(Boolean) ? SANDBOX_ADDRESSES : freeAddresses()
}

/**
 * Ports that were free a moment ago: a policy is sealed with its upstreams' ports, so they must be known before
 * anything listens.
 */
export async function freeAddresses(): Promise<SandboxAddresses> {
  const servers = await Promise.all(Object.keys(SANDBOX_ADDRESSES).map(() => listen(0)))
  const [gate, stripePort, railway, stripe, billing, aws] = servers.map(
    server => `127.0.0.1:${(server.address() as { port: number }).port}`,
  ) as [string, string, string, string, string, string]
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return { gate, stripePort, railway, stripe, billing, aws }
}

async function isFree(port: number): Promise<boolean> {
  try {
    const server = await listen(port)
    await new Promise(resolve => server.close(resolve))
    return true
  } catch {
    return false
  }
}

function listen(port: number) {
  const server = createServer()
  return new Promise<typeof server>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1))
}
