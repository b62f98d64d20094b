import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

const ROOT = new URL('../../../', import.meta.url)
const page = readFileSync(new URL('docs/dependencies.md', ROOT), 'utf8')
const manifest = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as Record<
  'dependencies' | 'optionalDependencies' | 'devDependencies',
  Record<string, string>
>

for (const [heading, member] of [
  ['At run time', 'dependencies'],
  ['At run time, optional', 'optionalDependencies'],
  ['For development', 'devDependencies'],
] as const) {
  test(`docs/dependencies.md gives a reason for each of ${member}, and for no other`, () => {
    const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
    const rows = [...section.matchAll(/^\| `([^`]+)` \| (.+\.) \| (.+\.) \|$/gm)].map(
      match => match[1] as string,
    )
    assert.deepEqual(rows, Object.keys(manifest[member]).sort())
  })

  test(`each of ${member} has one exact version`, () => {
    for (const [name, version] of Object.entries(manifest[member]))
      assert.match(version, /^\d+\.\d+\.\d+$/, name)
  })
}
