import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { formatPublicKey, fromUtf8 } from '../../src/canon/index.js'
import {
  BUNDLE_FINDINGS,
  CONTROL_FORMATS,
  CONTROL_TYPES,
  decodeEntry,
  type Entry,
  encodeBundle,
  entryProblem,
  FINDINGS,
  OUTCOME_STATUSES,
} from '../../src/receipt/index.js'
import { attemptBody, BOOT, CHAIN, HEX, LogOnPaper, outcomeBody } from './log-fixture.js'

const docs = readFileSync(new URL('../../../docs/receipts.md', import.meta.url), 'utf8')

function section(heading: string): string {
  const start = docs.indexOf(`\n${heading}\n`)
  assert.ok(start >= 0, heading)
  const end = docs.indexOf('\n##', start + heading.length)
  return docs.slice(start, end < 0 ? undefined : end)
}

/** First cells of a table's rows, without their backticks. */
function rows(text: string): [string, string][] {
  return [...text.matchAll(/^\| `([a-z_]+)` +\| (.*) \|$/gm)].map(([, name, rest]) => [
    name as string,
    rest as string,
  ])
}

function words(text: string): string[] {
  return [...text.matchAll(/`([a-z_]+)`/g)].map(([, word]) => word as string)
}

test('docs/receipts.md lists every finding, and no other', () => {
  const listed = rows(section('### Findings')).map(([code]) => code)
  assert.deepEqual(listed, Object.keys(FINDINGS))
})

test('docs/receipts.md lists every finding in a bundle with its meaning, and every member of one', () => {
  const listed = rows(section('### Its verification')).map(([code, meaning]) => [code, meaning.trim()])
  assert.deepEqual(listed, Object.entries(BUNDLE_FINDINGS))
  const members = rows(section('### Its form')).map(([name]) => name)
  const empty = { checkpoint: '', entries: [], policies: [], catalogs: [], trust: [], disclosures: [] }
  assert.deepEqual(members.sort(), Object.keys(JSON.parse(fromUtf8(encodeBundle(empty)))))
})

test('docs/receipts.md lists every control entry with its members, optional ones in parentheses', () => {
  const listed = new Map(rows(section('### Control entries')))
  assert.deepEqual([...listed.keys()], [...CONTROL_TYPES])
  for (const type of CONTROL_TYPES) {
    const [always, sometimes = ''] = (listed.get(type) as string).split('(')
    const [required, optional = {}] = CONTROL_FORMATS[type]
    assert.deepEqual(words(always as string), Object.keys(required), type)
    assert.deepEqual(words(sometimes), Object.keys(optional), type)
  }
})

const place = { v: 1, chain: CHAIN, seq: 7, prev: HEX, t: 1, boot: BOOT } as const

/** Members that the code knows: those of a full example, all of which it accepts. */
function membersOf(full: Entry): string[] {
  assert.equal(entryProblem(full), undefined)
  return Object.keys(full)
}

test('docs/receipts.md lists the members of attempts and outcomes', () => {
  const common = rows(section('## An entry')).map(([name]) => name)
  const documented = (heading: string) => [...common, ...rows(section(heading)).map(([name]) => name)].sort()
  const attempt: Entry = {
    ...place,
    ...attemptBody({
      approval: 'a-1',
      credential: { minter: 'jwt', scope: 's', expires: 1 },
      reserved: [{ key: 'k', amount: 1 }],
    }),
  }
  assert.deepEqual(documented('### attempt'), membersOf(attempt).sort())
  const extras = { upstream_id: 'x', body_c: HEX, resp_c: HEX, resp_len: 1 }
  const outcome: Entry = { ...place, ...outcomeBody(1, HEX, extras) }
  assert.deepEqual(documented('### outcome'), membersOf(outcome).sort())
  const status = rows(section('### outcome')).find(([name]) => name === 'status')?.[1] as string
  assert.deepEqual(words(status), [...OUTCOME_STATUSES])
})

test('the steps by hand verify an entry with openssl, refuse a changed one, and give the leaf', t => {
  const version = spawnSync('openssl', ['version'], { encoding: 'utf8' })
  if (!/^OpenSSL 3/.test(version.stdout ?? '')) return t.skip('openssl 3 is not installed')
  const script = /```sh\n(.*?)```/s.exec(section('## By hand'))?.[1] as string
  const log = new LogOnPaper().start()
  log.exchange()
  const folder = mkdtempSync(join(tmpdir(), 'countersign-docs-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const dump = join(folder, 'dump.jsonl')
  const run = (seq: number, changed: boolean) => {
    const lines = log.entries.map(bytes => `${fromUtf8(bytes)}\n`)
    if (changed) lines[seq] = (lines[seq] as string).replace('"payload":"eyJ', '"payload":"eyK')
    writeFileSync(dump, lines.join(''))
    const KEY = formatPublicKey(log.receiptKey.publicKey)
    const env = { PATH: process.env.PATH, TMPDIR: folder, DUMP: dump, KEY, SEQ: String(seq) }
    return spawnSync('sh', ['-c', script], { env, encoding: 'utf8' })
  }
  for (const seq of [0, 1, 2]) {
    const said = run(seq, false)
    const next = decodeEntry(log.entries[seq + 1] as Uint8Array)
    assert.match(said.stdout, /Signature Verified Successfully/, said.stderr)
    assert.equal(said.stdout.trim().split('\n').at(-1), next.prev)
  }
  assert.doesNotMatch(run(2, true).stdout, /Signature Verified Successfully/)
})
