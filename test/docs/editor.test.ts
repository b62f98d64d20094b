import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { test } from 'node:test'
import { packageRoot } from '../../src/cli/catalogs.js'
import { countersign, scratch } from '../cli/command-line.js'

/** The schema that a document of each kind is for. */
const SCHEMAS: Readonly<Record<string, string>> = {
  RoutePolicy: 'policy.v1.json',
  PolicyCases: 'cases.v1.json',
  Sidecar: 'config.v1.json',
}

/** Documents of ours below a folder, with the kind that each says it is. */
function documentsIn(
  folder: string,
): readonly { readonly file: string; readonly kind: string; readonly text: string }[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.yaml'))
    .flatMap(name => {
      const file = join(folder, name)
      const text = readFileSync(file, 'utf8')
      const kind = /^kind: (\w+)$/m.exec(text)?.[1]
      return kind === undefined ? [] : [{ file, kind, text }]
    })
}

/** Asserts that the first line of each leads an editor to the schema of its kind, from where the file is. */
function assertLed(documents: ReturnType<typeof documentsIn>): void {
  for (const { file, kind, text } of documents) {
    const schema = /^# yaml-language-server: \$schema=(\S+)\n/.exec(text)?.[1]
    assert.ok(schema !== undefined, `${file} names no schema in its first line`)
    const path = resolve(dirname(file), schema)
    assert.ok(existsSync(path), `${file}: ${schema} is not there`)
    assert.ok(path.endsWith(`/${SCHEMAS[kind]}`), `${file} is a ${kind} with ${schema}`)
  }
}

test('the first line of every shipped policy and file of cases leads to its schema', () => {
  const documents = documentsIn(join(packageRoot(), 'config'))
  const count = (kind: string) => documents.filter(each => each.kind === kind).length
  assert.ok(
    count('RoutePolicy') >= 8 && count('PolicyCases') >= 8,
    documents.map(({ file }) => file).join('\n'),
  )
  assertLed(documents)
})

for (const template of ['sandbox', 'staging'])
  test(`so do those of the files that init lays out from the template ${template}`, async context => {
    const at = await scratch(context)
    assert.equal((await countersign('init', at('sidecar'), '--template', template)).code, 0)
    const documents = documentsIn(at('sidecar'))
    assert.deepEqual(documents.map(({ kind }) => kind).sort(), ['RoutePolicy', 'Sidecar'])
    assertLed(documents)
  })

test('and those that README.md and docs/policy.md show, from where the pages are', () => {
  for (const page of ['README.md', 'docs/policy.md']) {
    const text = readFileSync(join(packageRoot(), page), 'utf8')
    const [, schema] = /^# yaml-language-server: \$schema=(\S+)$/m.exec(text) ?? []
    assert.ok(existsSync(resolve(packageRoot(), dirname(page), schema ?? '')), `${page}: ${schema}`)
  }
})
