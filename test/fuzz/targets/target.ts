import { isUnclassifiable, parseTarget, protocolErrors } from '../../../src/protocol/index.js'
import { equal, type FuzzTarget, holds, latin1 } from '../target.js'

type ParseTarget = typeof parseTarget

const ORIGIN = 'http://origin.test'

/** A request target that is accepted says one thing: to us, to the URL Standard and to servers that decode once more. */
export function targetWith(parse: ParseTarget): FuzzTarget['run'] {
  return bytes => {
    const raw = latin1(bytes)
    const target = parse(raw)
    if (isUnclassifiable(target)) {
      holds(Object.hasOwn(protocolErrors, target.code), 'a refusal has a code', target.code)
      return 'refused'
    }
    holds(target.raw === raw, 'what is sent is the input', target.raw)
    holds(
      target.path + (target.query === null ? '' : `?${target.query}`) === raw,
      'path and query are all of it',
    )
    holds(`/${target.segments.join('/')}` === target.path, 'segments are the path', target.segments)
    equal(parse(target.raw), target, 'it is read the same again')
    for (const url of [new URL(ORIGIN + raw), new URL(raw, ORIGIN)]) {
      holds(url.origin === ORIGIN && url.hash === '', 'a URL of it has the same origin', url.href)
      holds(url.pathname === target.path, 'a URL of it has the same path', url.pathname)
      const query = target.query === null || target.query === '' ? '' : `?${target.query}`
      // The URL Standard writes an apostrophe in a query as `%27`; it means the same.
      holds(url.search === query.replaceAll("'", '%27'), 'a URL of it has the same query', url.search)
    }
    let path = target.path
    for (let times = 0; times < 3; times++) {
      holds(!/[\\\p{Cc}]/u.test(path), 'no control and no backslash hides in it', path)
      const dots = path.split('/').some(name => /^\.{1,2}\s*$/.test(name))
      holds(!dots, 'no dot segment hides in it, however often it is decoded', path)
      path = decodedOr(path)
    }
    return 'accepted'
  }
}

function decodedOr(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export const target: FuzzTarget = {
  about: 'request targets: read as the URL Standard reads them, byte for byte what is sent',
  words: [
    '/',
    '//',
    '/../',
    '/./',
    '%2F',
    '%2E',
    '%2e',
    '%5C',
    '%252E',
    '%25',
    '%C3%A4',
    '%00',
    '?',
    '#',
    ';',
    '..;',
    'http://',
    '@',
    '*',
  ],
  maxBytes: 512,
  run: targetWith(parseTarget),
  seeds: () => ({
    plain: '/v1/customers/cus_1?limit=3&expand[]=data',
    root: '/',
    encoded: '/repos/acme/web/contents/docs%2Fa%20b/%C3%A4.md?ref=a%2Fb',
    'query-only': '/?a=%7B%22b%22%3A1%7D&c=d%26e',
    'dots-encoded': '/v1/%2e%2e/admin',
    'dots-after-slash': '/v1/a%2F..%2Fb',
    authority: '//evil.test/x',
    backslash: '/\\evil.test/x',
    absolute: 'http://evil.test/x',
    fragment: '/v1/x#y',
    'twice-encoded': '/v1/%252e%252e/x',
  }),
}
