import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { describe, it } from 'node:test'
import { fromHex, portableCrypto } from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { readTrustChain } from '../../src/policy/index.js'
import {
  BUNDLE_FINDINGS,
  FINDINGS,
  isCheckpointSignedBy,
  parseAddCheckpoint,
  parseCheckpoint,
  parseTlogProof,
  parseVerifierKey,
  parseWitnessPolicy,
  provesEntry,
  verifyBundle,
  verifyConsistency,
} from '../../src/receipt/index.js'
import { countersign } from '../cli/command-line.js'
import { corpusFiles } from './corpus.js'
import { corpusCases, corpusPath, type HeldCase } from './corpus-reader.js'

const read = (file: string) => readFileSync(corpusPath(file))

describe('the corpus', () => {
  it('is what its generator writes, byte for byte, and nothing else', async () => {
    const files = await corpusFiles()
    for (const [path, text] of files) assert.equal(read(path).toString(), text, path)
    const there = readdirSync(corpusPath(''), { recursive: true, withFileTypes: true })
      .filter(each => each.isFile())
      .map(each => relative(corpusPath(''), `${each.parentPath}/${each.name}`))
    assert.deepEqual(there.sort(), ['README.md', ...files.keys()].sort())
  })

  it('names every case once, says what it shows, and names findings that there are', () => {
    const cases = corpusCases()
    assert.equal(new Set(cases.map(({ file }) => file)).size, cases.length)
    for (const { kind, file, findings, shows, verdict, others } of cases) {
      assert.match(shows, /^\S.*\.$/, file)
      assert.ok(file.includes(`/${verdict}/`), file)
      const codes: object = kind === 'bundle' ? BUNDLE_FINDINGS : FINDINGS
      for (const code of findings) assert.ok(Object.hasOwn(codes, code), code)
      // What we accept nobody refuses.
      if (verdict === 'accept') assert.deepEqual(new Set(Object.values(others)), new Set(['accept']), file)
    }
  })

  it('gets the same findings from the portable implementation, which browsers run', () => {
    for (const { file, trust, witnesses, findings } of corpusCases().filter(
      ({ kind }) => kind === 'bundle',
    )) {
      const policy = witnesses === undefined ? null : parseWitnessPolicy(portableCrypto, read(witnesses))
      const found = verifyBundle(read(file), {
        crypto: portableCrypto,
        trust: { chain: readTrustChain(read(trust)), pin: null },
        ...(policy === null ? {} : { witnesses: policy }),
      })
      assert.deepEqual([...new Set(found.findings.map(({ code }) => code))].sort(), findings.toSorted(), file)
    }
  })

  for (const each of corpusCases()) it(`${each.file}: ${each.verdict}`, () => judge(each))
})

function judge(each: HeldCase): void | Promise<void> {
  switch (each.kind) {
    case 'bundle':
    case 'dump':
      return verified(each)
    case 'proof':
      return assert.equal(provenEntry(each), each.verdict === 'accept')
    case 'growth':
      return assert.equal(provenGrowth(each), each.verdict === 'accept')
  }
}

/** As whoever installed the package does it. */
async function verified({ file, trust, witnesses, verdict, findings }: HeldCase): Promise<void> {
  const policy = witnesses === undefined ? [] : ['--witnesses', corpusPath(witnesses)]
  const argv = ['receipts', 'verify', corpusPath(file), '--trust', corpusPath(trust), ...policy, '--json']
  const { code, out } = await countersign(...argv)
  if (verdict === 'accept') assert.equal(code, 0, out)
  // Without its genesis no key leads anywhere: that can't be tried.
  else if (findings.length === 0) assert.equal(code, 2, out)
  else {
    assert.equal(code, 1, out)
    const said = (JSON.parse(out) as { readonly findings: readonly { readonly code: string }[] }).findings
    assert.deepEqual([...new Set(said.map(finding => finding.code))].sort(), findings.toSorted(), out)
  }
}

function provenEntry({ file, against = '', checkpointKeys }: HeldCase): boolean {
  const proof = parseTlogProof(read(file))
  return isBy(proof.checkpoint, checkpointKeys) && provesEntry(nativeCrypto, proof, read(against))
}

function provenGrowth({ file, against = '', checkpointKeys }: HeldCase): boolean {
  const { oldSize, hashes, checkpoint: newer } = parseAddCheckpoint(read(file))
  const older = parseCheckpoint(read(against))
  if (!isBy(newer, checkpointKeys) || !isBy(older, checkpointKeys) || oldSize !== older.size) return false
  const [olderRoot, newerRoot] = [older, newer].map(({ root }) => fromHex(root) as Uint8Array) as [
    Uint8Array,
    Uint8Array,
  ]
  return verifyConsistency(
    nativeCrypto,
    { older: older.size, newer: newer.size, olderRoot, newerRoot },
    hashes,
  )
}

function isBy(checkpoint: ReturnType<typeof parseCheckpoint>, [key = '']: readonly string[]): boolean {
  return isCheckpointSignedBy(nativeCrypto, checkpoint, parseVerifierKey(nativeCrypto, key).publicKey)
}
