import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromBase64, utf8 } from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import {
  formatVerifierKey,
  isCheckpointSignedBy,
  parseCheckpoint,
  signCheckpoint,
} from '../../src/receipt/index.js'
import { CHAIN, HEX, newKey } from './log-fixture.js'

const key = newKey()
const note = signCheckpoint(nativeCrypto, { origin: CHAIN, size: 4183, root: HEX }, key)

test('a checkpoint reads back as it was signed', () => {
  const checkpoint = parseCheckpoint(utf8(note))
  assert.deepEqual([checkpoint.origin, checkpoint.size, checkpoint.root], [CHAIN, 4183, HEX])
  assert.equal(isCheckpointSignedBy(nativeCrypto, checkpoint, key.publicKey), true)
  assert.equal(isCheckpointSignedBy(nativeCrypto, checkpoint, newKey().publicKey), false)
})

test('the key id is that of the signed-note specification', () => {
  // The example key in the documentation of Go's golang.org/x/mod/sumdb/note.
  const publicKey = fromBase64('ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW').subarray(1)
  assert.equal(
    formatVerifierKey(nativeCrypto, { name: 'PeterNeumann', use: 'log', publicKey }),
    'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
  )
})

test('a note that would not be written back byte for byte is refused', () => {
  const [head, signature] = note.split('\n\n') as [string, string]
  const spellings: [string, string][] = [
    ['nothing', ''],
    ['no signature', `${head}\n\n`],
    ['no empty line', note.replace('\n\n', '\n')],
    ['no last newline', note.slice(0, -1)],
    ['a leading zero', note.replace('\n4183\n', '\n04183\n')],
    ['a sign', note.replace('\n4183\n', '\n+4183\n')],
    ['a size beyond 2^53', note.replace('\n4183\n', '\n9007199254740993\n')],
    ['a short root', note.replace(/\n[A-Za-z0-9+/]{43}=\n/, '\nAAAA\n')],
    ['loose root bits', note.replace(/.=\n\n/, '1=\n\n')],
    ['an extension line', note.replace('\n\n', '\nextension\n\n')],
    ['a space in the origin', note.replaceAll(CHAIN, 'a b')],
    ['a plus in the origin', note.replaceAll(CHAIN, 'a+b')],
    ['CRLF', note.replaceAll('\n', '\r\n')],
    ['a hyphen for the dash', note.replace('—', '-')],
    ['a short signature', `${head}\n\n— ${CHAIN} AAAA\n`],
    ['an empty line behind', `${note}\n`],
    ['text behind', `${note}x\n`],
    ['a second signature that is none', `${head}\n\n${signature}nonsense\n`],
  ]
  for (const [what, spelling] of spellings) {
    assert.notEqual(spelling, note, what)
    assert.throws(() => parseCheckpoint(utf8(spelling)), { code: 'checkpoint_malformed' }, what)
  }
  assert.throws(() => parseCheckpoint(Uint8Array.of(0xff)), { code: 'checkpoint_malformed' })
})

test('attack: a signature under another name, or over another size or root, is none', () => {
  const stranger = 'somebody/else'
  const changed = [
    note.replace('\n4183\n', '\n4184\n'),
    note.replace(`— ${CHAIN}`, `— ${stranger}`),
    signCheckpoint(nativeCrypto, { origin: stranger, size: 4183, root: HEX }, key).replaceAll(
      stranger,
      CHAIN,
    ),
  ]
  for (const text of changed)
    assert.equal(isCheckpointSignedBy(nativeCrypto, parseCheckpoint(utf8(text)), key.publicKey), false)
})

test('signatures of others may stand beside the log’s own', () => {
  const [, line] = note.split('\n\n') as [string, string]
  const cosigned = parseCheckpoint(utf8(`${note}— witness.test/w1 ${line.split(' ')[2]}`))
  assert.equal(cosigned.signatures.length, 2)
  assert.equal(isCheckpointSignedBy(nativeCrypto, cosigned, key.publicKey), true)
})

test('ATTACK: a note of more than a hundred signatures, each of which would be verified, is refused', () => {
  const [head, line] = note.split('\n\n') as [string, string]
  const repeated = (count: number) => utf8(`${head}\n\n${line.repeat(count)}`)
  assert.equal(parseCheckpoint(repeated(100)).signatures.length, 100)
  assert.throws(() => parseCheckpoint(repeated(101)), { code: 'checkpoint_malformed' })
})
