import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { packageRoot } from '../../src/cli/catalogs.js'

interface Locked {
  readonly version?: string
  readonly resolved?: string
  readonly integrity?: string
  readonly link?: boolean
  readonly dev?: boolean
  readonly inBundle?: boolean
  readonly hasInstallScript?: boolean
}
const read = <T>(file: string) => JSON.parse(readFileSync(join(packageRoot(), file), 'utf8')) as T
const { packages } = read<{ readonly packages: Readonly<Record<string, Locked>> }>('package-lock.json')
const manifest =
  read<Readonly<Record<'dependencies' | 'devDependencies', Readonly<Record<string, string>>>>>('package.json')
const installed = Object.entries(packages).filter(([path]) => path !== '')

test('every package that is asked for has one version', () => {
  for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }))
    assert.match(version, /^\d+\.\d+\.\d+$/, name)
})

test('every package that is installed is pinned by the hash of its content, and comes from a registry', () => {
  assert.ok(installed.length > 100)
  for (const [path, { integrity, resolved, link, inBundle }] of installed) {
    assert.ok(link !== true, path)
    // What comes inside of another package's archive has that one's hash.
    if (inBundle !== true) assert.match(integrity ?? '', /^sha512-[A-Za-z0-9+/]{86}==$/, path)
    assert.ok(resolved === undefined || resolved.startsWith('https://'), path)
  }
})

test('scripts run at the installation of these packages alone', () => {
  const running = installed.flatMap(([path, { hasInstallScript, dev }]) =>
    hasInstallScript === true && dev !== true ? [path.split('node_modules/').at(-1)] : [],
  )
  assert.deepEqual(running, ['classic-level'])
})

test('what runs has few packages: those of the program, and what they bring', () => {
  const running = installed.filter(([, { dev }]) => dev !== true)
  assert.ok(Object.keys(manifest.dependencies).length <= 25)
  assert.ok(running.length <= 160, `${running.length}`)
})
