import assert from 'node:assert/strict'
import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { hex, utf8 } from '../../src/canon/index.js'
import { exportTiles, serveTiles } from '../../src/ledger/index.js'
import { formatTilePath, parseTilePath } from '../../src/ledger/tiles/tile-path.js'
import { nativeCrypto } from '../../src/native/index.js'
import { GrowingTree, leafHash, parseCheckpoint, signCheckpoint } from '../../src/receipt/index.js'
import { holdConnection } from '../gate/raw-http.js'
import { newKey } from '../receipt/log-fixture.js'
import { denial, sidecar } from './ledger-fixture.js'

const key = newKey()
const ORIGIN = 'acme.test/countersign/edge/1'

/** A log of short made-up entries: tiles don't look into them. */
function paperLog(size: number, salt = '') {
  const entries = Array.from({ length: size }, (_, seq) => utf8(`${salt}entry ${seq}`))
  return {
    entries: async function* (from: number) {
      yield* entries.slice(from)
    },
    note: (upTo = size) => {
      const tree = new GrowingTree(nativeCrypto)
      for (const entry of entries.slice(0, upTo)) tree.append(leafHash(nativeCrypto, entry))
      return signCheckpoint(nativeCrypto, { origin: ORIGIN, size: upTo, root: tree.rootHex() }, key)
    },
  }
}

async function scratch(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tiles-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'log')
}

const filesIn = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter(each => each.isFile())
    .map(each => join(each.parentPath, each.name).slice(folder.length + 1))
    .sort()

/** Every tile of a tree of this size, as the specification counts them. */
function expectedFiles(size: number): readonly string[] {
  const files = ['checkpoint']
  for (let level = 0; 256 ** level <= size; level++) {
    const hashes = Math.floor(size / 256 ** level)
    for (const kind of level === 0 ? [0, 'entries' as const] : [level]) {
      for (let index = 0; index < Math.floor(hashes / 256); index++)
        files.push(formatTilePath({ level: kind, index, width: 256 }))
      if (hashes % 256 > 0)
        files.push(formatTilePath({ level: kind, index: Math.floor(hashes / 256), width: hashes % 256 }))
    }
  }
  return files.sort()
}

/** What a stranger does with the folder: reads every bundle, and hashes it up to the checkpoint. */
async function rootOfBundles(folder: string, size: number): Promise<string> {
  const tree = new GrowingTree(nativeCrypto)
  for (let index = 0; tree.size < size; index++) {
    const width = Math.min(256, size - 256 * index)
    const bundle = await readFile(join(folder, formatTilePath({ level: 'entries', index, width })))
    const leaves: string[] = []
    for (let at = 0; at < bundle.length; ) {
      const length = bundle.readUInt16BE(at)
      const leaf = leafHash(nativeCrypto, bundle.subarray(at + 2, at + 2 + length))
      leaves.push(hex(leaf))
      tree.append(leaf)
      at += 2 + length
    }
    const tile = await readFile(join(folder, formatTilePath({ level: 0, index, width })))
    assert.equal(tile.toString('hex'), leaves.join(''), `tile ${index}`)
  }
  return tree.rootHex()
}

describe('the path of a tile', () => {
  it('is written as the specification’s examples are, and read back', () => {
    assert.equal(formatTilePath({ level: 0, index: 1_234_067, width: 256 }), 'tile/0/x001/x234/067')
    assert.equal(formatTilePath({ level: 1, index: 0, width: 17 }), 'tile/1/000.p/17')
    assert.equal(formatTilePath({ level: 'entries', index: 999, width: 256 }), 'tile/entries/999')
    for (const index of [0, 5, 999, 1_000, 999_999, 1_000_000, 1_234_067_890])
      for (const level of [0, 6, 'entries'] as const)
        for (const width of [1, 255, 256]) {
          const name = { level, index, width }
          assert.deepEqual(parseTilePath(formatTilePath(name)), name)
        }
  })

  it('attack: is refused in every other spelling', () => {
    for (const path of [
      '',
      'tile',
      'tile/0/0',
      'tile/00/000',
      'tile/64/000',
      'tile/-1/000',
      'tile/0/x000/001',
      'tile/0/1000',
      'tile/0/x001',
      'tile/0/000.p/0',
      'tile/0/000.p/256',
      'tile/0/000.p/01',
      'tile/0/000.p/999',
      'tile/0/000/',
      'tile/0/000?x',
      'tile/0/../../checkpoint',
      'tile/data/000',
      'Tile/0/000',
    ])
      assert.equal(parseTilePath(path), null, path)
  })
})

describe('a log as static files', () => {
  for (const size of [1, 255, 256, 257, 70_000])
    it(`has exactly the tiles of a tree of ${size} entries, and they hash up to its checkpoint`, async t => {
      const folder = await scratch(t)
      const log = paperLog(size)
      const counted: number[] = []
      const done = await exportTiles({
        folder,
        entries: log.entries,
        note: log.note(),
        crypto: nativeCrypto,
        onEntry: count => counted.push(count),
      })
      assert.deepEqual(done, { size, before: 0 })
      assert.equal(counted.at(-1), size)
      assert.deepEqual(await filesIn(folder), expectedFiles(size))
      const { root } = parseCheckpoint(await readFile(join(folder, 'checkpoint')))
      assert.equal(await rootOfBundles(folder, size), root)
      assert.equal((await stat(join(folder, 'checkpoint'))).mode & 0o600, 0o600)
    })

  it('grows to the same files that it would have had at once, and writes no full tile twice', async t => {
    const [grown, whole] = [await scratch(t), await scratch(t)]
    const log = paperLog(2_000)
    for (const size of [3, 200, 256, 300, 511, 1_024, 1_024, 2_000])
      await exportTiles({ folder: grown, entries: log.entries, note: log.note(size), crypto: nativeCrypto })
    const first = await stat(join(grown, 'tile/0/000'))
    await exportTiles({ folder: grown, entries: log.entries, note: log.note(), crypto: nativeCrypto })
    assert.equal((await stat(join(grown, 'tile/0/000'))).mtimeMs, first.mtimeMs)
    await exportTiles({ folder: whole, entries: log.entries, note: log.note(), crypto: nativeCrypto })
    const files = await filesIn(grown)
    // Partial tiles of earlier checkpoints stay until their full tile is there.
    for (const file of await filesIn(whole)) {
      assert.ok(files.includes(file), file)
      assert.deepEqual(await readFile(join(grown, file)), await readFile(join(whole, file)), file)
    }
    assert.ok(!files.some(file => /tile\/(0|entries)\/00[0-6]\.p/.test(file)), 'outgrown ones are gone')
  })

  it('attack: another history is not written over the one that the folder shows', async t => {
    const folder = await scratch(t)
    const log = paperLog(600)
    await exportTiles({ folder, entries: log.entries, note: log.note(300), crypto: nativeCrypto })
    await cp(folder, `${folder}-before`, { recursive: true })
    const fork = paperLog(600, 'other ')
    const attempts = {
      'another history': { entries: fork.entries, note: fork.note() },
      'a shorter one': { entries: log.entries, note: log.note(299) },
      'a log that ends early': { entries: paperLog(400).entries, note: log.note(600) },
      'entries that are not the checkpoint’s': { entries: log.entries, note: fork.note(600) },
    }
    for (const [what, { entries, note }] of Object.entries(attempts)) {
      await assert.rejects(
        exportTiles({ folder, entries, note, crypto: nativeCrypto }),
        { code: 'tiles_differ' },
        what,
      )
      assert.deepEqual(await filesIn(folder), await filesIn(`${folder}-before`), what)
    }
    const otherOrigin = signCheckpoint(
      nativeCrypto,
      { ...parseCheckpoint(utf8(log.note())), origin: 'acme.test/countersign/edge/2' },
      key,
    )
    await assert.rejects(
      exportTiles({ folder, entries: log.entries, note: otherOrigin, crypto: nativeCrypto }),
      { code: 'tiles_differ' },
    )
  })

  it('attack: a folder whose tiles were changed is not gone on from', async t => {
    const folder = await scratch(t)
    const log = paperLog(900)
    await exportTiles({ folder, entries: log.entries, note: log.note(700), crypto: nativeCrypto })
    // What the last full tiles hash to: all that an export reads again.
    const tile = join(folder, 'tile/1/000.p/2')
    const bytes = await readFile(tile)
    const flipped = Buffer.from(bytes)
    flipped[0] = (bytes[0] as number) ^ 1
    for (const changed of [flipped, bytes.subarray(1), Buffer.alloc(0)]) {
      await writeFile(tile, changed)
      await assert.rejects(
        exportTiles({ folder, entries: log.entries, note: log.note(), crypto: nativeCrypto }),
        { code: 'tiles_differ' },
      )
    }
    await writeFile(tile, bytes)
    await exportTiles({ folder, entries: log.entries, note: log.note(), crypto: nativeCrypto })
  })
})

describe('a log that is served to read', () => {
  it('gives checkpoint, tiles and bundles with their types and cache times, and hashes up', async t => {
    const house = await sidecar(t)
    const ledger = await house.open()
    for (let i = 0; i < 300; i++) await ledger.append(denial(), { urgency: 'soon' })
    const server = await serveTiles({
      ledger,
      checkpoint: () => ledger.checkpoint(),
      host: '127.0.0.1',
      port: 0,
      onFault: error => assert.fail(String(error)),
    })
    t.after(() => server.close())
    const get = (path: string, init: RequestInit = {}) => fetch(`${server.url}${path}`, init)
    const shown = await get('/checkpoint')
    assert.equal(shown.headers.get('content-type'), 'text/plain; charset=utf-8')
    assert.equal(shown.headers.get('cache-control'), 'max-age=1')
    const { size, root } = parseCheckpoint(Buffer.from(await shown.arrayBuffer()))

    const folder = await scratch(t)
    await exportTiles({
      folder,
      entries: from => ledger.entries(from),
      note: await ledger.checkpoint(),
      crypto: nativeCrypto,
    })
    assert.equal(await rootOfBundles(folder, size), root)
    for (const file of (await filesIn(folder)).filter(each => each !== 'checkpoint')) {
      const answer = await get(`/${file}`)
      assert.equal(answer.status, 200, file)
      assert.equal(answer.headers.get('content-type'), 'application/octet-stream')
      assert.match(answer.headers.get('cache-control') ?? '', /immutable/)
      assert.deepEqual(Buffer.from(await answer.arrayBuffer()), await readFile(join(folder, file)), file)
    }
    const zipped = await get('/tile/entries/000', { headers: { 'accept-encoding': 'gzip' } })
    assert.equal(zipped.headers.get('content-encoding'), 'gzip')
    const plain = await get('/tile/entries/000', { headers: { 'accept-encoding': 'identity' } })
    assert.equal(plain.headers.get('content-encoding'), null)
    assert.deepEqual(await zipped.arrayBuffer(), await plain.arrayBuffer())
    const head = await get('/tile/0/000', { method: 'HEAD' })
    assert.deepEqual([head.status, head.headers.get('content-length')], [200, '8192'])
  })

  it('attack: nobody keeps others out by holding all of its connections', async t => {
    const house = await sidecar(t)
    const ledger = await house.open()
    const server = await serveTiles({
      ledger,
      checkpoint: () => ledger.checkpoint(),
      host: '127.0.0.1',
      port: 0,
      onFault: error => assert.fail(String(error)),
    })
    t.after(() => server.close())
    for (let i = 0; i < 100; i++) await holdConnection(t, server.url, '127.0.0.1')
    const answer = await fetch(`${server.url}/checkpoint`, { signal: AbortSignal.timeout(10_000) })
    assert.equal(answer.status, 200)
  })

  it('attack: gives nothing else, and takes nothing', async t => {
    const house = await sidecar(t)
    const ledger = await house.open()
    const server = await serveTiles({
      ledger,
      checkpoint: () => ledger.checkpoint(),
      host: '127.0.0.1',
      port: 0,
      onFault: error => assert.fail(String(error)),
    })
    t.after(() => server.close())
    const statusOf = async (path: string, method = 'GET') =>
      (await fetch(`${server.url}${path}`, { method })).status
    const { size } = ledger.head()
    assert.equal(await statusOf(`/tile/0/000.p/${size}`), 200)
    for (const path of [
      '/',
      '/checkpoint/',
      '/checkpoint?x=1',
      '/tile/0/000',
      `/tile/0/000.p/${size + 1}`,
      '/tile/1/000.p/1',
      '/tile/7/000.p/1',
      '/tile/63/000',
      '/tile/0/x999/x999/x999/x999/x999/999',
      '/tile/entries/001',
      '/v1/receipts',
      '/metrics',
    ])
      assert.equal(await statusOf(path), 404, path)
    for (const method of ['POST', 'PUT', 'DELETE']) assert.equal(await statusOf('/checkpoint', method), 405)
  })
})
