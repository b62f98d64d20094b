import { MIMEType } from 'node:util'
import { requestHeaderSet, responseHeaderSet } from '../../../src/gate/header-sets.js'
import { identify } from '../../../src/gate/identify.js'
import { parseContentType, refuseHeaders, SLOTS } from '../../../src/protocol/index.js'
import { type FuzzTarget, holds } from '../target.js'
import { valuesOf, wireRequest, written } from '../wire-request.js'

type Parse = typeof parseContentType

/** What never passes in either direction, written a second time. */
const NEVER =
  /^(?:authorization|cookie|set-cookie|host|connection|content-length|transfer-encoding|te|trailer|upgrade|expect|proxy-(?:authenticate|authentication-info|authorization|connection)|countersign-.*|project-access-token|x-amz-security-token|x-amz-date)$/
/** Headers that servers read as lists; everything else is there once. */
const LISTS =
  /^(?:accept|accept-charset|accept-encoding|accept-language|cache-control|connection|cookie|forwarded|link|pragma|prefer|te|via|x-forwarded-(?:for|host|proto))$/

const OVERRIDES = /^x-(?:http-)?method(?:-override)?$/

const forwarded = requestHeaderSet({ requestHeaders: ['x-amz-*', 'c*', 'stripe-account'] })
const returned = responseHeaderSet({ responseHeaders: ['x-*', 's*', 'proxy-*'] })

/** Headers that pass say one thing; at most one place presents a grant, and every other credential is named. */
export function headersWith(parse: Parse): FuzzTarget['run'] {
  return bytes => {
    const request = wireRequest(bytes)
    for (const value of valuesOf(request, 'content-type')) sameType(parse, value)
    for (const [name] of request.headers) {
      holds(!NEVER.test(name) || !forwarded.has(name), 'what never passes isn’t forwarded', name)
      holds(!NEVER.test(name) || !returned.has(name), 'what never passes doesn’t come back', name)
    }
    oneGrant(request)
    if (refuseHeaders(request.headers) !== null) return 'refused'
    for (const [name] of request.headers) {
      holds(/^[a-z0-9-]+$/.test(name), 'a name is plain', name)
      holds(
        LISTS.test(name) || valuesOf(request, name).length === 1,
        'a header that is no list is there once',
        name,
      )
      holds(!OVERRIDES.test(name), 'nothing overrides the method', name)
      if (name === 'content-type')
        holds(parse(valuesOf(request, name)[0] as string) !== null, 'a type that passes can be read')
    }
    return 'accepted'
  }
}

function sameType(parse: Parse, value: string): void {
  const type = parse(value)
  if (type === null) return
  const other = mimeType(value)
  holds(other !== null, 'a type that is read is one of the MIME Sniffing Standard', value)
  holds(
    other.essence === type.type,
    'the type is that of the MIME Sniffing Standard',
    other.essence,
    type.type,
  )
  holds((other.params.get('charset')?.toLowerCase() ?? null) === type.charset, 'so is the charset', value)
  holds(other.params.get('boundary') === type.boundary, 'so is the boundary', value)
}

function mimeType(value: string): MIMEType | null {
  try {
    return new MIMEType(value)
  } catch {
    return null
  }
}

function oneGrant(request: ReturnType<typeof wireRequest>): void {
  const query = request.target.split(/\?(.*)/s)[1] ?? null
  for (const slots of [SLOTS, ['bearer'], ['aws-sigv4']] as const) {
    const { presented, foreign } = identify(slots, request.headers, query)
    holds(foreign.length <= 8, 'what is named is bounded')
    if (presented !== null) {
      holds(
        (slots as readonly string[]).includes(presented.slot),
        'a grant is in a slot of the API',
        presented.slot,
      )
      holds(presented.token.length <= 2_048, 'a grant is at most 2 KiB')
    }
    const named = request.headers.filter(([name]) => name === 'authorization').length
    const inAuthorization = presented !== null && ['bearer', 'basic-user'].includes(presented.slot) ? 1 : 0
    const signing = presented?.slot === 'aws-sigv4' ? Number.POSITIVE_INFINITY : 0
    if (foreign.length < 8)
      holds(
        named <= inAuthorization + signing || foreign.includes('authorization'),
        'an Authorization that isn’t the grant’s is named',
        foreign,
      )
  }
}

const GRANT = `${Buffer.from('{"alg":"Ed25519","kid":"k","typ":"at+jwt"}').toString('base64url')}.e30.AA`

export const target: FuzzTarget = {
  about: 'headers: one reading of what passes, one grant at most, and every other credential named',
  words: [
    'content-type: ',
    'application/json',
    '; charset=utf-8',
    '; boundary="a b"',
    'authorization: Bearer ',
    'authorization: Basic ',
    'authorization: AWS4-HMAC-SHA256 ',
    'countersign-grant: ',
    'project-access-token: ',
    'x-amz-security-token: ',
    'x-api-key: ',
    'cookie: ',
    'x-http-method-override: ',
    'x_agent_id: ',
    'content-encoding: gzip',
    GRANT,
    '?access_token=',
    '?X-Amz-Security-Token=',
    '\n',
    '\t',
    ':',
    ';',
    '"',
    'AKIAIOSFODNN7EXAMPLE',
    'ghp_0123456789abcdefghijklmnopqrstuvwxyz',
    'sk_live_0123456789abcdefghijklmnop',
  ],
  maxBytes: 1_024,
  run: headersWith(parseContentType),
  seeds: () => ({
    plain: written('GET', '/x', [
      ['accept', 'a'],
      ['accept', 'b'],
      ['content-type', 'application/json; charset=utf-8'],
      ['authorization', `Bearer ${GRANT}`],
    ]),
    boundary: written('POST', '/x', [['content-type', 'multipart/form-data; boundary="a b"']]),
    basic: written('GET', '/x', [['authorization', `Basic ${Buffer.from(`${GRANT}:`).toString('base64')}`]]),
    aws: written('GET', `/x?X-Amz-Security-Token=${GRANT}&X-Amz-Signature=ab`, [['host', 'h']]),
    'two-grants': written('GET', '/x', [
      ['authorization', `Bearer ${GRANT}`],
      ['countersign-grant', GRANT],
    ]),
    'two-types': written('POST', '/x', [
      ['content-type', 'application/json'],
      ['content-type', 'text/plain'],
    ]),
    'foreign-key': written('GET', '/x?key=AKIAIOSFODNN7EXAMPLE', [
      ['x-api-key', 'sk_live_0123456789abcdefghijklmnop'],
    ]),
    underscore: written('GET', '/x', [['x_agent_id', '1']]),
    override: written('GET', '/x', [['x-http-method-override', 'DELETE']]),
    'type-tab': written('POST', '/x', [['content-type', 'application/json\ta']]),
  }),
}
