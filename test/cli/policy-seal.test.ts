import assert from 'node:assert/strict'
import { readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  contentId,
  decodeEnvelope,
  encodeEnvelope,
  type JsonObject,
  parseCanonical,
} from '../../src/canon/index.js'
import { consultPolicy } from '../../src/cli/policy-file.js'
import { openTrustFile } from '../../src/cli/trust-files.js'
import { nativeCrypto } from '../../src/native/index.js'
import { openPolicy, sealPolicy } from '../../src/policy/index.js'
import { countersign, scratch } from './command-line.js'

const POLICY = `
apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: billing, version: 3, expires: 2099-01-01T00:00:00Z, audience: [staging] }
apis:
  billing:
    upstream: https://billing.internal
    credential: billing
    routes:
      - { route: "GET /invoices/{id}", class: read }
credentials:
  billing: { minter: jwt, audience: https://billing.internal }
agents:
  coder: { environment: staging, session: 8h, identity: [{ grant: true }] }
rules:
  - { id: read, allow: { api: billing, class: [read] }, to: [coder] }
`

interface Shown {
  readonly id: string
  readonly signatures: readonly string[]
  readonly holders?: { readonly signed: readonly string[]; readonly missing: readonly string[] }
}

test('a policy is sealed by one holder, signed by the next, and then opens', async t => {
  const path = await scratch(t)
  await writeFile(path('policy.yaml'), POLICY)
  const made = await countersign(
    'trust',
    'init',
    '--out',
    path('trust'),
    '--threshold',
    'policy=2/3',
    '--json',
  )
  const { pin } = JSON.parse(made.out) as { pin: string }
  const key = (name: string) => ['--key', path('trust', 'keys', `${name}.jwk`)]
  const against = ['--trust', path('trust', 'root.json'), '--pin', pin, '--json']
  const file = path('policy.sealed.json')

  const sealed = await countersign('policy', 'seal', path('policy.yaml'), ...key('policy-1'), '--json')
  assert.equal(sealed.code, 0, sealed.err)
  const { id } = JSON.parse(sealed.out) as Shown

  const short = await countersign('policy', 'show', file, ...against)
  assert.equal(short.code, 1)
  assert.deepEqual((JSON.parse(short.out) as Shown).holders?.missing, ['policy-2', 'policy-3'])

  const signed = await countersign('policy', 'sign', file, ...key('policy-3'), '--id', id, '--json')
  assert.equal((JSON.parse(signed.out) as Shown).id, id)
  const shown = await countersign('policy', 'show', file, ...against)
  assert.equal(shown.code, 0, shown.err)
  assert.deepEqual((JSON.parse(shown.out) as Shown).holders?.signed, ['policy-1', 'policy-3'])

  const { root } = openTrustFile(path('trust', 'root.json'), pin)
  const options = { crypto: nativeCrypto, trust: root, audience: 'staging', nowMs: Date.now(), highest: null }
  assert.equal(openPolicy(await readFile(file), options).cid, id)
})

test('attack: another policy is put where the first one lay, and a second holder is to sign it unseen', async t => {
  const path = await scratch(t)
  await countersign('trust', 'key', path('maria.jwk'))
  await countersign('trust', 'key', path('jo.jwk'))
  const seal = async (text: string) => {
    await writeFile(path('policy.yaml'), text)
    const argv = ['policy', 'seal', path('policy.yaml'), '--key', path('maria.jwk'), '--json']
    return (JSON.parse((await countersign(...argv)).out) as Shown).id
  }
  const told = await seal(POLICY)
  const swapped = await seal(POLICY.replace('version: 3', 'version: 4'))
  assert.notEqual(told, swapped)
  const before = await readFile(path('policy.sealed.json'))
  const sign = ['policy', 'sign', path('policy.sealed.json'), '--key', path('jo.jwk')]
  const asked = await countersign(...sign)
  assert.equal(asked.code, 2)
  assert.match(asked.err, /no terminal to ask at/)
  assert.ok(asked.out.includes(swapped), asked.out)
  assert.match((await countersign(...sign, '--json')).err, /no terminal to ask at/)
  const compared = await countersign(...sign, '--id', told)
  assert.equal(compared.code, 2)
  assert.match(compared.err, /not the one that you were told of/)
  assert.deepEqual(await readFile(path('policy.sealed.json')), before, 'nobody signed')
})

test('the catalogs that a sealed policy pins lie beside it under their own digests', async t => {
  const path = await scratch(t)
  await writeFile(path('policy.yaml'), POLICY)
  await countersign('trust', 'key', path('key.jwk'))
  const sealed = await countersign(
    'policy',
    'seal',
    path('policy.yaml'),
    '--key',
    path('key.jwk'),
    '-o',
    path('out.json'),
  )
  assert.equal(sealed.code, 0, sealed.err)
  const names = await readdir(path('catalogs'))
  assert.equal(names.length, 1)
  for (const name of names) {
    const bytes = await readFile(path('catalogs', name))
    assert.equal(`${contentId(nativeCrypto, bytes).slice('sha256:'.length)}.json`, name)
    assert.doesNotThrow(() => parseCanonical(bytes))
  }
  assert.deepEqual([...consultPolicy(path('out.json')).active.apis.keys()], ['billing'])
})

test('a policy that does not compile is not sealed, and every finding is printed', async t => {
  const path = await scratch(t)
  await writeFile(
    path('policy.yaml'),
    POLICY.replace('to: [coder]', 'to: [codr]').replace('class: [read]', 'class: [reed]'),
  )
  await countersign('trust', 'key', path('key.jwk'))
  const sealed = await countersign('policy', 'seal', path('policy.yaml'), '--key', path('key.jwk'))
  assert.equal(sealed.code, 2)
  assert.match(sealed.err, /policy\.yaml:\d+:\d+/)
  assert.deepEqual((await readdir(path())).sort(), ['key.jwk', 'policy.yaml'])
})

test('ATTACK: a sealed policy with a signature by a stranger is not shown as signed', async t => {
  const path = await scratch(t)
  await writeFile(path('policy.yaml'), POLICY)
  await countersign('trust', 'init', '--out', path('trust'))
  await countersign('trust', 'key', path('stranger.jwk'))
  await countersign('policy', 'seal', path('policy.yaml'), '--key', path('stranger.jwk'))
  const shown = await countersign(
    'policy',
    'show',
    path('policy.sealed.json'),
    '--trust',
    path('trust', 'root.json'),
  )
  assert.equal(shown.code, 2)
  assert.match(shown.err, /signing_key_unknown/)
})

test('what is no sealed policy is neither signed nor shown', async t => {
  const path = await scratch(t)
  await countersign('trust', 'init', '--out', path('trust'))
  await writeFile(path('policy.yaml'), POLICY)
  for (const file of [path('policy.yaml'), path('trust', 'root.json'), path('absent')]) {
    assert.equal((await countersign('policy', 'show', file)).code, 2)
    assert.equal(
      (await countersign('policy', 'sign', file, '--key', path('trust', 'keys', 'policy.jwk'))).code,
      2,
    )
  }
})

interface Sealed {
  readonly version: number
  readonly signatures: readonly string[]
}

test('seal --next is the version after the file that it replaces, or after another; the source stays', async t => {
  const path = await scratch(t)
  await writeFile(path('policy.yaml'), POLICY)
  await countersign('trust', 'key', path('maria.jwk'))
  const seal = async (...flags: string[]) =>
    countersign('policy', 'seal', path('policy.yaml'), '--key', path('maria.jwk'), '--json', ...flags)
  const versionOf = (out: string) => (JSON.parse(out) as Sealed).version

  const nothing = await seal('--next')
  assert.equal(nothing.code, 2)
  assert.match(nothing.err, /--after FILE/)
  assert.equal(versionOf((await seal()).out), 3)
  assert.equal(versionOf((await seal('--next')).out), 4)
  assert.equal(versionOf((await seal('--next')).out), 5)
  assert.equal(await readFile(path('policy.yaml'), 'utf8'), POLICY)
  const other = path('other.sealed.json')
  assert.equal(versionOf((await seal('--next', '--after', path('policy.sealed.json'), '-o', other)).out), 6)
  await writeFile(path('policy.yaml'), POLICY.replace('version: 3', 'version: 9'))
  assert.equal(versionOf((await seal('--next')).out), 9)
  await writeFile(path('policy.yaml'), POLICY.replace('name: billing', 'name: shop'))
  assert.match((await seal('--next')).err, /the policy billing, not shop/)
  assert.equal((await seal('--after', other)).code, 2)
})

test('a version that a later one has followed is not sealed over it', async t => {
  const path = await scratch(t)
  await writeFile(path('policy.yaml'), POLICY)
  await countersign('trust', 'init', '--out', path('trust'))
  const key = ['--key', path('trust', 'keys', 'policy.jwk')]
  const next = await countersign('policy', 'seal', path('policy.yaml'), ...key)
  assert.equal(next.code, 0, next.err)
  assert.equal((await countersign('policy', 'seal', path('policy.yaml'), '--next', ...key)).code, 0)
  const before = await readFile(path('policy.sealed.json'))
  const refused = await countersign('policy', 'seal', path('policy.yaml'), ...key)
  assert.equal(refused.code, 2)
  assert.match(refused.err, /holds version 4 of billing, and this is version 3/)
  assert.match(refused.err, /--next/)
  assert.deepEqual(await readFile(path('policy.sealed.json')), before)
})

test('sealing the same policy again adds a signature, and another policy starts without', async t => {
  const path = await scratch(t)
  await writeFile(path('policy.yaml'), POLICY)
  const seal = async (name: string) => {
    const { out } = await countersign(
      'policy',
      'seal',
      path('policy.yaml'),
      '--key',
      path(`${name}.jwk`),
      '--json',
    )
    return (JSON.parse(out) as Sealed).signatures.length
  }
  for (const name of ['maria', 'jo']) await countersign('trust', 'key', path(`${name}.jwk`))
  assert.equal(await seal('maria'), 1)
  assert.equal(await seal('jo'), 2)
  await writeFile(path('policy.yaml'), POLICY.replace('version: 3', 'version: 4'))
  assert.equal(await seal('jo'), 1)
})

/** A policy's source, and a trust root with its keys. */
async function prepared(t: TestContext, source = POLICY) {
  const path = await scratch(t)
  await writeFile(path('policy.yaml'), source)
  await countersign('trust', 'init', '--out', path('trust'), '--min-policy-version', '2')
  const key = (name: string) => ['--key', path('trust', 'keys', `${name}.jwk`)]
  const trust = ['--trust', path('trust', 'root.json')]
  return { path, key, trust, file: path('policy.sealed.json') }
}

test('with a trust root nothing is sealed or signed by a key that has no say, nor below its floor', async t => {
  const { path, key, trust, file } = await prepared(t)
  const strange = await countersign('policy', 'seal', path('policy.yaml'), ...key('enrol'), ...trust)
  assert.equal(strange.code, 2)
  assert.match(strange.err, /^error: ed25519:\S+ is no key of the policy role in /)
  await assert.rejects(readFile(file))
  const good = await countersign('policy', 'seal', path('policy.yaml'), ...key('policy'), ...trust)
  assert.equal(good.code, 0, good.err)
  assert.match(good.out, /signed by {3}policy \(1 of 1 needed\)\n {2}trust {7}NOT compared with a pin/)
  const before = await readFile(file)
  const id = contentId(nativeCrypto, decodeEnvelope(before).payload)
  const signed = await countersign('policy', 'sign', file, ...key('root'), ...trust, '--id', id)
  assert.equal(signed.code, 2)
  assert.match(signed.err, /is no key of the policy role/)
  assert.deepEqual(await readFile(file), before)
  await writeFile(path('low.yaml'), POLICY.replace('version: 3', 'version: 1'))
  const low = await countersign('policy', 'seal', path('low.yaml'), ...key('policy'), ...trust)
  assert.match(low.err, /version 1, and the trust root lets none below 2/)
})

test('sealing an expired policy says so', async t => {
  const { path, key } = await prepared(t, POLICY.replace('2099', '2020'))
  const { code, err } = await countersign('policy', 'seal', path('policy.yaml'), ...key('policy'))
  assert.equal(code, 0)
  assert.match(err, /^warning: the policy expired at 2020-01-01T00:00:00.000Z, and no sidecar loads it/m)
})

test('a policy that is sealed over is kept beside, where a verification finds it', async t => {
  const { path, key, file } = await prepared(t)
  await countersign('policy', 'seal', path('policy.yaml'), ...key('policy'))
  const before = await readFile(file)
  const { out } = await countersign('policy', 'seal', path('policy.yaml'), ...key('policy'), '--next')
  const [kept] = (await readdir(path())).filter(name => /^policy\.sealed\.v3\.[0-9a-f]{8}\.json$/.test(name))
  assert.ok(kept !== undefined && out.includes(`kept        ${path(kept)}, which was there before`), out)
  assert.deepEqual(await readFile(path(kept)), before)
})

test('attack: a link in the place of what a signature is written to', async t => {
  const { path, key, file } = await prepared(t)
  await countersign('policy', 'seal', path('policy.yaml'), ...key('policy'))
  const id = contentId(nativeCrypto, decodeEnvelope(await readFile(file)).payload)
  await writeFile(path('victim'), 'mine')
  const digest = (await readdir(path('catalogs')))[0] as string
  await rm(path('catalogs', digest))
  for (const name of [`${file}.next`, `${file}.new`, join(path('catalogs'), digest)])
    await symlink(path('victim'), name)
  const sign = await countersign('policy', 'sign', file, ...key('root'), '--id', id)
  assert.equal(sign.code, 2)
  assert.match(sign.err, /policy\.sealed\.json\.new is being written/)
  await rm(`${file}.new`)
  assert.equal((await countersign('policy', 'seal', path('policy.yaml'), ...key('root'))).code, 0)
  assert.equal(await readFile(path('victim'), 'utf8'), 'mine')
})

test('attack: a sealed policy of no compiler’s making is shown in words, and none of them stands in for others', async t => {
  const { path, key, file } = await prepared(t)
  await countersign('policy', 'seal', path('policy.yaml'), ...key('policy'))
  const payload = parseCanonical(decodeEnvelope(await readFile(file)).payload) as JsonObject
  const name = `billing${' '.repeat(200)}id  sha256:${'ab'.repeat(32)}`
  const agents = { nobody: null, 'a, until never': { observeUntil: 2 ** 53 - 1 } }
  await writeFile(file, encodeEnvelope(sealPolicy({ ...payload, name, agents, expires: 2 ** 53 - 1 }, [])))
  const { code, out } = await countersign('policy', 'show', file)
  assert.equal(code, 0)
  assert.doesNotMatch(out, /abab/)
  assert.match(out, /policy "billing +"… \(282 letters\), version 3$/m)
  assert.match(out, /expires {5}9007199254740991$/m)
  assert.match(out, /OBSERVES {4}"a, until never", until 9007199254740991:/)
})
