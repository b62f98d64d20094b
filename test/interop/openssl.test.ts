import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { formatPublicKey, fromUtf8 } from '../../src/canon/index.js'
import { decodeEntry, settledEnvelope } from '../../src/receipt/index.js'
import { compiled, signedAnyhow, written } from '../policy/trust-fixture.js'
import { CorpusLog, RECEIPT } from './corpus-log.js'
import { casesOf, envelopesIn, saysOfEach } from './corpus-reader.js'

const docs = readFileSync(new URL('../../../docs/receipts.md', import.meta.url), 'utf8')
/** The steps that docs/receipts.md gives under "By hand". */
const script = /\n## By hand\n.*?```sh\n(.*?)```/s.exec(docs)?.[1] as string

const ALL = process.env.COUNTERSIGN_INTEROP_ALL === '1'

function missing(): string | false {
  const { stdout } = spawnSync('openssl', ['version'], { encoding: 'utf8' })
  return /^OpenSSL 3/.test(stdout ?? '') ? false : 'openssl 3 is not installed'
}

describe('the steps by hand, with openssl', { skip: missing() }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-by-hand-'))
  after(() => rmSync(folder, { recursive: true, force: true }))

  const run = (envelope: string, key: string, kind = 'receipt') => {
    const file = join(folder, 'envelope')
    writeFileSync(file, envelope)
    const env = { PATH: process.env.PATH, TMPDIR: folder, ENVELOPE: file, KEY: key, KIND: kind }
    return spawnSync('sh', ['-c', script], { env, encoding: 'utf8' })
  }
  const known = new Map<string, boolean>()
  const holds = (envelope: string, key: string, kind?: string): boolean => {
    const place = `${key} ${kind} ${envelope}`
    const said = known.get(place) ?? /Signature Verified Successfully/.test(run(envelope, key, kind).stdout)
    known.set(place, said)
    return said
  }

  it('verify an entry of a dump, and give its leaf', () => {
    const log = new CorpusLog().begin().pair()
    for (const seq of [0, 1, 2]) {
      const { stdout, stderr } = run(
        fromUtf8(log.entries[seq] as Uint8Array),
        formatPublicKey(RECEIPT.publicKey),
      )
      assert.match(stdout, /Signature Verified Successfully/, stderr)
      const next = decodeEntry(log.entries[seq + 1] as Uint8Array)
      assert.equal(stdout.trim().split('\n').at(-1), next.prev)
    }
  })

  it('verify every signature of a sealed policy, and refuse one that was changed or is asked for as a receipt', () => {
    const sealed = settledEnvelope(signedAnyhow(compiled(), ['p1', 'p2']))
    for (const name of ['p1', 'p2']) assert.ok(holds(sealed, written(name), 'policy'), name)
    assert.ok(!holds(sealed, written('p3'), 'policy'))
    assert.ok(!holds(sealed, written('p1'), 'receipt'))
    const changed = settledEnvelope({
      ...signedAnyhow(compiled({ version: 8 })),
      signatures: signedAnyhow(compiled()).signatures,
    })
    for (const name of ['p1', 'p2']) assert.ok(!holds(changed, written(name), 'policy'), name)
  })

  // Each envelope takes some seventeen programs: a few of the cases here, all of them in `npm run test:interop`.
  const cases = casesOf('openssl').filter((_, index) => ALL || index % 8 === 0)
  for (const each of cases)
    it(`${each.file}: ${each.others.openssl}`, () =>
      assert.equal(saysOfEach(each, envelopesIn(each), holds), each.others.openssl))
})
