import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSameNode, liesInNode, mayNameNodes, nodeIdOf } from '../../src/policy/node-id.js'

const legacy = (text: string): string => Buffer.from(text).toString('base64')
const packed = (prefix: string, ...bytes: number[]): string =>
  `${prefix}_${Buffer.from(bytes).toString('base64url')}`

/** 1296269 as MessagePack's `uint 32`. */
const NUMBER = [0xce, 0x00, 0x13, 0xc7, 0x8d]
const REPOSITORY = packed('R', 0x92, 0, ...NUMBER)
/** In the repository, number 7. */
const ISSUE = packed('I', 0x93, 0, ...NUMBER, 7)

function same(a: string, b: string): boolean {
  const [one, other] = [nodeIdOf(a), nodeIdOf(b)]
  assert.ok(one !== null && other !== null, `${a} ${b}`)
  return isSameNode(one, other)
}

describe('a node id of GitHub', () => {
  it('is read in both forms', () => {
    assert.equal(REPOSITORY, 'R_kgDOABPHjQ')
    assert.deepEqual(nodeIdOf(REPOSITORY), { type: 'R', isPrefix: true, key: '1296269', within: null })
    assert.equal(legacy('010:Repository1296269'), 'MDEwOlJlcG9zaXRvcnkxMjk2MjY5')
    assert.deepEqual(nodeIdOf('MDEwOlJlcG9zaXRvcnkxMjk2MjY5'), {
      type: 'Repository',
      isPrefix: false,
      key: '1296269',
      within: null,
    })
  })

  it('is one node in the old form and the new, and in every width of its number', () => {
    assert.ok(same(REPOSITORY, legacy('010:Repository1296269')))
    assert.ok(same(ISSUE, legacy('05:Issue7')))
    assert.ok(same(ISSUE, packed('I', 0x93, 0, ...NUMBER, 0xcd, 0, 7)))
    assert.ok(same('R_kgDOABPHjQ', 'R_kgDOABPHjR'), 'bits to spare')
    assert.ok(same('MDU6SXNzdWU3', 'MDU6SXNz dWU3=='), 'letters that lenient readers drop')
    const ref = [0xaf, ...Buffer.from('refs/heads/main')]
    assert.ok(same(packed('REF', 0x93, 0, ...NUMBER, ...ref), legacy('03:Ref1296269:refs/heads/main')))
    const long = [...Buffer.from('a'.repeat(40))]
    assert.ok(same(packed('C', 0x93, 0, 7, 0xda, 0, 40, ...long), packed('C', 0x93, 0, 7, 0xd9, 40, ...long)))
  })

  it('attack: is the same node where its number is written as only a lenient reader takes it', () => {
    const [, ...digits] = NUMBER
    const double = Buffer.alloc(8)
    double.writeDoubleBE(1296269)
    for (const written of [
      packed('R', 0x92, 0, 0xd2, ...digits),
      packed('R', 0x92, 0, 0xd3, 0, 0, 0, 0, ...digits),
      packed('R', 0x92, 0, 0xcf, 0, 0, 0, 0, ...digits),
      packed('R', 0x92, 0, 0xcb, ...double),
      packed('R', 0x92, 0, 0xa8, ...Buffer.from('01296269')),
      packed('R', 0x92, 0, 0xc4, 7, ...Buffer.from('1296269')),
      packed('R', 0xdc, 0, 2, 0, ...NUMBER),
      packed('R', 0xdd, 0, 0, 0, 2, 0, ...NUMBER),
      `${REPOSITORY}.`,
      'R_kgDO!ABPHjQ',
      'MDEwOlJlcG9z.aXRvcnkxMjk2MjY5',
      legacy('010:Repository01296269'),
      legacy('010:Repository 1296269'),
      legacy('010:Repository1296269x'),
    ])
      assert.ok(same(REPOSITORY, written), written)
  })

  it('lies in the repository that it names', () => {
    const lies = (own: string, place: string): boolean => {
      const [one, other] = [nodeIdOf(own), nodeIdOf(place)]
      assert.ok(one !== null && other !== null, `${own} ${place}`)
      return liesInNode(one, other)
    }
    assert.ok(lies(ISSUE, REPOSITORY))
    assert.ok(lies(ISSUE, legacy('010:Repository1296269')))
    assert.ok(lies(legacy('03:Ref1296269:refs/heads/main'), REPOSITORY))
    assert.ok(!lies(ISSUE, legacy('010:Repository7')))
    assert.ok(!lies(ISSUE, packed('O', 0x92, 0, ...NUMBER)))
    assert.ok(!lies(REPOSITORY, ISSUE))
    const items = packed('PVTI', 0x94, 1, ...NUMBER, 3, 4)
    assert.ok(lies(items, packed('U', 0x92, 0, ...NUMBER)), 'a person’s project')
    assert.ok(!lies(items, REPOSITORY))
  })

  it('is not another node', () => {
    assert.ok(!same(REPOSITORY, legacy('010:Repository1296268')))
    assert.ok(!same(REPOSITORY, legacy('05:Issue1296269')))
    assert.ok(!same(REPOSITORY, packed('U', 0x92, 0, ...NUMBER)))
    assert.ok(!same(legacy('05:Issue7'), legacy('04:User7')))
  })

  it('is nothing else', () => {
    for (const text of [
      'acme/shop',
      'cus_1',
      'R_',
      'R_kgD',
      'R_oops',
      '',
      'main',
      'MDEw',
      'v-91',
      `R_${'k'.repeat(600)}`,
    ])
      assert.equal(nodeIdOf(text), null, text)
  })

  it('may be what a pattern names, as far as its letters tell', () => {
    for (const text of [REPOSITORY, legacy('05:Issue7'), 'R_*', '*']) assert.ok(mayNameNodes(text), text)
    for (const text of ['acme/shop', 'acme/*', 'acme', '1296269']) assert.ok(!mayNameNodes(text), text)
  })
})
