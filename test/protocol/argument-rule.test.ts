import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { JsonObject } from '../../src/canon/index.js'
import { type ArgumentRule, openCatalog, routesCatalog } from '../../src/protocol/index.js'

type Condition = Omit<ArgumentRule, 'adds'>

/** Whether a rule adds its class for these arguments, seen from outside. */
function raises(rule: Condition, args: JsonObject): boolean {
  const own = routesCatalog('own', [{ route: 'POST /a', classes: ['update'] }], {
    upstream: 'https://a.example',
  })
  const routes = [{ route: 'POST /a', classes: ['update'], rules: [{ ...rule, adds: ['irreversible'] }] }]
  const operation = openCatalog({ ...own, body: { routes } }).describe('own', { name: 'POST /a', args })
  return operation.classes.includes('irreversible')
}

const rows: readonly [name: string, rule: Condition, holds: JsonObject[], fails: JsonObject[]][] = [
  [
    'present: there, and not null',
    { path: 'a.b', is: 'present' },
    [{ a: { b: '' } }, { a: { b: 0 } }],
    [{}, { a: {} }, { a: { b: null } }, { a: 'b' }],
  ],
  [
    'absent: missing or null',
    { path: 'environmentId', is: 'absent' },
    [{}, { environmentId: null }],
    [{ environmentId: 'e' }, { environmentId: '' }],
  ],
  [
    'empty: there, and nothing in it',
    { path: 'kinds', is: 'empty' },
    [{ kinds: [] }, { kinds: '' }, { kinds: {} }],
    [{}, { kinds: ['a'] }, { kinds: null }, { kinds: 0 }],
  ],
  [
    'equals: any value at the path',
    { path: 'items[].state', is: 'equals', value: 'DELETED' },
    [{ items: [{ state: 'A' }, { state: 'DELETED' }] }],
    [{ items: [] }, { items: { state: 'DELETED' } }, { items: [{ state: 'deleted' }] }],
  ],
  [
    'equals: any name in a map',
    { path: 'tables[#][]', is: 'equals', value: 'orders' },
    [{ tables: { users: 1, orders: null } }],
    [{ tables: {} }, { tables: ['orders'] }, { tables: 'orders' }, { tables: { users: 'orders' } }],
  ],
  [
    'equals doesn’t mix types',
    { path: 'a', is: 'equals', value: true },
    [{ a: true }],
    [{ a: 'true' }, { a: 1 }],
  ],
  [
    'differs: there, and anything else',
    { path: 'submit', is: 'differs', value: false },
    [{ submit: true }, { submit: 'false' }, { submit: null }],
    [{}, { submit: false }],
  ],
  [
    'contains-key: at any depth',
    { path: '', is: 'contains-key', key: 'isDeleted' },
    [{ patch: { services: { s: [{ isDeleted: false }] } } }],
    [{ patch: { isdeleted: true } }, { patch: 'isDeleted' }],
  ],
  [
    'contains-entry: at any depth, with the value',
    { path: 'patch', is: 'contains-entry', key: 'isDeleted', value: true },
    [{ patch: { services: { s: { isDeleted: true } } } }, { patch: [{ isDeleted: true }] }],
    [{ patch: { services: { s: { isDeleted: false } } } }, { other: { isDeleted: true } }],
  ],
]

describe('an argument rule', () => {
  for (const [name, rule, holds, fails] of rows)
    it(`knows ${name}`, () => {
      for (const args of holds) assert.equal(raises(rule, args), true, JSON.stringify(args))
      for (const args of fails) assert.equal(raises(rule, args), false, JSON.stringify(args))
    })

  it('looks at own members only', () => {
    assert.equal(raises({ path: 'constructor', is: 'present' }, {}), false)
    assert.equal(raises({ path: '', is: 'contains-key', key: 'toString' }, { a: {} }), false)
  })
})

describe('a path through a list', () => {
  it('attack: reaches the last of more items than a call takes arguments', () => {
    const items = Array.from({ length: 300_000 }, (_, i) => ({ delete: i === 299_999 }))
    assert.equal(raises({ path: 'items[].delete', is: 'equals', value: true }, { items }), true)
  })
})
