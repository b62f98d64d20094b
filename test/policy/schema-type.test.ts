import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import TypeBox from 'typebox'
import { Value } from 'typebox/value'
import { misfitIn, Type } from '../../src/policy/index.js'

const strict = { additionalProperties: false }

/** A schema with every term, written with one builder or the other. */
function schemaBy(type: typeof Type) {
  const name = type.String({ pattern: '^[a-z]{1,8}$', description: 'A name.' })
  return type.Object(
    {
      name,
      alias: type.Optional(name),
      on: type.Boolean(),
      size: type.Integer({ minimum: 1, maximum: 9 }),
      kind: type.Union([type.Literal('a', { description: 'The first.' }), type.Literal(2), type.Null()]),
      list: type.Array(name, { minItems: 1, maxItems: 2 }),
      named: type.Record(type.String({ pattern: '^[a-z]$' }), type.Integer(), strict),
      any: type.Record(type.String(), type.Boolean(), { minProperties: 1 }),
      mode: type.Unsafe<'x' | 'y'>(type.Union(['x', 'y'].map(each => type.Literal(each)))),
      other: type.Optional(type.Unknown()),
      none: type.Object(
        { may: type.Optional(type.Boolean()) },
        { ...strict, description: 'All may be missing.' },
      ),
    },
    { ...strict, $id: 'https://example.com/schema', title: 'Every term' },
  )
}

const FITS = {
  name: 'abc',
  on: true,
  size: 3,
  kind: 2,
  list: ['a'],
  named: { a: 1 },
  any: { Z: false },
  mode: 'x',
  none: {},
}

describe('the terms of schemas', () => {
  it('write the very schema that typebox writes, in the same order', () => {
    assert.equal(JSON.stringify(schemaBy(Type)), JSON.stringify(schemaBy(TypeBox)))
  })

  it('leave a schema that is made optional in one place required in another', () => {
    const name = Type.String()
    assert.deepEqual(Type.Object({ a: Type.Optional(name), b: name }), {
      type: 'object',
      required: ['b'],
      properties: { a: { type: 'string' }, b: { type: 'string' } },
    })
  })

  it('are checked as typebox checks them', () => {
    const schema = schemaBy(Type)
    const [ours, theirs] = [
      (value: unknown) => misfitIn(schema, value) === null,
      (value: unknown) => Value.Check(schemaBy(TypeBox), value),
    ]
    for (const value of [FITS, { ...FITS, alias: 'b', other: [{}], kind: null, list: ['a', 'b'] }]) {
      assert.ok(ours(value), JSON.stringify(value))
      assert.ok(theirs(value), JSON.stringify(value))
    }
    for (const wrong of [
      { name: 'ABC' },
      { alias: 3 },
      { on: 'true' },
      { size: 0 },
      { size: 10 },
      { size: 1.5 },
      { kind: 'b' },
      { kind: 3 },
      { list: [] },
      { list: ['a', 'b', 'c'] },
      { list: 'a' },
      { named: { A: 1 } },
      { any: {} },
      { mode: 'z' },
      { none: { may: null } },
      { none: { more: true } },
      { more: 1 },
      { size: undefined },
    ]) {
      const value = JSON.parse(JSON.stringify({ ...FITS, ...wrong }))
      if ('size' in wrong && wrong.size === undefined) delete value.size
      assert.ok(!ours(value), JSON.stringify(wrong))
      assert.ok(!theirs(value), JSON.stringify(wrong))
    }
  })

  it('ATTACK: a secret that is pasted as a key is not in the place that is named', () => {
    const material = Type.Object({ keys: Type.Array(Type.Object({ key: Type.String() }, strict)) }, strict)
    const planted = { keys: [{ key: 'rk_1' }, { key: 'rk_2', sk_live_51Planted: true }] }
    assert.deepEqual(misfitIn(material, planted), ['keys', 1])
    assert.deepEqual(misfitIn(material, { keys: [{ key: 7 }] }), ['keys', 0, 'key'])
    assert.deepEqual(misfitIn(material, { keys: [{}] }), ['keys', 0])
  })
})
