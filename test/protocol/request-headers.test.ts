import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Header, parseContentType, refuseHeaders } from '../../src/protocol/index.js'

const REFUSED: readonly [name: string, headers: readonly Header[], code: string][] = [
  ['X-HTTP-Method-Override', [['x-http-method-override', 'DELETE']], 'method_override'],
  ['X-Method-Override', [['x-method-override', 'DELETE']], 'method_override'],
  ['X-HTTP-Method', [['x-http-method', 'DELETE']], 'method_override'],
  [
    'two Hosts',
    [
      ['host', 'a'],
      ['host', 'b'],
    ],
    'header_duplicate',
  ],
  [
    'two equal Content-Types',
    [
      ['content-type', 'a/b'],
      ['content-type', 'a/b'],
    ],
    'header_duplicate',
  ],
  [
    'two Authorizations',
    [
      ['authorization', 'Bearer a'],
      ['authorization', 'Basic b'],
    ],
    'header_duplicate',
  ],
  [
    'two Stripe-Accounts',
    [
      ['stripe-account', 'a'],
      ['stripe-account', 'b'],
    ],
    'header_duplicate',
  ],
  [
    'X_Agent_Id beside X-Agent-Id',
    [
      ['x-agent-id', 'a'],
      ['x_agent_id', 'b'],
    ],
    'header_name',
  ],
  ['a name with a space', [['x ', 'a']], 'header_name'],
  ['Countersign-Decision', [['countersign-decision', 'allow']], 'header_reserved'],
  ['Countersign-Receipt', [['countersign-receipt', '1']], 'header_reserved'],
  ['a Content-Type with a tab', [['content-type', 'application/json\ta']], 'content_type_invalid'],
  [
    'two media types in one header',
    [['content-type', 'application/json, text/plain']],
    'content_type_invalid',
  ],
  ['an empty Content-Type', [['content-type', '']], 'content_type_invalid'],
  ['a Content-Encoding that nobody decodes', [['content-encoding', 'zstd']], 'content_encoding'],
  ['nested encodings', [['content-encoding', 'gzip, gzip']], 'content_encoding'],
]

describe('refuseHeaders', () => {
  for (const [name, headers, code] of REFUSED)
    it(`refuses ${name}`, () => assert.equal(refuseHeaders(headers)?.code, code))

  it('lets through what SDKs send', () => {
    const headers: Header[] = [
      ['accept', 'application/json'],
      ['accept', 'text/plain'],
      ['content-type', 'application/x-www-form-urlencoded; charset=utf-8'],
      ['countersign-grant', 'x.y.z'],
      ['prefer', 'respond-async'],
      ['content-encoding', 'gzip'],
    ]
    assert.equal(refuseHeaders(headers), null)
  })
})

describe('parseContentType', () => {
  it('reads type, charset and boundary', () => {
    assert.deepEqual(parseContentType('Application/JSON; charset="UTF-8"'), {
      type: 'application/json',
      charset: 'utf-8',
      boundary: null,
    })
    assert.equal(parseContentType('multipart/form-data; boundary=a-b')?.boundary, 'a-b')
  })

  it('refuses a parameter that is given twice', () => {
    assert.equal(parseContentType('multipart/form-data; boundary=a; boundary=b'), null)
  })

  for (const value of ['application', 'a/b;', 'a/b; c', 'a/b; c="\\""', 'a/b c/d', ' a/b', 'a/b\r\nx: y'])
    it(`refuses ${JSON.stringify(value)}`, () => assert.equal(parseContentType(value), null))
})
