import assert from 'node:assert/strict'
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { encodeEnvelope } from '../../src/canon/index.js'
import { loadConfig } from '../../src/cli/config.js'
import {
  finishPromotion,
  heldInstance,
  promote,
  readInstance,
  readNext,
} from '../../src/cli/instance-keys.js'
import { readTrustVersions } from '../../src/cli/trust-files.js'
import { type Enrolment, sealEnrolment, type TrustRoot } from '../../src/policy/index.js'
import { countersign, scratch } from './command-line.js'

/** No key is behind a signer. */
const NONE = { now: {}, next: {} }

type Path = (...parts: readonly string[]) => string

/** A sidecar that has never run, and the three steps on it. */
async function enrolled(t: TestContext) {
  const path = await scratch(t)
  const folder = path('car')
  const made = await countersign('init', folder, '--template', 'sandbox')
  assert.equal(made.code, 0, made.err)
  const at: Path = (...parts) => path('car', ...parts)
  const config = ['--config', at('countersign.yaml')]
  return {
    at,
    next: (name: string) => at('keeper', 'keys', 'next', name),
    loaded: () => loadConfig(at('countersign.yaml')),
    request: (...flags: readonly string[]) => countersign('trust', 'request', ...config, '--json', ...flags),
    enrol: (...flags: readonly string[]) =>
      countersign(
        'trust',
        'enrol',
        at('keeper', 'keys', 'next', 'request.json'),
        '--trust',
        at('trust', 'root.json'),
        '--out',
        at('enrolment.json'),
        ...flags,
      ),
    key: at('trust', 'keys', 'enrol.jwk'),
    install: (file = at('enrolment.json')) => countersign('trust', 'install', file, ...config),
    rotate: (...flags: readonly string[]) =>
      countersign(
        'trust',
        'rotate',
        at('trust', 'root.json'),
        '--key',
        at('trust', 'keys', 'root.jwk'),
        ...flags,
      ),
  }
}

async function keyOf(file: string): Promise<string> {
  return `ed25519:${(JSON.parse(await readFile(file, 'utf8')) as { x: string }).x}`
}

test('the three steps: asked for, shown, certified, installed; nothing is in force before the keeper says so', async t => {
  const car = await enrolled(t)
  const before = heldInstance(car.loaded(), NONE)
  const asked = await car.request()
  assert.equal(asked.code, 0, asked.err)
  const { id, keys } = JSON.parse(asked.out) as { id: string; keys: Record<string, string> }
  for (const role of ['receipt', 'checkpoint', 'grant']) {
    assert.equal(keys[role], await keyOf(car.next(`${role}.jwk`)))
    assert.equal((await stat(car.next(`${role}.jwk`))).mode & 0o777, 0o600)
  }
  const shown = await car.enrol()
  assert.equal(shown.code, 0)
  assert.match(shown.out, new RegExp(id))
  assert.match(shown.out, /receipt .* replaces ed25519:/)
  assert.match(shown.out, /signed by all of these keys/)
  await assert.rejects(stat(car.at('enrolment.json')))
  const done = await car.enrol('--key', car.key, '--days', '90')
  assert.equal(done.code, 0, done.err)
  const installed = await car.install()
  assert.equal(installed.code, 0, installed.err)
  assert.match(installed.out, /next start/)
  assert.match(installed.out, /give each witness the line of `countersign witness log` as well/)
  assert.deepEqual(heldInstance(car.loaded(), NONE).enrolment, before.enrolment)
  const trust = readTrustVersions(car.loaded()).at(-1) as TrustRoot
  assert.deepEqual({ ...readNext(car.loaded(), trust, NONE)?.enrolment.keys }, keys)
})

test('a second request while one waits is refused, and no key is overwritten', async t => {
  const car = await enrolled(t)
  await car.request()
  const before = await readFile(car.next('receipt.jwk'), 'utf8')
  const again = await car.request()
  assert.equal(again.code, 2)
  assert.match(again.err, /waits for its enrolment/)
  assert.equal(await readFile(car.next('receipt.jwk'), 'utf8'), before)
})

test('keys that stay are not made anew, and the enrolment is renewed over them', async t => {
  const car = await enrolled(t)
  const before = heldInstance(car.loaded(), NONE).enrolment
  const asked = await car.request('--keep', 'receipt', '--keep', 'checkpoint', '--keep', 'grant')
  assert.equal(asked.code, 0, asked.err)
  assert.deepEqual(await readdir(car.at('keeper', 'keys', 'next')), ['request.json'])
  assert.equal((await car.enrol('--key', car.key, '--days', '900')).code, 0)
  const installed = await car.install()
  assert.equal(installed.code, 0, installed.err)
  assert.doesNotMatch(installed.out, /witness/, 'the checkpoint key stays')
  const trust = readTrustVersions(car.loaded()).at(-1) as TrustRoot
  const next = readNext(car.loaded(), trust, NONE)?.enrolment
  assert.deepEqual(next?.keys, before.keys)
  assert.ok((next?.notAfter ?? '') > before.notAfter)
  assert.equal((await car.request('--keep', 'tls')).code, 2)
})

test('ATTACK: a request of nobody knows whom is not certified unless its id was compared', async t => {
  const car = await enrolled(t)
  await rm(car.at('keeper', 'enrolment.json'))
  const { id } = JSON.parse((await car.request()).out) as { id: string }
  const shown = await car.enrol()
  assert.match(shown.out, /NONE of where it comes from: the instance has no enrolment yet/)
  const blind = await car.enrol('--key', car.key)
  assert.equal(blind.code, 2)
  assert.match(blind.err, /nothing proves where the request comes from/)
  const other = await car.enrol('--key', car.key, '--id', `sha256:${'0'.repeat(64)}`)
  assert.equal(other.code, 2)
  await assert.rejects(stat(car.at('enrolment.json')))
  assert.equal((await car.enrol('--key', car.key, '--id', id)).code, 0)
})

test('ATTACK: a request that old keys vouch for which are revoked is not proven by them', async t => {
  const car = await enrolled(t)
  await car.request()
  const revoked = await car.rotate('--revoke', await keyOf(car.at('keeper', 'keys', 'receipt.jwk')))
  assert.equal(revoked.code, 0, revoked.err)
  const blind = await car.enrol('--key', car.key)
  assert.equal(blind.code, 2)
  assert.match(blind.err, /its old receipt key is revoked/)
})

test('ATTACK: a request signed by an enrolment that another root certified is not proven', async t => {
  const [car, other] = [await enrolled(t), await enrolled(t)]
  await other.request()
  const foreign = await countersign(
    'trust',
    'enrol',
    other.next('request.json'),
    '--trust',
    car.at('trust', 'root.json'),
    '--key',
    car.key,
  )
  assert.equal(foreign.code, 2)
  assert.match(foreign.err, /doesn’t count: signing_key_unknown/)
})

test('ATTACK: an enrolment by another key than an enrol key is not installed', async t => {
  const car = await enrolled(t)
  await car.request()
  const signed = await car.enrol('--key', car.at('trust', 'keys', 'policy.jwk'))
  assert.equal(signed.code, 2)
  assert.match(signed.err, /signing_key_unknown/)
  await assert.rejects(stat(car.at('enrolment.json')))
})

test('ATTACK: an enrolment of another origin, or of keys that are not here, is not installed', async t => {
  const [car, other] = [await enrolled(t), await enrolled(t)]
  await other.request()
  assert.equal((await other.enrol('--key', other.key)).code, 0)
  await car.request()
  assert.equal((await car.enrol('--key', car.key)).code, 0)
  for (const name of ['receipt.jwk', 'checkpoint.jwk', 'grant.jwk']) await rm(car.next(name))
  const lost = await car.install()
  assert.equal(lost.code, 2)
  assert.match(lost.err, /enrolment_unfit/)
  assert.equal((await car.install(other.at('enrolment.json'))).code, 2)
  await assert.rejects(stat(car.next('enrolment.json')))
})

test('an enrolment that two holders have to sign waits for the second', async t => {
  const car = await enrolled(t)
  const jo = car.at('jo.jwk')
  const added = (await countersign('trust', 'key', jo)).out.trim()
  assert.equal((await car.rotate('--add', `enrol/jo=${added}`, '--threshold', 'enrol=2')).code, 0)
  // The instance's own enrolment has one signature only and stands by the version before.
  await car.request()
  const first = await car.enrol('--key', car.key)
  assert.equal(first.code, 1, first.err)
  assert.match(first.out, /not signed by jo/)
  assert.equal((await car.install()).code, 2)
  const second = await car.enrol('--key', jo)
  assert.equal(second.code, 0, second.err)
  assert.equal((await car.install()).code, 0)
})

test('a trust root shows when a sidecar’s key was revoked, and a time without a key is refused', async t => {
  const car = await enrolled(t)
  const key = await keyOf(car.at('keeper', 'keys', 'grant.jwk'))
  const since = '2026-10-01T00:00:00Z'
  assert.equal((await car.rotate('--revoke', key, '--revoked-since', since)).code, 0)
  const shown = await countersign('trust', 'show', car.at('trust', 'root.json'))
  assert.match(shown.out, new RegExp(`revoked {2}${key} {2}since ${since}`))
  assert.equal((await car.rotate('--revoked-since', since)).code, 2)
})

test('a retired enrol key certifies no more, and what it certified still leads to the keys', async t => {
  const car = await enrolled(t)
  const jo = car.at('jo.jwk')
  const added = (await countersign('trust', 'key', jo)).out.trim()
  assert.equal((await car.rotate('--add', `enrol/jo=${added}`, '--retire', 'enrol')).code, 0)
  await car.request()
  assert.match((await car.enrol()).out, /signed by all of these keys/)
  assert.match((await car.enrol('--key', car.key)).err, /signing_key_unknown/)
  assert.equal((await car.enrol('--key', jo)).code, 0)
})

/** Files as they lie where a keeper was killed at each moment of the move. */
test('a start finishes the move of the keys from wherever it was interrupted', async t => {
  const car = await enrolled(t)
  const { keys } = JSON.parse((await car.request()).out) as { keys: Record<string, string> }
  assert.equal((await car.enrol('--key', car.key)).code, 0)
  assert.equal((await car.install()).code, 0)
  const folder = (...parts: readonly string[]) => car.at('keeper', 'keys', ...parts)
  const versions = readTrustVersions(car.loaded())
  await mkdir(folder('previous'))
  const moves: readonly (() => Promise<void>)[] = [
    async () => {},
    () => rename(folder('receipt.jwk'), folder('previous', 'receipt.jwk')),
    () => rename(folder('next', 'receipt.jwk'), folder('receipt.jwk')),
    () => rename(folder('checkpoint.jwk'), folder('previous', 'checkpoint.jwk')),
    () => rename(folder('next', 'checkpoint.jwk'), folder('checkpoint.jwk')),
  ]
  for (const move of moves) {
    await move()
    const next = readNext(car.loaded(), versions.at(-1) as TrustRoot, NONE)
    assert.deepEqual({ ...next?.enrolment.keys }, keys)
    assert.notDeepEqual({ ...readInstance(car.loaded(), versions, NONE, true).enrolment.keys }, keys)
  }
  promote(car.loaded())
  assert.deepEqual({ ...readInstance(car.loaded(), versions, NONE, false).enrolment.keys }, keys)
  assert.equal(readNext(car.loaded(), versions.at(-1) as TrustRoot, NONE), null)
  assert.deepEqual((await readdir(folder('previous'))).sort(), ['checkpoint.jwk', 'grant.jwk'])
  assert.deepEqual(await readdir(folder('next')), [])
})

test('keys that are only asked for are never moved by a start', async t => {
  const car = await enrolled(t)
  const before = await keyOf(car.at('keeper', 'keys', 'receipt.jwk'))
  await car.request()
  finishPromotion(car.loaded())
  assert.equal(await keyOf(car.at('keeper', 'keys', 'receipt.jwk')), before)
  assert.equal((await readdir(car.at('keeper', 'keys', 'next'))).length, 4)
})

test('an instance whose enrolment has a revoked key, or has ended, starts only with its successor installed', async t => {
  const car = await enrolled(t)
  await copyFile(car.at('trust', 'root.json'), car.at('trust', 'root.before'))
  await car.request()
  const id = JSON.parse((await car.enrol('--json')).out) as { id: string }
  assert.equal((await car.rotate('--revoke', await keyOf(car.at('keeper', 'keys', 'grant.jwk')))).code, 0)
  const versions = readTrustVersions(car.loaded())
  assert.throws(() => readInstance(car.loaded(), versions, NONE, false), { code: 'enrolled_key_revoked' })
  assert.equal((await car.enrol('--key', car.key, '--id', id.id)).code, 0)
  assert.equal((await car.install()).code, 0)
  assert.equal(readInstance(car.loaded(), versions, NONE, true).enrolment.origin, car.loaded().config.origin)
  await writeFile(car.at('keeper', 'enrolment.json'), '{}')
  assert.throws(() => readInstance(car.loaded(), versions, NONE, true), { code: 'envelope_malformed' })
})

test('ATTACK: an enrolment that lasts for seventy years, or began before the request, is put where one is to be made', async t => {
  const car = await enrolled(t)
  const { id, keys } = JSON.parse((await car.request()).out) as { id: string; keys: Enrolment['keys'] }
  const { origin } = heldInstance(car.loaded(), NONE).enrolment
  const hours = (count: number) => new Date(Date.now() + count * 3_600_000).toISOString()
  for (const [notBefore, notAfter] of [
    [hours(-1), hours(70 * 365 * 24)],
    [hours(-24 * 365), hours(24)],
  ] as const) {
    const laid = encodeEnvelope(sealEnrolment({ v: 1, origin, keys, notBefore, notAfter }, []))
    await writeFile(car.at('enrolment.json'), laid)
    const signed = await car.enrol('--key', car.key, '--id', id)
    assert.equal(signed.code, 2, signed.out)
    assert.ok(signed.err.includes(`enrols these keys from ${notBefore} to ${notAfter}`), signed.err)
    assert.deepEqual(await readFile(car.at('enrolment.json')), Buffer.from(laid))
  }
})
