import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Agent, fetch } from 'undici'
import { CountersignError } from '../../src/canon/index.js'
import {
  type AddressReach,
  addressReach,
  guardedConnector,
  isPrivateAddress,
  type LookupAll,
} from '../../src/native/index.js'

const REACH: readonly (readonly [string, AddressReach])[] = [
  ['8.8.8.8', 'public'],
  ['172.15.255.255', 'public'],
  ['172.16.0.0', 'private'],
  ['172.31.255.255', 'private'],
  ['172.32.0.0', 'public'],
  ['192.168.1.1', 'private'],
  ['10.255.255.255', 'private'],
  ['100.64.0.1', 'private'],
  ['100.128.0.1', 'public'],
  ['127.255.255.254', 'loopback'],
  ['169.254.169.254', 'link-local'],
  ['0.0.0.0', 'reserved'],
  ['224.0.0.1', 'reserved'],
  ['255.255.255.255', 'reserved'],
  ['::', 'reserved'],
  ['::1', 'loopback'],
  ['2606:4700::1111', 'public'],
  ['fd12:3456::1', 'private'],
  ['fd00:ec2::254', 'link-local'],
  ['fe80::1', 'link-local'],
  ['fe80::1%eth0', 'link-local'],
  ['ff02::1', 'reserved'],
  ['2001:db8::1', 'reserved'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['::ffff:7f00:1', 'loopback'],
  ['::ffff:8.8.8.8', 'public'],
  ['::127.0.0.1', 'loopback'],
  ['64:ff9b::169.254.169.254', 'link-local'],
  ['2002:0a00:0001::1', 'private'],
  ['2002:0808:0808::1', 'public'],
  ['not an address', 'reserved'],
  ['127.1', 'reserved'],
]

test('every address is known for where it leads, also inside an IPv6 address', () => {
  for (const [ip, reach] of REACH) {
    assert.equal(addressReach(ip), reach, ip)
    assert.equal(isPrivateAddress(ip), reach !== 'public', ip)
  }
})

async function dialled(url: string, allowPrivate: boolean, lookup?: LookupAll): Promise<string> {
  const connect = guardedConnector({
    allowPrivate,
    connectTimeoutMs: 2_000,
    ...(lookup === undefined ? {} : { lookup }),
  })
  const agent = new Agent({ connect })
  try {
    return String((await fetch(url, { dispatcher: agent })).status)
  } catch (error) {
    const cause = (error as Error).cause
    return cause instanceof CountersignError ? cause.code : String((cause as Error)?.message)
  } finally {
    await agent.destroy()
  }
}

async function withServer(use: (port: number, hits: () => number) => Promise<void>): Promise<void> {
  let hits = 0
  const server = createServer((_, response) => {
    hits++
    response.writeHead(204).end()
  })
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  try {
    await use((server.address() as AddressInfo).port, () => hits)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

function answering(...addresses: string[]): LookupAll {
  return (_hostname, _options, done) =>
    done(
      null,
      addresses.map(address => ({ address, family: address.includes(':') ? 6 : 4 })),
    )
}

test('attack: a public name that rebinds to loopback is refused when dialling', async () => {
  await withServer(async (port, hits) => {
    const url = `http://api.example.com:${port}/`
    assert.equal(await dialled(url, false, answering('127.0.0.1')), 'address_refused')
    assert.equal(await dialled(url, false, answering('::ffff:127.0.0.1')), 'address_refused')
    assert.equal(hits(), 0)
  })
})

test('attack: one inside address among public ones refuses the name', async () => {
  await withServer(async (port, hits) => {
    const url = `http://api.example.com:${port}/`
    assert.equal(await dialled(url, false, answering('8.8.8.8', '127.0.0.1')), 'address_refused')
    assert.equal(hits(), 0)
  })
})

test('attack: a literal loopback address in any spelling is refused when dialling', async () => {
  await withServer(async (port, hits) => {
    for (const host of ['127.0.0.1', '2130706433', '0x7f.1', '[::ffff:127.0.0.1]', '0.0.0.0', '[::]']) {
      assert.equal(await dialled(`http://${host}:${port}/`, false), 'address_refused', host)
    }
    assert.equal(hits(), 0)
  })
})

test('attack: a name that the policy takes for private does not lead to the metadata service', async () => {
  const url = 'http://billing.internal/'
  assert.equal(await dialled(url, true, answering('169.254.169.254')), 'address_refused')
  assert.equal(await dialled(url, true, answering('fd00:ec2::254')), 'address_refused')
})

test('a private upstream that the policy names is dialled, by address and by name', async () => {
  await withServer(async (port, hits) => {
    assert.equal(await dialled(`http://127.0.0.1:${port}/`, true), '204')
    assert.equal(await dialled(`http://billing.internal:${port}/`, true, answering('127.0.0.1')), '204')
    assert.equal(hits(), 2)
  })
})
