import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { before, describe, it, test } from 'node:test'
import {
  formatPublicKey,
  fromHex,
  type JsonObject,
  type JsonValue,
  parseStrictJson,
} from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { CONTROL_FORMATS, CONTROL_TYPES, entryProblem } from '../../src/receipt/index.js'
import { attemptBody, BOOT, CHAIN, HEX, outcomeBody } from '../receipt/log-fixture.js'
import { needsSharedData, sharedData } from '../shared-data.js'
import { CHECKPOINT } from './corpus-log.js'
import { casesOf, corpusPath, type HeldCase, interopPath } from './corpus-reader.js'

/** Debian's, which has the two libraries: another one first in PATH may not. */
const PYTHON = '/usr/bin/python3'
const LIBRARIES = { cryptography: 'python3-cryptography', nacl: 'python3-nacl' } as const

function missing(): string | false {
  for (const [library, name] of Object.entries(LIBRARIES))
    if (spawnSync(PYTHON, ['-c', `import ${library}`]).status !== 0) return `${name} is not installed`
  return false
}

const CID = `sha256:${HEX}`
const KEY = formatPublicKey(CHECKPOINT.publicKey)
/** What a member may hold, or not: one of everything. */
const POOL: readonly JsonValue[] = [
  ...[0, 1, -1, 0.5, 2 ** 53, '', 'x', HEX, HEX.toUpperCase(), CID, KEY, `${KEY}A`, BOOT, CHAIN, null, true],
  ...[
    [],
    ['x'],
    {},
    { x: 'x' },
    'attempt',
    'heartbeat',
    'activated',
    'revoked',
    'requested',
    'receipt',
    'task',
    'read',
  ],
]
/** First letters of the words that some members are limited to. */
const WORDS = [
  'issued',
  'minted',
  'opened',
  'halted',
  'frozen',
  'enrolled',
  'all',
  'agent',
  'allow',
  'completed',
]

/** One entry of every type, with all members that it may have. */
function examples(): readonly JsonObject[] {
  const place = { v: 1, chain: CHAIN, seq: 7, prev: HEX, t: 1, boot: BOOT }
  const attempt = attemptBody({
    approval: 'a-1',
    credential: { minter: 'jwt', scope: 's', expires: 1, mint: 'm' },
    reserved: [{ key: 'k', amount: 1 }],
    ops: [
      {
        name: 'n',
        classes: ['read'],
        scope: { s: 'v' },
        resources: [{ type: 't', id: 'i' }],
        more: { count: 9, all_c: HEX },
      },
    ],
  })
  const outcome = outcomeBody(1, HEX, { upstream_id: 'x', body_c: HEX, resp_c: HEX, resp_len: 1 })
  const controls = CONTROL_TYPES.map(type => {
    const members = Object.entries(Object.assign({}, ...CONTROL_FORMATS[type]) as Record<string, Shape>)
    const valueFor = (shape: Shape) => [...WORDS, ...POOL].find(value => shape(value) === undefined)
    return { type, data: Object.fromEntries(members.map(([name, shape]) => [name, valueFor(shape)])) }
  })
  return [attempt, outcome, ...controls].map(body => ({ ...place, ...body }) as unknown as JsonObject)
}

type Shape = (value: unknown) => string | undefined

/** The value itself, and what comes of putting each of the pool, nothing, or a member more into each place of it. */
function variants(value: JsonObject): readonly JsonObject[] {
  return [value, ...changesOf(value)] as JsonObject[]
}

function changesOf(value: JsonValue): readonly JsonValue[] {
  if (value === null || typeof value !== 'object') return []
  if (Array.isArray(value))
    return [
      [...value, ...value],
      ...value.flatMap((each, at) => [...POOL, ...changesOf(each)].map(other => value.with(at, other))),
    ]
  return [
    { ...value, x: 'x' },
    ...Object.keys(value).flatMap(name => {
      const { [name]: each = null, ...rest } = value
      return [rest, ...[...POOL, ...WORDS, ...changesOf(each)].map(other => ({ ...value, [name]: other }))]
    }),
  ]
}

/** Of an example of RFC 8785, by its name. */
function holdsIntegersOnly(name: string): boolean {
  try {
    parseStrictJson(readFileSync(sharedData(`vectors/jcs/input/${name}`) as string), { integersOnly: true })
    return true
  } catch {
    return false
  }
}

/** Runs a few lines with the modules at hand; what they print as JSON. */
function python(lines: string, input: unknown): unknown {
  const head = `import json, sys\nsys.path.insert(0, ${JSON.stringify(interopPath('python'))})\n`
  const out = execFileSync(PYTHON, ['-B', '-c', `${head}given = json.load(sys.stdin)\n${lines}`], {
    input: JSON.stringify(input),
    maxBuffer: 67_108_864,
  })
  return JSON.parse(out.toString())
}

describe('the verifiers in Python', { skip: missing() }, () => {
  const argvOf = ({ kind, file, trust, witnesses }: HeldCase) => [
    kind,
    corpusPath(file),
    corpusPath(trust),
    ...(witnesses === undefined ? [] : [corpusPath(witnesses)]),
  ]
  const cases = casesOf('python')
  let answers: readonly (readonly [status: number, said: string])[] = []

  // In one process: starting Python takes longer than most of them.
  before(() => {
    answers = python(
      `
import contextlib, io, verify_bundle, verify_dump
answers = []
for kind, *argv in given:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = {"bundle": verify_bundle, "dump": verify_dump}[kind].main(*argv)
    answers.append([status, said.getvalue()])
print(json.dumps(answers))`,
      cases.map(argvOf),
    ) as typeof answers
  })

  for (const [at, { file, findings, others }] of cases.entries())
    it(`${file}: ${others.python}`, () => {
      const [status, said = ''] = answers[at] ?? []
      assert.equal(status, others.python === 'accept' ? 0 : 1, said)
      const code = /^REFUSED: (\w+)/.exec(said)?.[1]
      // It stops at the first thing that is wrong, which is one of those that we report.
      if (others.python === 'reject' && findings.length > 0) assert.ok(findings.includes(code ?? ''), said)
    })

  it('are programs, which answer by their exit code', () => {
    for (const kind of ['bundle', 'dump'])
      for (const verdict of ['accept', 'reject'] as const) {
        const one = cases.find(each => each.kind === kind && each.others.python === verdict) as HeldCase
        const [, ...argv] = argvOf(one)
        const { status } = spawnSync(PYTHON, ['-B', interopPath(`python/verify_${kind}.py`), ...argv])
        assert.equal(status, verdict === 'accept' ? 0 : 1)
      }
  })

  it('find the form of an entry good exactly where ours do, whatever stands in the place of a member', () => {
    const entries = examples().flatMap(variants)
    const ours = entries.map(entry => entryProblem(entry) === undefined)
    assert.ok(ours.filter(Boolean).length > 100 && entries.length > 5_000, `${entries.length}`)
    const theirs = python(
      'from entry import is_entry\nprint(json.dumps([is_entry(each) for each in given]))',
      entries,
    )
    const differing = entries.filter((_, at) => (theirs as boolean[])[at] !== ours[at])
    assert.deepEqual(differing.slice(0, 3), [])
  })

  it(
    'agree with ours on every edge case of Ed25519 that others have published',
    needsSharedData('vectors/ed25519/cctv.json'),
    () => {
      const cctv = JSON.parse(
        readFileSync(sharedData('vectors/ed25519/cctv.json') as string, 'utf8'),
      ) as readonly {
        readonly key: string
        readonly sig: string
        readonly msg: string
      }[]
      const wycheproof = JSON.parse(
        readFileSync(sharedData('vectors/ed25519/wycheproof.json') as string, 'utf8'),
      ) as {
        readonly testGroups: readonly {
          readonly publicKey: { readonly pk: string }
          readonly tests: readonly { readonly msg: string; readonly sig: string }[]
        }[]
      }
      const vectors = [
        ...cctv.map(({ key, sig, msg }) => [key, Buffer.from(msg).toString('hex'), sig] as const),
        ...wycheproof.testGroups.flatMap(({ publicKey, tests }) =>
          tests.map(({ msg, sig }) => [publicKey.pk, msg, sig] as const),
        ),
      ]
      const ours = vectors.map(each => {
        const [key, message, signature] = each.map(text => fromHex(text) as Uint8Array) as [
          Uint8Array,
          Uint8Array,
          Uint8Array,
        ]
        return nativeCrypto.verify(key, message, signature)
      })
      const theirs = python(
        'from envelope import holds\nprint(json.dumps([holds(*map(bytes.fromhex, each)) for each in given]))',
        vectors,
      )
      assert.ok(ours.includes(true) && ours.includes(false) && vectors.length > 900)
      assert.deepEqual(theirs, ours)
    },
  )

  it(
    'write JSON as RFC 8785’s own examples do, where these hold integers only',
    needsSharedData('vectors/jcs'),
    () => {
      const names = readdirSync(sharedData('vectors/jcs/input') as string).filter(holdsIntegersOnly)
      assert.ok(names.length >= 4, names.join())
      const [inputs, outputs] = (['input', 'output'] as const).map(side =>
        names.map(name =>
          readFileSync(sharedData(`vectors/jcs/${side}/${name}`) as string, 'utf8').trimEnd(),
        ),
      )
      const written = python(
        'from envelope import canonical, read\nprint(json.dumps([canonical(read(each)) for each in given]))',
        inputs,
      )
      assert.deepEqual(written, outputs)
    },
  )

  it(
    'follow published proofs of inclusion, good and bad',
    needsSharedData('vectors/merkle/inclusion.json'),
    () => {
      const vectors = JSON.parse(
        readFileSync(sharedData('vectors/merkle/inclusion.json') as string, 'utf8'),
      ) as readonly {
        readonly leafIdx: number
        readonly treeSize: number
        readonly root: string | null
        readonly leafHash: string | null
        readonly proof: readonly string[] | null
        readonly wantErr: boolean
      }[]
      const lines = `
import base64
from checkpoint import lead
def follows(each):
    raw = lambda text: base64.b64decode(text or "")
    try:
        proof = [raw(one) for one in each["proof"] or []]
        return len(raw(each["leafHash"])) == 32 and lead(raw(each["leafHash"]), each["leafIdx"], each["treeSize"], proof) == raw(each["root"])
    except Exception:
        return False
print(json.dumps([follows(each) for each in given]))`
      assert.deepEqual(
        python(lines, vectors),
        vectors.map(({ wantErr }) => !wantErr),
      )
    },
  )
})

test('no verifier in Python takes more than a hundred lines, so that an auditor reads it', () => {
  for (const name of readdirSync(interopPath('python')).filter(each => each.endsWith('.py')))
    assert.ok(readFileSync(interopPath(`python/${name}`), 'utf8').split('\n').length <= 100, name)
})
