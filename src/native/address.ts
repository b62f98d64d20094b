import { BlockList, isIP } from 'node:net'

/**
 * Where an IP address leads. `private` networks may be an upstream that the policy names; `local` (this host,
 * this link, the cloud's metadata service) and `reserved` (multicast, documentation, unassigned) never are, unless
 * the policy names that very address.
 */
export type AddressReach = 'public' | 'private' | 'loopback' | 'link-local' | 'reserved'

type Range = readonly [prefix: string, bits: number]

/** IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890), all that is not globally reachable. */
const RANGES: Readonly<Record<Exclude<AddressReach, 'public'>, readonly Range[]>> = {
  loopback: [
    ['127.0.0.0', 8],
    ['::1', 128],
  ],
  'link-local': [
    ['169.254.0.0', 16],
    ['fe80::', 10],
    // ATTACK: metadata services that sit in unique local space instead (fd00:ec2::254).
    ['fd00:ec2::', 32],
  ],
  private: [
    ['10.0.0.0', 8],
    ['172.16.0.0', 12],
    ['192.168.0.0', 16],
    ['100.64.0.0', 10],
    ['fc00::', 7],
    ['fec0::', 10],
  ],
  reserved: [
    ['0.0.0.0', 8],
    ['192.0.0.0', 24],
    ['192.0.2.0', 24],
    ['192.88.99.0', 24],
    ['198.18.0.0', 15],
    ['198.51.100.0', 24],
    ['203.0.113.0', 24],
    ['224.0.0.0', 4],
    ['240.0.0.0', 4],
    ['::', 128],
    ['100::', 64],
    ['2001::', 23],
    ['2001:db8::', 32],
    ['3fff::', 20],
    ['5f00::', 16],
    ['ff00::', 8],
  ],
}

const REACHES = ['loopback', 'link-local', 'private', 'reserved'] as const
const lists = REACHES.map(reach => [reach, blockList(RANGES[reach])] as const)

/** Prefixes of IPv6 addresses that carry an IPv4 address, with the offset of its four bytes. */
const EMBEDDINGS: readonly { readonly list: BlockList; readonly offset: number }[] = [
  { list: blockList([['::ffff:0:0', 96]]), offset: 12 },
  { list: blockList([['::', 96]]), offset: 12 },
  { list: blockList([['64:ff9b::', 96]]), offset: 12 },
  { list: blockList([['64:ff9b:1::', 48]]), offset: 12 },
  { list: blockList([['2002::', 16]]), offset: 2 },
]

/**
 * Where a textual IP address leads; `reserved` for text that is not one. An IPv4 address inside an IPv6 one (mapped,
 * compatible, NAT64, 6to4) counts as what it embeds.
 */
export function addressReach(ip: string): AddressReach {
  const bare = ip.replace(/%.*$/, '')
  const family = isIP(bare)
  if (family === 0) return 'reserved'
  if (family === 6 && bare !== '::' && bare !== '::1') {
    const embedding = EMBEDDINGS.find(({ list }) => list.check(bare, 'ipv6'))
    if (embedding !== undefined) return addressReach(embeddedIpv4(bare, embedding.offset))
  }
  const match = lists.find(([, list]) => list.check(bare, family === 4 ? 'ipv4' : 'ipv6'))
  return match?.[0] ?? 'public'
}

/** True for every address that is not on the public Internet, and for text that is no address. Pure. */
export function isPrivateAddress(ip: string): boolean {
  return addressReach(ip) !== 'public'
}

function blockList(ranges: readonly Range[]): BlockList {
  const list = new BlockList()
  for (const [prefix, bits] of ranges) list.addSubnet(prefix, bits, isIP(prefix) === 4 ? 'ipv4' : 'ipv6')
  return list
}

function embeddedIpv4(ip: string, offset: number): string {
  // The URL parser writes every IPv6 address in one form: lower-case groups, no dotted tail, `::` at most once.
  const [head = '', tail] = new URL(`http://[${ip}]`).hostname.slice(1, -1).split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after]
  const bytes = groups.flatMap(group => {
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 255]
  })
  return bytes.slice(offset, offset + 4).join('.')
}
