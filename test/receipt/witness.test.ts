import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type SigningKey, utf8 } from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import {
  cosign,
  cosignedAt,
  formatTlogProof,
  formatVerifierKey,
  inclusionProof,
  isSignedByLogOf,
  logKey,
  type NoteKey,
  parseCheckpoint,
  parseTlogProof,
  parseVerifierKey,
  parseWitnessPolicy,
  provesEntry,
  rootAt,
  type SignedCheckpoint,
  signatureLine,
  verifyEntries,
  witnessedAt,
} from '../../src/receipt/index.js'
import { CHAIN, LogOnPaper, newKey } from './log-fixture.js'

interface Witness {
  readonly key: NoteKey
  readonly signer: SigningKey
}

function newWitness(name: string): Witness {
  const signer = newKey()
  return { key: { name, use: 'witness', publicKey: signer.publicKey }, signer }
}

function cosigned(
  checkpoint: SignedCheckpoint,
  note: string,
  by: readonly (readonly [Witness, number])[],
): SignedCheckpoint {
  const lines = by.map(([{ key, signer }, time]) =>
    signatureLine(cosign(nativeCrypto, checkpoint.body, key.name, signer, time)),
  )
  return parseCheckpoint(utf8(`${note}${lines.join('')}`))
}

const vkey = (key: NoteKey): string => formatVerifierKey(nativeCrypto, key)
const policyOf = (...lines: readonly string[]) =>
  parseWitnessPolicy(nativeCrypto, utf8(`${lines.join('\n')}\n`))

describe('a cosignature', () => {
  const log = new LogOnPaper().start()
  const note = log.note()
  const checkpoint = parseCheckpoint(utf8(note))
  const witness = newWitness('witness.example/w1')

  it('is found with the time that was signed', () => {
    const both = cosigned(checkpoint, note, [[witness, 1_790_000_123]])
    assert.equal(cosignedAt(nativeCrypto, both, witness.key), 1_790_000_123)
    assert.equal(cosignedAt(nativeCrypto, both, newWitness('witness.example/w1').key), null)
    assert.equal(cosignedAt(nativeCrypto, checkpoint, witness.key), null)
  })

  it('counts from the first that a witness gave, in whichever order they stand', () => {
    for (const times of [
      [7, 9],
      [9, 7],
    ]) {
      const both = cosigned(
        checkpoint,
        note,
        times.map(time => [witness, time] as const),
      )
      assert.equal(cosignedAt(nativeCrypto, both, witness.key), 7)
    }
  })

  it('attack: another time, another body, the log’s own kind of signature, or another name is none', () => {
    const line = cosign(nativeCrypto, checkpoint.body, witness.key.name, witness.signer, 7)
    const later = { ...line, signature: Uint8Array.from(line.signature, (byte, at) => (at === 7 ? 8 : byte)) }
    const plain = { ...line, signature: witness.signer.sign(utf8(checkpoint.body)) }
    const renamed = { ...line, name: 'witness.example/w2' }
    for (const forged of [later, plain, renamed])
      assert.equal(
        cosignedAt(nativeCrypto, { body: checkpoint.body, signatures: [forged] }, witness.key),
        null,
      )
    const other = checkpoint.body.replace('\n2\n', '\n3\n')
    assert.notEqual(other, checkpoint.body)
    assert.equal(cosignedAt(nativeCrypto, { body: other, signatures: [line] }, witness.key), null)
  })
})

describe('a verifier key', () => {
  it('reads back as it was written, for a log and for a witness', () => {
    for (const key of [newWitness('w.example/1').key, logKey(CHAIN, newKey().publicKey)])
      assert.deepEqual(parseVerifierKey(nativeCrypto, vkey(key)), key)
  })

  it('is refused where one character is another', () => {
    const text = vkey(logKey(CHAIN, newKey().publicKey))
    for (const [at, character] of [...text].entries()) {
      const changed = `${text.slice(0, at)}${character === 'b' ? 'c' : 'b'}${text.slice(at + 1)}`
      assert.throws(
        () => parseVerifierKey(nativeCrypto, changed),
        { code: 'verifier_key_malformed' },
        changed,
      )
    }
  })
})

describe('a policy of witnesses', () => {
  const [w1, w2, w3] = ['w.example/1', 'w.example/2', 'w.example/3'].map(newWitness) as [
    Witness,
    Witness,
    Witness,
  ]
  const log = new LogOnPaper().start()
  const note = log.note()
  const checkpoint = parseCheckpoint(utf8(note))
  const text = [
    '# two of three',
    `log ${vkey(logKey(CHAIN, log.checkpointKey.publicKey))}`,
    `witness A ${vkey(w1.key)} https://w.example/`,
    `witness B\t${vkey(w2.key)}`,
    `  witness C ${vkey(w3.key)}  `,
    '',
    'group most 2 A B C',
    'quorum most',
  ]

  it('is met by as many witnesses as it asks for, from the time of the last that was needed', () => {
    const policy = policyOf(...text)
    const met = (by: readonly (readonly [Witness, number])[]) =>
      witnessedAt(nativeCrypto, policy, cosigned(checkpoint, note, by))
    assert.equal(met([]), null)
    assert.equal(met([[w1, 100]]), null)
    assert.equal(
      met([
        [w1, 100],
        [w1, 200],
      ]),
      null,
    )
    assert.equal(
      met([
        [w1, 100],
        [w3, 300],
      ]),
      300,
    )
    assert.equal(
      met([
        [w1, 100],
        [w3, 300],
        [w2, 200],
      ]),
      200,
    )
    assert.equal(witnessedAt(nativeCrypto, policyOf('quorum none'), checkpoint), 0)
    assert.equal(isSignedByLogOf(nativeCrypto, policy, checkpoint), true)
    assert.equal(isSignedByLogOf(nativeCrypto, policyOf('quorum none'), checkpoint), false)
  })

  it('knows groups of groups, all and any', () => {
    const head = text.slice(1, 5)
    const any = policyOf(...head, 'group any1 any A B', 'group both all any1 C', 'quorum both')
    assert.equal(
      witnessedAt(
        nativeCrypto,
        any,
        cosigned(checkpoint, note, [
          [w1, 1],
          [w2, 2],
        ]),
      ),
      null,
    )
    assert.equal(
      witnessedAt(
        nativeCrypto,
        any,
        cosigned(checkpoint, note, [
          [w2, 2],
          [w3, 9],
        ]),
      ),
      9,
    )
  })

  it('is refused, with the line, where it could mean two things', () => {
    const a = `witness A ${vkey(w1.key)}`
    const wrong: readonly (readonly [string, readonly string[]])[] = [
      ['no quorum', [a]],
      ['two of them', [a, 'quorum A', 'quorum none']],
      ['a name that isn’t there', ['quorum A', a]],
      ['a witness twice', [a, a, 'quorum A']],
      ['attack: one key under two names', [a, `witness B ${vkey(w1.key)}`, 'group g all A B', 'quorum g']],
      [
        'attack: a key under another key name',
        [a, `witness B ${vkey({ ...w1.key, name: 'x.example' })}`, 'quorum A'],
      ],
      ['a member twice', [a, 'group g all A A', 'quorum g']],
      ['a member of two groups', [a, 'group g all A', 'group h all A', 'quorum h']],
      ['more than there are', [a, 'group g 2 A', 'quorum g']],
      ['none of them', [a, 'group g 0 A', 'quorum g']],
      ['the name none', [`witness none ${vkey(w1.key)}`, 'quorum none']],
      ['a log’s key for a witness', [`witness A ${vkey(logKey(CHAIN, newKey().publicKey))}`, 'quorum A']],
      ['a word of its own', ['logs x', 'quorum none']],
      ['a control character', ['# \u0007', 'quorum none']],
    ]
    for (const [what, lines] of wrong)
      assert.throws(() => policyOf(...lines), { code: 'witness_policy_malformed', message: /line \d+/ }, what)
  })

  /** A log whose second entry is of this time, and what is found of it where its first two were witnessed at second 30. */
  const witnessedLog = async (ms: number) => {
    const longer = new LogOnPaper(log.receiptKey, log.checkpointKey)
    longer.t = ms - 1
    longer.start()
    const early = longer.note()
    longer.append(longer.heartbeat())
    const seen = cosigned(parseCheckpoint(utf8(early)), early, [
      [w2, 20],
      [w3, 30],
    ])
    const options = {
      crypto: nativeCrypto,
      keys: longer.keys(),
      checkpoints: [seen, parseCheckpoint(utf8(longer.note()))],
      witnesses: policyOf(...text),
    }
    return verifyEntries(longer.read(), options)
  }

  it('makes a verification say what is witnessed, since when, and what isn’t', async () => {
    const found = await witnessedLog(630_000)
    assert.equal(found.sound, true)
    assert.deepEqual(
      [found.checkpointed, found.witnessed, found.witnessedT, found.unwitnessedTail],
      [3, 2, 30_000, 1],
    )
  })

  it('attack: finds an entry that is dated after witnesses had seen it', async () => {
    const { findings, validPrefix } = await witnessedLog(630_001)
    assert.deepEqual([findings.map(({ code, seq }) => [code, seq]), validPrefix], [[['chain_ahead', 1]], 3])
  })
})

describe('a tlog-proof', () => {
  it('leads from an entry to a checkpoint, and from no other entry', async () => {
    const log = new LogOnPaper().start()
    for (let i = 0; i < 9; i++) log.append(log.heartbeat())
    const read = log.nodes()
    for (const [index, entry] of log.entries.entries()) {
      const hashes = await inclusionProof(nativeCrypto, index, log.entries.length, read)
      const text = formatTlogProof({ index, hashes, note: log.note() })
      const proof = parseTlogProof(utf8(text))
      assert.equal(formatTlogProof(proof), text)
      assert.equal(provesEntry(nativeCrypto, proof, entry), true)
      const other = log.entries[(index + 1) % log.entries.length] as Uint8Array
      assert.equal(provesEntry(nativeCrypto, proof, other), false)
    }
    assert.equal(await rootAt(nativeCrypto, log.entries.length, read).then(root => root.length), 32)
  })

  it('is refused unless it would be written back byte for byte', async () => {
    const log = new LogOnPaper().start()
    const hashes = await inclusionProof(nativeCrypto, 0, 2, log.nodes())
    const text = formatTlogProof({ index: 0, hashes, note: log.note() })
    const spellings = [
      text.replace('@v1', '@v2'),
      text.replace('index 0', 'index 00'),
      text.replace('index 0', 'index +0'),
      text.replace('index 0', 'extra AAAA\nindex 0'),
      text.replace('\n\n', '\n'),
      text.replaceAll('\n', '\r\n'),
      text.replace(/=\n\n/, '\n\n'),
      text.replace(/\n\n/, `\n${'AAAA'.repeat(10)}AAA=`.repeat(64).concat('\n\n')),
    ]
    for (const spelling of spellings) {
      assert.notEqual(spelling, text)
      assert.throws(() => parseTlogProof(utf8(spelling)), /proof|checkpoint/, spelling)
    }
  })
})
