import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { argsIn, catalogOf, FORM, JSON_TYPE, refusalOf, request } from './requests.js'

const catalog = catalogOf([
  {
    route: 'POST /things/{thing}',
    classes: ['update'],
    body: ['form', 'json', 'multipart'],
    args: {
      amount: 'int',
      ratio: 'double',
      live: 'bool',
      tags: { list: 'string' },
      items: { list: { fields: { price: 'string', quantity: 'int' } } },
      metadata: { map: 'string' },
      note: 'string',
    },
  },
  { route: 'GET /things', classes: ['read'], args: { tags: { list: 'string' } } },
  { route: 'PUT /blobs/{blob}', classes: ['update'], body: ['stream'] },
])

const form = (body: string) => request('POST', '/things/t1', { headers: [FORM], body })
const json = (body: string) => request('POST', '/things/t1', { headers: [JSON_TYPE], body })

describe('form bodies', () => {
  it('give nested, typed arguments', () => {
    const body =
      'amount=500&ratio=0.25&live=true&tags[]=a&tags[]=b%20c&items[0][price]=p1&items[0][quantity]=2&metadata%5B0%5D=x'
    assert.deepEqual(argsIn(catalog, form(body)), {
      thing: 't1',
      amount: 500,
      ratio: 0.25,
      live: true,
      tags: ['a', 'b c'],
      items: [{ price: 'p1', quantity: 2 }],
      metadata: { 0: 'x' },
    })
  })

  it('leave a number that isn’t written canonically as text', () => {
    for (const amount of ['0500', '5e2', '+5', '0x10', ' 5', '5.0', '-0', '9007199254740993', ''])
      assert.equal(
        typeof (argsIn(catalog, form(`amount=${encodeURIComponent(amount)}`)) as { amount: unknown }).amount,
        'string',
      )
  })

  it('make a list of indexed members where no type says otherwise', () => {
    assert.deepEqual(argsIn(catalog, form('free[0]=a&free[1]=b&other[1]=c')), {
      thing: 't1',
      free: ['a', 'b'],
      other: { 1: 'c' },
    })
  })

  it('keep __proto__ an ordinary member', () => {
    const args = argsIn(catalog, form('metadata[__proto__]=x&__proto__=y')) as Record<string, unknown>
    assert.equal(Object.hasOwn(args, '__proto__'), true)
    assert.equal(({} as Record<string, unknown>).x, undefined)
  })

  const refused: readonly [name: string, body: string, code: string][] = [
    ['the same name twice', 'note=a&note=b', 'parameter_duplicate'],
    ['the same nested name twice', 'metadata[a]=1&metadata[a]=2', 'parameter_duplicate'],
    ['the same name encoded and plain', 'metadata[a]=1&metadata%5Ba%5D=2', 'parameter_duplicate'],
    ['a text that is an object as well', 'note=a&note[b]=c', 'parameter_structure'],
    ['an object that is a text as well', 'metadata[a]=b&metadata=c', 'parameter_duplicate'],
    ['both kinds of list', 'tags[]=a&tags[0]=b', 'parameter_structure'],
    ['a list with a gap', 'tags[0]=a&tags[2]=b', 'parameter_structure'],
    ['objects in a list without index', 'items[][price]=p', 'parameter_structure'],
    ['a name with a space before it', '%20amount=9&amount=1', 'parameter_structure'],
    ['a name with a space behind it', 'amount%C2%A0=9&amount=1', 'parameter_structure'],
    ['a field that names the charset', '_charset_=utf-7&amount=1', 'parameter_ambiguous'],
    ['an open bracket', 'metadata[a=b', 'parameter_structure'],
    ['text after a bracket', 'metadata[a]b=c', 'parameter_structure'],
    ['a bracket alone', '[a]=b', 'parameter_structure'],
    ['17 levels', `a${'[b]'.repeat(17)}=c`, 'parameter_structure'],
    ['a semicolon between pairs', 'amount=1;amount=9', 'parameter_syntax'],
    ['an empty pair', 'note=a&&live=true', 'parameter_syntax'],
    ['a pair without a name', '=a', 'parameter_syntax'],
    ['a raw space', 'note=a b', 'parameter_syntax'],
    ['a raw line end', 'note=a\n', 'parameter_syntax'],
    ['a NUL', 'note=a%00b', 'parameter_syntax'],
    ['a broken escape', 'note=%zz', 'parameter_syntax'],
    ['an overlong escape', 'note=%C0%AF', 'parameter_syntax'],
    ['a declared name in another case', 'Amount=5', 'parameter_ambiguous'],
    ['two names that differ in case', 'free=1&Free=2', 'parameter_ambiguous'],
    ['the name of a path parameter', 'thing=t2', 'parameter_ambiguous'],
    ['_method', '_method=DELETE', 'method_override'],
  ]
  for (const [name, body, code] of refused)
    it(`are refused with ${name}`, () => assert.equal(refusalOf(catalog, form(body)), code))
})

describe('JSON bodies', () => {
  it('keep their own types', () => {
    assert.deepEqual(argsIn(catalog, json('{"amount":"500","live":true,"items":[{"price":"p"}]}')), {
      thing: 't1',
      amount: '500',
      live: true,
      items: [{ price: 'p' }],
    })
  })

  const refused: readonly [name: string, body: string | Uint8Array, code: string][] = [
    ['duplicate members', '{"note":"a","note":"b"}', 'json_duplicate_key'],
    ['duplicate members behind an escape', '{"note":"a","n\\u006fte":"b"}', 'json_duplicate_key'],
    ['members that differ in case', '{"note":"a","Note":"b"}', 'parameter_ambiguous'],
    ['nested members that differ in case', '{"x":[{"note":"a","NOTE":"b"}]}', 'parameter_ambiguous'],
    ['a declared member with a Kelvin sign', '{"ra\u212Ao":1,"rako":2}', 'parameter_ambiguous'],
    ['a long s', '{"tag\u017F":[]}', 'parameter_ambiguous'],
    ['a byte order mark', '\ufeff{"note":"a"}', 'json_syntax'],
    ['UTF-16', new Uint8Array(Buffer.from('{"note":"a"}', 'utf16le')), 'json_syntax'],
    ['trailing bytes', '{"note":"a"}{"note":"b"}', 'json_syntax'],
    ['deep nesting', `{"x":${'['.repeat(100)}${']'.repeat(100)}}`, 'json_depth'],
    ['a list', '[1]', 'body_not_object'],
    ['the name of a path parameter', '{"thing":"t2"}', 'parameter_ambiguous'],
    ['the name of a path parameter in another case', '{"Thing":"t2"}', 'parameter_ambiguous'],
    ['_method', '{"_method":"DELETE"}', 'method_override'],
  ]
  for (const [name, body, code] of refused)
    it(`are refused with ${name}`, () =>
      assert.equal(refusalOf(catalog, request('POST', '/things/t1', { headers: [JSON_TYPE], body })), code))
})

describe('multipart bodies', () => {
  const BOUNDARY = 'e2a7748f-d325'
  const multipart = (body: string, boundary = BOUNDARY) =>
    request('POST', '/things/t1', {
      headers: [['content-type', `multipart/form-data; boundary=${boundary}`]],
      body,
    })
  const field = (name: string, value: string) =>
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
  const file = (name: string, value: string) =>
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n${value}\r\n`
  const END = `--${BOUNDARY}--`

  it('give fields as text and files by name and size', () => {
    const body = `${field('note', 'hi')}${field('metadata[a]', '')}${file('file', 'xyz')}${END}\r\n`
    assert.deepEqual(argsIn(catalog, multipart(body)), {
      thing: 't1',
      note: 'hi',
      metadata: { a: '' },
      file: { filename: 'a.png', lengthBytes: 3 },
    })
  })

  const refused: readonly [name: string, body: string, code: string][] = [
    ['a preamble', `x\r\n${field('note', 'a')}${END}`, 'multipart_invalid'],
    ['an epilogue', `${field('note', 'a')}${END}\r\nx`, 'multipart_invalid'],
    ['no end', field('note', 'a'), 'multipart_invalid'],
    ['no part', END, 'multipart_invalid'],
    ['bare line feeds', `${field('note', 'a')}${END}`.replaceAll('\r\n', '\n'), 'multipart_invalid'],
    [
      'a delimiter behind a bare line feed',
      `${field('note', `a\n--${BOUNDARY}`)}${END}`,
      'multipart_invalid',
    ],
    ['a longer boundary inside', `${field('note', `a\r\n--${BOUNDARY}x`)}${END}`, 'multipart_invalid'],
    [
      'a transfer encoding',
      `${field('note', 'YQ==').replace('\r\n\r\n', '\r\nContent-Transfer-Encoding: base64\r\n\r\n')}${END}`,
      'multipart_invalid',
    ],
    [
      'an extended file name',
      `${file('f', 'a').replace('filename=', 'filename*=')}${END}`,
      'multipart_invalid',
    ],
    ['an escaped name', `${field('no\\"te', 'a')}${END}`, 'multipart_invalid'],
    [
      'a nested multipart',
      `${file('f', 'a').replace('image/png', 'multipart/mixed; boundary=x')}${END}`,
      'multipart_invalid',
    ],
    [
      'a field in another charset',
      `${field('note', 'a').replace('\r\n\r\n', '\r\nContent-Type: text/plain; charset=utf-16\r\n\r\n')}${END}`,
      'multipart_invalid',
    ],
    ['the same field twice', `${field('note', 'a')}${field('note', 'b')}${END}`, 'parameter_duplicate'],
    ['_method', `${field('_method', 'DELETE')}${END}`, 'method_override'],
    ['a field of more than 64 KiB', `${field('note', 'x'.repeat(70_000))}${END}`, 'body_too_large'],
  ]
  for (const [name, body, code] of refused)
    it(`are refused with ${name}`, () => assert.equal(refusalOf(catalog, multipart(body)), code))

  it('are refused without a boundary', () => {
    const raw = request('POST', '/things/t1', {
      headers: [['content-type', 'multipart/form-data']],
      body: END,
    })
    assert.equal(refusalOf(catalog, raw), 'multipart_invalid')
  })
})

describe('bodies and their Content-Type', () => {
  const post = (type: string | null, body = 'note=a') =>
    request('POST', '/things/t1', { headers: type === null ? [] : [['content-type', type]], body })

  it('must agree', () => {
    assert.equal(refusalOf(catalog, post('application/json')), 'json_syntax')
    assert.equal(refusalOf(catalog, post('text/plain')), 'content_type_mismatch')
    assert.equal(refusalOf(catalog, post('application/json-patch+json', '[]')), 'content_type_mismatch')
    assert.equal(
      refusalOf(catalog, post('application/x-www-form-urlencoded; charset=utf-16')),
      'content_type_mismatch',
    )
    assert.equal(refusalOf(catalog, post(null)), 'content_type_mismatch')
  })

  it('of an empty body says nothing, and no body may follow it', () => {
    const headers: [string, string][] = [
      ['content-type', 'text/plain;charset=UTF-8'],
      ['content-length', '0'],
    ]
    assert.deepEqual(argsIn(catalog, request('POST', '/things/t1', { headers })), { thing: 't1' })
    const longer = request('POST', '/things/t1', { headers, body: 'note=a' })
    assert.equal(refusalOf(catalog, longer), 'body_unexpected')
  })

  it('are refused where the operation takes none', () => {
    assert.equal(
      refusalOf(catalog, request('GET', '/things', { headers: [FORM], body: 'a=b' })),
      'body_unexpected',
    )
  })

  it('are refused when they pass the inspection limit', () => {
    const padded = `{"x":"${' '.repeat(1024 * 1024)}","note":"a"}`
    assert.equal(refusalOf(catalog, json(padded)), 'body_too_large')
  })

  it('go past unread where the catalog streams them, but never encoded', () => {
    const put = (headers: [string, string][]) => request('PUT', '/blobs/b', { headers, body: 'bytes' })
    assert.deepEqual(argsIn(catalog, put([])), { blob: 'b' })
    assert.equal(refusalOf(catalog, put([['content-encoding', 'gzip']])), 'content_encoding')
  })
})

describe('query parameters', () => {
  it('join the arguments, and a declared list may repeat its name', () => {
    assert.deepEqual(argsIn(catalog, request('GET', '/things?tags=a&tags=b')), { tags: ['a', 'b'] })
    assert.deepEqual(argsIn(catalog, request('GET', '/things?tags=a')), { tags: 'a' })
  })

  it('are refused beside the same name in the body', () => {
    const raw = request('POST', '/things/t1?amount=1', { headers: [FORM], body: 'amount=2' })
    assert.equal(refusalOf(catalog, raw), 'parameter_ambiguous')
    const spelled = request('POST', '/things/t1?free=1', { headers: [JSON_TYPE], body: '{"FREE":2}' })
    assert.equal(refusalOf(catalog, spelled), 'parameter_ambiguous')
  })

  it('are refused when they override the method', () => {
    assert.equal(refusalOf(catalog, request('GET', '/things?_method=DELETE')), 'method_override')
  })
})
