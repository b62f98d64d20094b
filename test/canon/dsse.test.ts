import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import {
  base64,
  decodeEnvelope,
  encodeEnvelope,
  fromUtf8,
  isSignedBy,
  portableCrypto,
  portableSigningKey,
  preAuthEncoding,
  signEnvelope,
  utf8,
} from '../../src/canon/index.js'

const KEY = portableSigningKey(new Uint8Array(32).fill(7))
const OTHER = portableSigningKey(new Uint8Array(32).fill(8))
const TYPE = 'application/vnd.example+json'

test('the pre-authentication encoding is the protocol’s own example', () => {
  const encoded = preAuthEncoding('http://example.com/HelloWorld', utf8('hello world'))
  assert.equal(fromUtf8(encoded), 'DSSEv1 29 http://example.com/HelloWorld 11 hello world')
})

test('lengths are counted in bytes, not in letters', () => {
  assert.equal(fromUtf8(preAuthEncoding('é', utf8('😀'))), 'DSSEv1 2 é 4 😀')
})

test('an envelope comes back as it was written', () => {
  const envelope = signEnvelope(TYPE, utf8('{"a":1}'), [KEY, OTHER])
  const decoded = decodeEnvelope(encodeEnvelope(envelope))
  assert.deepEqual(encodeEnvelope(decoded), encodeEnvelope(envelope))
  assert.equal(isSignedBy(portableCrypto, decoded, KEY.publicKey), true)
  assert.equal(isSignedBy(portableCrypto, decoded, portableSigningKey(new Uint8Array(32)).publicKey), false)
})

test('ATTACK: the boundary between type and payload moved, the bytes joined the same', () => {
  const envelope = signEnvelope('a', utf8('b c'), [KEY])
  const moved = { ...envelope, payloadType: 'a b', payload: utf8('c') }
  assert.equal(isSignedBy(portableCrypto, moved, KEY.publicKey), false)
})

test('OpenSSL, which knows nothing of this project, verifies a signature over the encoding', async context => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-dsse-'))
  context.after(() => rm(folder, { recursive: true, force: true }))
  const envelope = signEnvelope(TYPE, utf8('{"a":1}'), [KEY])
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), KEY.publicKey])
  await writeFile(join(folder, 'key'), der)
  await writeFile(join(folder, 'sig'), envelope.signatures[0]?.sig as Uint8Array)
  const verify = async (payload: string) => {
    await writeFile(join(folder, 'pae'), preAuthEncoding(TYPE, utf8(payload)))
    const files = ['-inkey', 'key', '-keyform', 'DER', '-sigfile', 'sig', '-in', 'pae']
    return promisify(execFile)('openssl', ['pkeyutl', '-verify', '-pubin', '-rawin', ...files], {
      cwd: folder,
    })
  }
  assert.match((await verify('{"a":1}')).stdout, /Verified Successfully/)
  await assert.rejects(verify('{"a":2}'))
})

const sig = base64(new Uint8Array(64))
const good = { payload: 'e30=', payloadType: TYPE, signatures: [{ keyid: 'k', sig }] }
const malformed: readonly { flaw: string; value: unknown; code: string }[] = [
  { flaw: 'an unknown member', value: { ...good, extra: 1 }, code: 'envelope_malformed' },
  { flaw: 'no signatures member', value: { payload: 'e30=', payloadType: TYPE }, code: 'envelope_malformed' },
  { flaw: 'signatures that are no list', value: { ...good, signatures: {} }, code: 'envelope_malformed' },
  { flaw: 'a payload that is no text', value: { ...good, payload: {} }, code: 'envelope_malformed' },
  {
    flaw: 'a signature with its own public key',
    value: { ...good, signatures: [{ keyid: 'k', sig, cert: 'x' }] },
    code: 'envelope_malformed',
  },
  {
    flaw: 'a signature without key id',
    value: { ...good, signatures: [{ sig }] },
    code: 'envelope_malformed',
  },
  {
    flaw: 'a signature of 63 bytes',
    value: { ...good, signatures: [{ keyid: 'k', sig: base64(new Uint8Array(63)) }] },
    code: 'envelope_malformed',
  },
  { flaw: 'a payload in sloppy base64', value: { ...good, payload: 'e30' }, code: 'base64_invalid' },
  { flaw: 'a payload in base64url', value: { ...good, payload: '-_8=' }, code: 'base64_invalid' },
  { flaw: 'only a list', value: [good], code: 'envelope_malformed' },
]

for (const { flaw, value, code } of malformed) {
  test(`an envelope with ${flaw} → ${code}`, () => {
    assert.throws(() => decodeEnvelope(utf8(JSON.stringify(value))), { code })
  })
}

test('ATTACK: an envelope with two payloads → json_duplicate_key', () => {
  const text = `{"payload":"e30=",${JSON.stringify(good).slice(1)}`
  assert.throws(() => decodeEnvelope(utf8(text)), { code: 'json_duplicate_key' })
})

test('ATTACK: one good signature a hundred times is as many as are verified; more are refused unread', () => {
  const [signature] = signEnvelope(TYPE, utf8('{"a":1}'), [KEY]).signatures
  assert.ok(signature !== undefined)
  const repeated = (count: number) =>
    encodeEnvelope({
      payloadType: TYPE,
      payload: utf8('{"a":1}'),
      signatures: Array.from({ length: count }, () => signature),
    })
  assert.equal(decodeEnvelope(repeated(100)).signatures.length, 100)
  assert.throws(() => decodeEnvelope(repeated(101)), { code: 'envelope_malformed' })
})
