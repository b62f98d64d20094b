import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { formatPublicKey, keyIdOf } from '../../src/canon/index.js'
import { readAnswer } from '../../src/cli/signer/protocol.js'
import { signerCommand } from '../../src/cli/signer/signer-command.js'
import { SignerProcess, type SignerTimes } from '../../src/cli/signer/signer-process.js'
import { awsGrantKeys, awsGrantMaterial, grantIssuer, grantVerifier } from '../../src/credential/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { countersign, scratch } from './command-line.js'
import { missingForToken, softToken } from './softhsm.js'

/**
 * A signer in a few lines of its own, with the key in a file: what anybody writes for their own token. `MODE` names
 * what it does wrong, after so many good signatures.
 */
const SIGNER = `
const { createPrivateKey, createPublicKey, sign, generateKeyPairSync } = require('node:crypto')
const { existsSync, readFileSync, writeFileSync } = require('node:fs')
const [file, mode = '', after = '0'] = process.argv.slice(2)
if (!existsSync(file)) writeFileSync(file, generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }))
const key = createPrivateKey(readFileSync(file))
const { x } = createPublicKey(key).export({ format: 'jwk' })
let good = Number(after)
let rest = ''
process.stdin.on('data', text => {
  const lines = (rest + text).split('\\n')
  rest = lines.pop()
  for (const line of lines) answer(JSON.parse(line))
})
function answer({ id, op, messages }) {
  if (op === 'public-key') return say({ id, publicKey: 'ed25519:' + x })
  const bad = mode !== '' && good-- <= 0
  const made = messages.map(each => sign(null, Buffer.from(each, 'base64'), key))
  if (bad && mode === 'die') process.exit(3)
  if (bad && mode === 'hang') return
  if (bad && mode === 'refuse') return say({ id, error: 'the token\\nis locked' })
  if (bad && mode === 'wrong') made[0][5] ^= 1
  if (bad && mode === 'few') made.pop()
  if (bad && mode === 'chatter') return process.stdout.write('signing...\\n')
  if (bad && mode === 'stranger') return say({ id: id + 7, signatures: made.map(each => each.toString('base64')) })
  say({ id, signatures: made.map(each => each.toString('base64')) })
}
function say(value) { process.stdout.write(JSON.stringify(value) + '\\n') }
`

interface Written {
  readonly facts: object
  readonly sentence: string
}

async function stage(t: TestContext) {
  const path = await scratch(t)
  await writeFile(path('signer.cjs'), SIGNER)
  const logged: Written[] = []
  const note = (facts: object, sentence: string) => void logged.push({ facts, sentence })
  const log = { info: note, warn: note, error: note }
  const spec = (...args: readonly string[]) => ({
    command: [process.execPath, path('signer.cjs'), path('key.pem'), ...args],
    env: {},
    folder: path(),
  })
  return {
    path,
    logged,
    spec,
    start: async (args: readonly string[] = [], times: Partial<SignerTimes> = {}) => {
      const signer = await SignerProcess.start('signers.receipt', spec(...args), log, {
        firstRestartMs: 1,
        longestRestartMs: 1,
        ...times,
      })
      t.after(() => signer.close())
      return signer
    },
  }
}

const MESSAGES = ['one', 'two', 'three'].map(text => Buffer.from(text))

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(resolve => setTimeout(resolve, 2))
}

test('a signer process signs a batch in order, and the signatures are those of its key', async t => {
  const { start } = await stage(t)
  const signer = await start()
  const answers = await Promise.all([signer.signAll(MESSAGES), signer.signAll(MESSAGES.toReversed())])
  for (const [i, message] of MESSAGES.entries()) {
    assert.equal(nativeCrypto.verify(signer.publicKey, message, answers[0][i] as Uint8Array), true)
    assert.equal(nativeCrypto.verify(signer.publicKey, message, answers[1][2 - i] as Uint8Array), true)
  }
  assert.equal(signer.keyid, keyIdOf(signer.publicKey))
})

for (const mode of ['die', 'hang', 'refuse', 'wrong', 'few', 'chatter', 'stranger']) {
  test(`a signer process that does “${mode}” signs nothing, and is started again`, async t => {
    const { start, logged } = await stage(t)
    const signer = await start([mode, '1'], mode === 'hang' ? { answerMs: 300 } : {})
    await signer.signAll(MESSAGES)
    await assert.rejects(signer.signAll(MESSAGES), { code: 'signer_failed' })
    await until(() => signer.available())
    await signer.signAll(MESSAGES)
    assert.ok(logged.some(({ sentence }) => sentence.startsWith('a signer is gone')))
    assert.ok(logged.every(({ sentence }) => !sentence.includes('\n')))
  })
}

test('while a signer process is gone it says so, and rejects at once', async t => {
  const { start } = await stage(t)
  const signer = await start(['die', '0'], { firstRestartMs: 60_000, longestRestartMs: 60_000 })
  await assert.rejects(signer.signAll(MESSAGES), { code: 'signer_failed' })
  assert.equal(signer.available(), false)
  await assert.rejects(signer.signAll(MESSAGES), { code: 'signer_failed', message: /not running/ })
})

test('ATTACK: a signer that comes back with another key signs nothing before the enrolled one is back', async t => {
  const { start, path, logged } = await stage(t)
  const signer = await start(['die', '1'])
  await signer.signAll(MESSAGES)
  const enrolled = await readFile(path('key.pem'))
  const { privateKey } = generateKeyPairSync('ed25519')
  await writeFile(path('key.pem'), privateKey.export({ format: 'pem', type: 'pkcs8' }))
  await assert.rejects(signer.signAll(MESSAGES), { code: 'signer_failed' })
  await until(() => logged.some(({ sentence }) => sentence.includes('another key now')))
  assert.equal(signer.available(), false)
  await assert.rejects(signer.signAll(MESSAGES), { code: 'signer_failed' })
  await writeFile(path('key.pem'), enrolled)
  await until(() => signer.available())
  await signer.signAll(MESSAGES)
})

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined }

test('a program that is not there, or that is no signer, is signer_failed', async t => {
  const { path } = await stage(t)
  for (const command of [[path('nothing')], ['/bin/cat'], ['/bin/true'], ['/bin/sh', '-c', 'echo hello']])
    await assert.rejects(
      SignerProcess.start('signers.grant', { command, env: {}, folder: path() }, quiet, { startMs: 2_000 }),
      { code: 'signer_failed' },
    )
})

const answers: readonly (readonly [string, string])[] = [
  ['two things said at once', '{"id":1,"publicKey":"ed25519:x","error":"y"}'],
  ['an unknown member', '{"id":1,"error":"y","pin":"1234"}'],
  ['a signature of another length', '{"id":1,"signatures":["AAAA"]}'],
  ['a key of small order', `{"id":1,"publicKey":"ed25519:${'A'.repeat(43)}"}`],
  ['a member twice', '{"id":1,"id":2,"error":"y"}'],
  ['an id that is no number', '{"id":"1","error":"y"}'],
  ['no JSON', 'hello'],
]

for (const [what, line] of answers)
  test(`an answer with ${what} is none`, () => {
    assert.equal(readAnswer(line), null)
  })

test('a command that signs once runs the program for it, and verifies what it said', async t => {
  const { spec } = await stage(t)
  const key = signerCommand(spec())
  const [message] = MESSAGES as [Buffer]
  assert.equal(nativeCrypto.verify(key.publicKey, message, key.sign(message)), true)
  for (const mode of ['wrong', 'few', 'refuse', 'die', 'chatter', 'stranger'])
    assert.throws(() => signerCommand(spec(mode)).sign(message), { code: 'signer_failed' }, mode)
})

test('a command signs with --signer as with --key, and with neither not at all', async t => {
  const { path, spec } = await stage(t)
  const line = spec().command.join(' ')
  const held = formatPublicKey(signerCommand(spec()).publicKey)
  await countersign('trust', 'init', '--out', path('trust'), '--test-audience', 'sandbox')
  const rotate = (...flags: readonly string[]) =>
    countersign('trust', 'rotate', path('trust', 'root.json'), ...flags)
  const root = path('trust', 'keys', 'root.jwk')
  assert.equal((await rotate('--key', root, '--add', `root/hsm=${held}`, '--signer', line)).code, 0)
  assert.equal((await rotate('--signer', line, '--add', `policy/hsm=${held}`)).code, 0)
  const none = await rotate('--min-policy-version', '3')
  assert.equal(none.code, 2)
  assert.match(none.err, /no key to sign with/)
})

test('grants are issued by a grant key behind a signer, and AWS secrets derived from it are the same after a restart', async t => {
  const { start } = await stage(t)
  const signer = await start()
  const origin = 'acme.test/countersign/edge'
  const order = {
    agent: 'coder',
    environment: 'staging',
    task: 't-1',
    owner: 'maria',
    slot: 'bearer',
    ttlSeconds: 600,
  } as const
  const now = Date.now()
  const { token } = await grantIssuer(signer, origin).issue(order, now)
  const verifier = grantVerifier({ keys: [signer.publicKey], origin, isRevoked: () => false })
  assert.equal((await verifier.verify(token, 'bearer', now)).kind, 'grant')
  const again = await start()
  const [one, two] = [await awsGrantMaterial(signer), await awsGrantMaterial(again)]
  assert.equal(awsGrantKeys(one).secretOf('j'), awsGrantKeys(two).secretOf('j'))
  assert.notEqual(awsGrantKeys(one).secretOf('j'), awsGrantKeys(one).secretOf('k'))
  await signer.close()
  await assert.rejects(grantIssuer(signer, origin).issue(order, now), { code: 'grant_signer_unavailable' })
})

test('secrets of AWS grants are not derived from a signer that draws lots', async () => {
  let n = 0
  const lots = {
    keyid: 'k',
    publicKey: new Uint8Array(32),
    available: () => true,
    signAll: async (messages: readonly Uint8Array[]) => messages.map(() => new Uint8Array(64).fill(n++)),
  }
  await assert.rejects(awsGrantMaterial(lots), { code: 'grant_signer_unfit' })
})

test('a key in a token signs over PKCS#11, and the PIN is nowhere but in its file', async t => {
  const missing = missingForToken()
  if (missing !== null) return t.skip(missing)
  const token = softToken(t)
  token.generate('receipt')
  const path = await scratch(t)
  const { command, env } = token.signer('receipt')
  const signer = await SignerProcess.start('signers.receipt', { command, env, folder: path() }, quiet)
  t.after(() => signer.close())
  for (const message of MESSAGES) {
    const [signature] = await signer.signAll([message])
    assert.equal(nativeCrypto.verify(signer.publicKey, message, signature as Uint8Array), true)
  }
  assert.doesNotMatch(JSON.stringify({ command, env }), new RegExp(token.pin))
  const lost = token.signer('nobody')
  await assert.rejects(SignerProcess.start('signers.grant', { ...lost, folder: path() }, quiet), {
    code: 'signer_failed',
    message: /0 keys of that label/,
  })
  token.remove()
  await assert.rejects(SignerProcess.start('signers.receipt', { command, env, folder: path() }, quiet), {
    code: 'signer_failed',
    message: /token is not there/,
  })
})
