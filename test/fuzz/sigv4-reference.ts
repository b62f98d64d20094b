import { createHash, createHmac } from 'node:crypto'
import type { Header } from '../../src/protocol/index.js'

/*
 * AWS Signature Version 4 a second time, from AWS's description and from nothing of ours.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */

/** Signs everything in the seeds. */
export const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')
const hmac = (key: string | Uint8Array, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest()

/** The canonical request; null where there is none, because an encoding is no UTF-8. */
export function canonicalRequest(
  method: string,
  target: string,
  headers: readonly Header[],
  payload: string,
  { service }: Pick<Scope, 'service'>,
): string | null {
  const [path, query = ''] = target.split(/\?(.*)/s) as [string, string | undefined]
  const pairs: (readonly [string, string])[] = []
  for (const part of query === '' ? [] : query.split('&')) {
    const [name, value = ''] = part.split(/=(.*)/s) as [string, string | undefined]
    const [decodedName, decodedValue] = [decoded(name), decoded(value)]
    if (decodedName === null || decodedValue === null) return null
    if (decodedName !== 'X-Amz-Signature') pairs.push([encoded(decodedName), encoded(decodedValue)])
  }
  const compared = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
  pairs.sort((a, b) => compared(a[0], b[0]) || compared(a[1], b[1]))
  const isS3 = service === 's3' || service === 's3-object-lambda' || service === 's3express'
  const segments = path.split('/').map(each => (isS3 ? decoded(each) : each))
  if (segments.includes(null)) return null
  const names = [...new Set(headers.map(([name]) => name))].sort()
  const lines = names.map(name => {
    const values = headers.filter(each => each[0] === name).map(each => each[1].trim().replace(/ +/g, ' '))
    return `${name}:${values.join(',')}\n`
  })
  return [
    method,
    segments.map(each => encoded(each as string)).join('/'),
    pairs.map(pair => pair.join('=')).join('&'),
    lines.join(''),
    names.join(';'),
    payload,
  ].join('\n')
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

/** Every byte of UTF-8 but the unreserved ones. */
function encoded(text: string): string {
  return [...Buffer.from(text)]
    .map(byte =>
      /[A-Za-z0-9._~-]/.test(String.fromCharCode(byte))
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
    )
    .join('')
}

export interface Scope {
  readonly date: string
  readonly region: string
  readonly service: string
}

export function signatureOf(canonical: string, { date, region, service }: Scope): string {
  const day = date.slice(0, 8)
  const key = hmac(hmac(hmac(hmac(`AWS4${SECRET}`, day), region), service), 'aws4_request')
  const text = ['AWS4-HMAC-SHA256', date, `${day}/${region}/${service}/aws4_request`, sha256(canonical)].join(
    '\n',
  )
  return hmac(key, text).toString('hex')
}
