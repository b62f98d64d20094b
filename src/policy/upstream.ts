/** The origin that a policy writes; null unless it is exactly `http(s)://host[:port]`. */
export function parseOrigin(text: string): URL | null {
  if (!/^https?:\/\/[A-Za-z0-9.:[\]-]+$/.test(text)) return null
  try {
    const url = new URL(text)
    return url.origin === text.toLowerCase() ||
      `${url.origin}:${url.protocol === 'https:' ? 443 : 80}` === text
      ? url
      : null
  } catch {
    return null
  }
}

/** Whether an origin's host is itself private: an address of a private, loopback or link-local range, or a name that only a private resolver knows. */
export function isPrivateHost(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase()
  if (bare.includes(':')) return /^(::1?$|f[cd]|fe[89ab]|::ffff:)/.test(bare)
  if (/^[0-9.]+$/.test(bare)) return isPrivateIpv4(bare.split('.').map(Number))
  return !bare.includes('.') || /\.(internal|local|localhost|svc|lan|home\.arpa|cluster\.local)$/.test(bare)
}

function isPrivateIpv4([a = 0, b = 0]: readonly number[]): boolean {
  if (a === 10 || a === 127 || a === 0) return true
  if (a === 172) return b >= 16 && b < 32
  if (a === 192) return b === 168
  if (a === 169) return b === 254
  return a === 100 && b >= 64 && b < 128
}
