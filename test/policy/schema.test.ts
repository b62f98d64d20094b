import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse } from 'yaml'
import { OPERATION_CLASSES } from '../../src/protocol/index.js'

const ROOT = new URL('../../../', import.meta.url)
const schema = JSON.parse(readFileSync(new URL('config/schema/policy.v1.json', ROOT), 'utf8')) as Node

interface Node {
  readonly description?: string
  readonly const?: unknown
  readonly properties?: Readonly<Record<string, Node>>
  readonly patternProperties?: Readonly<Record<string, Node>>
  readonly items?: Node
  readonly anyOf?: readonly Node[]
}

/** Every key of a mapping in the schema, with what stands behind it. */
function* keysOf(node: Node, path = ''): Generator<readonly [string, Node]> {
  for (const [name, inner] of Object.entries(node.properties ?? {})) {
    yield [`${path}.${name}`, inner]
    yield* keysOf(inner, `${path}.${name}`)
  }
  for (const inner of Object.values(node.patternProperties ?? {})) yield* keysOf(inner, `${path}.*`)
  if (node.items !== undefined) yield* keysOf(node.items, `${path}[]`)
  for (const inner of node.anyOf ?? []) yield* keysOf(inner, path)
}

/** What an editor shows for a value: `const`s, those of a union within a union as well. */
function constsOf(node: Node): readonly Node[] {
  if (node.const !== undefined) return [node]
  const inner = [...(node.anyOf ?? []), ...(node.items === undefined ? [] : [node.items])]
  return inner.flatMap(constsOf)
}

describe('the schema for editors', () => {
  it('is one that a validator takes, and accepts every sample', () => {
    const validate = new Ajv2020({ strict: false }).compile(schema)
    const folder = new URL('config/policies/', ROOT)
    for (const file of readdirSync(folder).filter(name => name.endsWith('.yaml'))) {
      assert.ok(validate(parse(readFileSync(new URL(file, folder), 'utf8'))), JSON.stringify(validate.errors))
    }
    assert.ok(!validate({ apiVersion: 'countersign.dev/v1', rulez: [] }))
  })

  it('describes every key, so that hovering says something', () => {
    const keys = [...keysOf(schema)]
    assert.ok(keys.length > 100, `${keys.length} keys`)
    assert.deepEqual(
      keys.filter(([, node]) => (node.description ?? '') === '').map(([path]) => path),
      [],
    )
  })

  it('says what each class means, wherever one may be written', () => {
    const places = [...keysOf(schema)].filter(([path]) => path.endsWith('.class'))
    assert.ok(places.length >= 8, `${places.length} places`)
    for (const [path, node] of places) {
      const described = new Map(constsOf(node).map(each => [each.const, each.description]))
      for (const name of OPERATION_CLASSES) assert.ok((described.get(name) ?? '') !== '', `${path}: ${name}`)
    }
  })
})
