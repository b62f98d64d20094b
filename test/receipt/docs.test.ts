import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fromUtf8 } from '../../src/canon/index.js'
import {
  BUNDLE_FINDINGS,
  CONTROL_FORMATS,
  CONTROL_TYPES,
  type Entry,
  encodeBundle,
  entryProblem,
  FINDINGS,
  OUTCOME_STATUSES,
} from '../../src/receipt/index.js'
import { attemptBody, BOOT, CHAIN, HEX, outcomeBody } from './log-fixture.js'

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
      probes: [{ probe: 'volume', op: 0, resource: 0, status: 'answered', asked: 1, facts_c: HEX }],
    }),
  }
  assert.deepEqual(documented('### attempt'), membersOf(attempt).sort())
  const extras = { upstream_id: 'x', body_c: HEX, resp_c: HEX, resp_len: 1 }
  const outcome: Entry = { ...place, ...outcomeBody(1, HEX, extras) }
  assert.deepEqual(documented('### outcome'), membersOf(outcome).sort())
  const status = rows(section('### outcome')).find(([name]) => name === 'status')?.[1] as string
  assert.deepEqual(words(status), [...OUTCOME_STATUSES])
})

test('docs/receipts.md lists the words that a member may be, and no other', () => {
  const listed = [...section('### Values').matchAll(/^\| `([a-z._]+)` +\| (.*) \|$/gm)].map(
    ([, member, allowed]) => [member as string, words(allowed as string)] as const,
  )
  const every = new Set(listed.flatMap(([, allowed]) => allowed))
  const found = new Set<string>()
  for (const [member, allowed] of listed) {
    const taken = [...every].filter(word => takes(member, word))
    assert.deepEqual(taken.toSorted(), allowed.toSorted(), member)
    found.add(member)
  }
  // A member that takes one of these words and not another has its words listed.
  for (const type of CONTROL_TYPES)
    for (const [name, shape] of Object.entries(CONTROL_FORMATS[type][0]))
      if ([...every].some(word => shape(word) === undefined) && shape('no such word') !== undefined)
        assert.ok(found.has(`${type}.${name}`), `${type}.${name}`)
})

function takes(member: string, word: string): boolean {
  const [type, ...names] = member.split('.')
  const name = names.join('.')
  if (type !== 'attempt') return CONTROL_FORMATS[type as 'halt'][0][name]?.(word) === undefined
  if (name === 'probes.status') {
    const probe = { probe: 'volume', op: 0, resource: 0, status: word as 'timeout' }
    return entryProblem({ ...place, ...attemptBody({ probes: [probe] }) }) === undefined
  }
  const operation = { name: 'n', classes: [word as 'read'], scope: {}, resources: [] }
  return entryProblem({ ...place, ...attemptBody({ ops: [operation] }) }) === undefined
}

test('docs/receipts.md says of every number, digest, list and nullable member that it is one', () => {
  const kinds = section('### Values')
  const named = (kind: string) =>
    words(new RegExp(`^- ${kind}[^]*?(?=\\n- |\\n\\n)`, 'm').exec(kinds)?.[0] ?? '')
  const numbers = named('Numbers')
  const digests = named('32 bytes')
  for (const type of CONTROL_TYPES)
    for (const [name, shape] of CONTROL_FORMATS[type].flatMap(members => Object.entries(members ?? {}))) {
      if (shape(1) === undefined) assert.ok(numbers.includes(name), `${type}.${name} is a number`)
      else if (shape('x') !== undefined && shape(HEX) === undefined)
        assert.ok(digests.includes(name), `${type}.${name}`)
      if (shape(null) === undefined) assert.ok(named('Null').includes(name), `${type}.${name} may be null`)
      if (shape([]) === undefined) assert.ok(named('Lists').includes(name), `${type}.${name} is a list`)
    }
  for (const name of numbers) assert.ok(!digests.includes(name), name)
})

test('the other verifiers that docs/receipts.md names are there', () => {
  const named = [...section('## Other verifiers').matchAll(/`([a-z_/-]+(?:\.py|\.go|\/))`/g)].map(
    ([, file]) => file as string,
  )
  assert.ok(named.length >= 4, named.join())
  for (const file of named)
    assert.ok(existsSync(new URL(`../../../test/interop/${file}`, import.meta.url)), file)
})
