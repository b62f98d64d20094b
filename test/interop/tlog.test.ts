import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { formatPublicKey, fromUtf8 } from '../../src/canon/index.js'
import { writeDump } from '../../src/ledger/index.js'
import { countersign } from '../cli/command-line.js'
import { LOG_KEY, verifierKeyOf } from './corpus-case.js'
import { CHECKPOINT, CorpusLog, ORIGIN } from './corpus-log.js'
import { casesOf, corpusPath, interopPath } from './corpus-reader.js'

/** Debian's golang-golang-x-mod-dev. */
const GOPATH = '/usr/share/gocode'

function missing(): string | false {
  if (spawnSync('go', ['version']).error !== undefined) return 'golang-go is not installed'
  const packages = join(GOPATH, 'src/golang.org/x/mod/sumdb/tlog')
  return existsSync(packages) ? false : 'golang-golang-x-mod-dev is not installed'
}

describe('golang.org/x/mod/sumdb', { skip: missing() }, () => {
  let program = ''
  const folder = mkdtempSync(join(tmpdir(), 'countersign-tlog-'))
  after(() => rmSync(folder, { recursive: true, force: true }))

  before(() => {
    program = join(folder, 'verify-tlog')
    const env = { ...process.env, GO111MODULE: 'off', GOFLAGS: '', GOPATH }
    execFileSync('go', ['build', '-o', program, interopPath('verify-tlog.go')], {
      env,
      stdio: 'pipe',
      cwd: folder,
    })
  })

  const says = (...argv: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync(program, argv, { encoding: 'utf8' })
    assert.ok(status === 0 || (status === 1 && stdout.startsWith('REFUSED: ')), stdout + stderr)
    return { verdict: status === 0 ? 'accept' : 'reject', text: stdout.trim() }
  }

  it('writes the verifier key of a log as docs/receipts.md says', () => {
    assert.equal(says('key', `${ORIGIN}/1`, formatPublicKey(CHECKPOINT.publicKey)).text, LOG_KEY)
  })

  for (const { file, kind, against, checkpointKeys, others } of casesOf('tlog'))
    it(`${file}: ${others.tlog}`, () => {
      const beside = against === undefined ? [] : [corpusPath(against)]
      const { verdict, text } = says(kind, corpusPath(file), ...beside, ...checkpointKeys)
      assert.equal(verdict, others.tlog, text)
    })

  const tiled = async (t: TestContext, size: number) => {
    const place = mkdtempSync(join(folder, 'tiles-'))
    t.after(() => rmSync(place, { recursive: true, force: true }))
    const log = new CorpusLog().begin().beat(size - 2)
    const dump = join(place, 'dump.jsonl')
    await writeDump(dump, log.read(), log.note())
    const www = join(place, 'www')
    const { code, err } = await countersign('receipts', 'export', '--tiles', www, '--in', dump)
    assert.equal(code, 0, err)
    return { place, dump, www, log }
  }

  it('reads the tiles of `receipts export --tiles`, full ones and partial ones, and finds the root', async t => {
    for (const size of [2, 256, 600]) {
      const { www, dump, log } = await tiled(t, size)
      const root = Buffer.from(log.tree.rootHex(), 'hex').toString('base64')
      assert.equal(says('tiles', www, LOG_KEY).text, `${size} entries have the root ${root}`)
      assert.equal(says('dump', dump, LOG_KEY).text, `${size} entries have the root ${root}`)
    }
  })

  it('attack: refuses tiles in which one byte is another', async t => {
    const { place, www } = await tiled(t, 600)
    const files = [
      'checkpoint',
      'tile/0/000',
      'tile/0/001',
      'tile/0/002.p/88',
      'tile/1/000.p/2',
      'tile/entries/001',
      'tile/entries/002.p/88',
    ]
    for (const [n, file] of files.entries()) {
      const copy = join(place, `changed-${n}`)
      await cp(www, copy, { recursive: true })
      const bytes = await readFile(join(copy, file))
      bytes[40] = (bytes[40] as number) ^ 1
      await writeFile(join(copy, file), bytes)
      assert.equal(says('tiles', copy, LOG_KEY).verdict, 'reject', file)
    }
    assert.equal(says('tiles', www, verifierKeyOf(`${ORIGIN}/2`, CHECKPOINT.publicKey)).verdict, 'reject')
  })

  it('verifies what `receipts prove` writes about every entry and from every size', async t => {
    const place = mkdtempSync(join(folder, 'prove-'))
    t.after(() => rmSync(place, { recursive: true, force: true }))
    const log = new CorpusLog().begin()
    const dump = join(place, 'dump.jsonl')
    for (let size = 2; size <= 7; size++) {
      await writeFile(join(place, `${size}.checkpoint`), log.note())
      if (size < 7) log.beat(1)
    }
    await writeDump(dump, log.read(), log.note())
    const prove = async (...argv: readonly string[]) => {
      const { code, err } = await countersign('receipts', 'prove', ...argv, '--in', dump)
      assert.equal(code, 0, err)
    }
    for (let seq = 0; seq < 7; seq++) {
      const [proof, entry] = [join(place, `${seq}.tlog-proof`), join(place, `${seq}.json`)]
      await prove(String(seq), '--out', proof, '--entry', entry)
      assert.equal(says('proof', proof, entry, LOG_KEY).text, `entry ${seq} is in the log of 7`)
      await writeFile(entry, fromUtf8(log.entries[(seq + 1) % 7] as Uint8Array))
      assert.equal(says('proof', proof, entry, LOG_KEY).verdict, 'reject')
    }
    for (let size = 2; size <= 7; size++) {
      const growth = join(place, `${size}.growth`)
      await prove('--from', String(size), '--out', growth)
      const from = (older: number) => says('growth', growth, join(place, `${older}.checkpoint`), LOG_KEY)
      assert.equal(from(size).text, `the log of 7 entries goes on from the one of ${size}`)
      assert.equal(from(size === 7 ? 2 : size + 1).verdict, 'reject')
    }
  })
})
