import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { classify, type OwnRoute } from '../../src/protocol/index.js'
import { argsIn, catalogOf, operationIn, recognisedIn, refusalOf, request } from './requests.js'

const read = (route: string): OwnRoute => ({ route, classes: ['read'] })

describe('routes', () => {
  const catalog = catalogOf([
    read('GET /charges'),
    read('GET /charges/{charge}'),
    read('GET /charges/search'),
    { route: 'POST /charges/{charge}', classes: ['update'] },
    { route: 'DELETE /charges/{charge}/refunds/{refund}', classes: ['irreversible'] },
    read('GET /repos/{owner}/{repo}/contents/{path+}'),
  ])
  const nameOf = (method: string, target: string) => recognisedIn(catalog, request(method, target)).name

  it('are found by method and template', () => {
    assert.equal(nameOf('GET', '/charges'), 'GET /charges')
    assert.equal(nameOf('GET', '/charges/ch_1'), 'GET /charges/{charge}')
    assert.equal(nameOf('DELETE', '/charges/ch_1/refunds/re_1'), 'DELETE /charges/{charge}/refunds/{refund}')
  })

  it('prefer a literal to a parameter, whatever the method', () => {
    assert.equal(nameOf('GET', '/charges/search'), 'GET /charges/search')
    assert.equal(nameOf('POST', '/charges/search'), 'POST (unrouted)')
  })

  it('are unknown under another spelling of the path', () => {
    for (const target of [
      '/Charges',
      '/charges/',
      '/charges.',
      '/charges/ch_1/',
      '/charges/ch_1/refund',
      '/',
    ])
      assert.equal(nameOf('GET', target), 'GET (unrouted)')
  })

  it('are unknown under another method', () => {
    const operation = operationIn(catalog, request('PATCH', '/charges/ch_1'))
    assert.deepEqual([operation.name, operation.classes], ['PATCH (unrouted)', ['unknown']])
  })

  it('describe an unrouted request without echoing it', () => {
    const operation = operationIn(catalog, request('DELETE', '/secret-looking/path'))
    assert.equal(JSON.stringify(operation).includes('secret-looking'), false)
  })

  it('decode a parameter once, by segment', () => {
    assert.deepEqual(argsIn(catalog, request('GET', '/charges/a%20b%3Fc')), { charge: 'a b?c' })
  })

  it('refuse an encoded slash where one name is expected', () => {
    assert.equal(refusalOf(catalog, request('GET', '/charges/a%2Fb')), 'target_encoded_slash')
    assert.equal(refusalOf(catalog, request('GET', '/nothing/a%2Fb')), 'target_encoded_slash')
    assert.equal(
      refusalOf(catalog, request('DELETE', '/charges/ch_1%2Frefunds/refunds/x')),
      'target_encoded_slash',
    )
  })

  it('give the rest of the path to {path+}, encoded slashes included', () => {
    for (const path of ['docs/a.md', 'docs%2Fa.md'])
      assert.deepEqual(argsIn(catalog, request('GET', `/repos/o/r/contents/${path}`)), {
        owner: 'o',
        repo: 'r',
        path: 'docs/a.md',
      })
    assert.equal(refusalOf(catalog, request('GET', '/repos/o/r/contents/a%2F..%2Fb')), 'target_dot_segment')
  })

  it('put a parameter of dots and slashes into no other template', () => {
    assert.equal(refusalOf(catalog, request('GET', '/charges/..%2Fadmin%3Fx=')), 'target_dot_segment')
  })

  it('name path parameters in scope and resources', () => {
    const operation = operationIn(catalog, request('DELETE', '/charges/ch_1/refunds/re_1'))
    assert.deepEqual({ ...operation.scope }, { charge: 'ch_1', refund: 're_1' })
    assert.deepEqual(operation.resources, [
      { type: 'charge', id: 'ch_1' },
      { type: 'refund', id: 're_1' },
    ])
  })

  it('refuse a method that isn’t an upper-case token', () => {
    for (const method of ['get', 'GET ', '', 'G\u0130T'])
      assert.equal(refusalOf(catalog, request(method, '/charges')), 'method_invalid')
  })
})

describe('a catalog', () => {
  const codeOf = (...routes: OwnRoute[]) => {
    try {
      catalogOf(routes)
    } catch (error) {
      return (error as { code: string }).code
    }
    return null
  }

  it('is refused when two templates have one shape', () => {
    assert.equal(codeOf(read('GET /a/{x}'), read('GET /a/{y}')), 'catalog_ambiguous')
    assert.equal(codeOf(read('GET /a/{x+}'), read('GET /a/{y+}')), 'catalog_ambiguous')
    assert.equal(codeOf(read('GET /a/{x}'), read('POST /a/{y}')), null)
  })

  it('is refused when two templates cross and neither is the more specific one', () => {
    assert.equal(codeOf(read('GET /a/{x}/c'), read('GET /a/b/{y}')), 'catalog_ambiguous')
    assert.equal(codeOf(read('GET /{a}/x/{c}'), read('GET /b/{d}/e')), 'catalog_ambiguous')
    assert.equal(codeOf(read('GET /a/{x}/c'), read('GET /a/b/c')), null)
    assert.equal(codeOf(read('GET /a/{x}/c'), read('POST /a/b/{y}')), null)
  })

  for (const route of [
    '/a',
    'get /a',
    'GET a',
    'GET /a/{x}y',
    'GET /a//b',
    'GET /{x}/{x}',
    'GET /{x+}/y',
    'GET /a/../b',
    'GET /a b',
    'GET /{}',
    'GET /a%2Fb',
  ])
    it(`is refused with the route ${JSON.stringify(route)}`, () =>
      assert.equal(codeOf(read(route)), 'catalog_template'))
})

describe('recognise', () => {
  const catalog = catalogOf([
    { route: 'POST /a/{x}', classes: ['update'], body: ['form', 'json', 'multipart'], args: { n: 'int' } },
    { route: 'DELETE /a/{x+}', classes: ['irreversible'] },
  ])
  const type = fc.constantFrom(
    'application/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=b',
    'text/plain',
    '',
  )
  const shaped = fc.constantFrom(
    '{"n":1}',
    'n=1',
    'a[b][]=%C3',
    '--b\r\n',
    '--b--',
    '{"a":',
    '[',
    '%',
    'a[',
    'a[][b]=1',
  )
  const body = fc.oneof(
    fc.uint8Array(),
    shaped.map(text => new TextEncoder().encode(text)),
  )
  const target = fc.oneof(fc.string(), fc.constantFrom('/a/b', '/a/%2F', '/a/b?n=1&n=2', '/a/b?__proto__=1'))

  it('never throws and never knows an operation that the catalog doesn’t', () => {
    const names = new Set(catalog.operations().map(operation => operation.name))
    fc.assert(
      fc.property(
        fc.constantFrom('POST', 'DELETE', 'GET'),
        target,
        type,
        body,
        (method, raw, contentType, bytes) => {
          const found = classify(catalog, {
            method,
            target: raw,
            headers: contentType === '' ? [] : [['content-type', contentType]],
            body: bytes,
          })
          if (found.kind === 'unclassifiable') return
          const operation = catalog.describe('api', found.operations[0] as (typeof found.operations)[0])
          assert.equal(names.has(operation.name), !operation.classes.includes('unknown'))
        },
      ),
      { numRuns: 1000 },
    )
  })
})
