import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import {
  activate,
  type CompiledResult,
  compilePolicy,
  lintPolicy,
  type ProbeResult,
  parsePolicySource,
} from '../../src/policy/index.js'
import { openSurvey, surveyOperation } from '../../src/policy/survey.js'
import type { CatalogDocument } from '../../src/protocol/index.js'

const catalog = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', '..', '..', 'config', 'catalogs', 'railway.json'), 'utf8'),
) as CatalogDocument
const PROBES = 'probes: { credential: viewer, given: { project: p } }'
const OWN = 'probe.environments.all(e, e == "own")'
const VOLUME = `
  - id: own
    allow: { api: railway, operations: [volumeDelete] }
    to: [coder]
    probe: volume
    when: ${OWN}
`

function sourceOf(rules: string, probes: string) {
  const source = parsePolicySource(`
apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: asks, version: 1, expires: 2099-01-01T00:00:00Z, audience: [staging] }
apis:
  railway: { catalog: railway, upstream: https://backboard.railway.com, credential: writer${probes === '' ? '' : `, ${probes}`} }
credentials:
  writer: { minter: static }
  viewer: { minter: static }
agents:
  coder: { environment: staging }
rules:
${rules}`)
  assert.ok(source.kind === 'source', JSON.stringify(source))
  return source
}

const options = { catalogs: new Map([['railway', catalog]]), files: new Map() }

function compiled(rules = VOLUME): CompiledResult {
  const result = compilePolicy(sourceOf(rules, PROBES), options)
  assert.ok(result.kind === 'compiled', JSON.stringify(result))
  return result
}

function codes(rules: string, probes = PROBES): readonly string[] {
  const result = compilePolicy(sourceOf(rules, probes), options)
  return result.kind === 'findings' ? result.findings.map(({ code }) => code) : []
}

describe('a probe, when the policy is compiled', () => {
  const broken: readonly (readonly [what: string, rules: string, probes: string, code: string])[] = [
    [
      'a probe that the API hasn’t',
      VOLUME.replace('probe: volume', 'probe: volumes'),
      PROBES,
      'unknown_probe',
    ],
    [
      'a fact that it doesn’t find',
      VOLUME.replace('environments', 'enviroments'),
      PROBES,
      'when_unknown_path',
    ],
    ['a fact taken for another type', VOLUME.replace(OWN, 'probe.name == 3'), PROBES, 'when_type'],
    ['a condition on what nobody asks', VOLUME.replace('    probe: volume\n', ''), PROBES, 'when_unasked'],
    ['no word on what it is asked with', VOLUME, '', 'probe_credential'],
    [
      'the credential of agents’ requests',
      VOLUME,
      'probes: { credential: writer, given: { project: p } }',
      'probe_credential',
    ],
    [
      'a credential that isn’t there',
      VOLUME,
      'probes: { credential: nobody, given: { project: p } }',
      'undefined_name',
    ],
    ['too little given', VOLUME, 'probes: { credential: viewer }', 'probe_given'],
    [
      'operations that name nothing to ask about',
      VOLUME.replace('volumeDelete', 'variableUpsert'),
      PROBES,
      'probe_without_subject',
    ],
  ]
  for (const [what, rules, probes, code] of broken)
    it(`refuses ${what}`, () => assert.ok(codes(rules, probes).includes(code), codes(rules, probes).join()))

  it('attack: refuses a catalog whose probe does more than read', () => {
    const text = JSON.stringify(catalog).replace(
      '"operation":"volumeInstanceBackupList"',
      '"operation":"volumeInstanceBackupDelete"',
    )
    const hostile = new Map([['railway', JSON.parse(text) as CatalogDocument]])
    const result = compilePolicy(sourceOf(VOLUME, PROBES), { ...options, catalogs: hostile })
    assert.ok(result.kind === 'findings' && result.findings.some(({ code }) => code === 'bad_catalog'))
  })

  it('warns of operations that can’t be asked about', () => {
    const rules = VOLUME.replace('[volumeDelete]', '[volumeDelete, variableUpsert]')
    const found = lintPolicy(sourceOf(rules, PROBES), { ...options, nowMs: 0 }).map(({ code }) => code)
    assert.ok(found.includes('probe_unheard'))
    assert.ok(!found.includes('unused_name'), 'a credential that asks is used')
  })
})

describe('a decision over answers', () => {
  const rules = {
    allow: VOLUME,
    deny: `${VOLUME}
  - id: shared
    deny: { api: railway, operations: [volumeDelete] }
    probe: volume
    when: probe.environments.exists(e, e != "own")
`,
  }

  function decided(text: string, results: readonly ProbeResult[] | null, ids = ['v-1']): string {
    const { payload, cid, catalogs } = compiled(text)
    const policy = activate(payload, cid, catalogs)
    const api = policy.apis.get('railway')
    const operation = api?.catalog.describe('railway', { name: 'volumeDelete', args: { volumeId: 'v-1' } })
    assert.ok(operation !== undefined)
    const resources = ids.map(id => ({ type: 'volume', id }))
    const { effect, rule } = policy.decide({
      agent: { id: 'coder', environment: 'staging', task: 't', owner: 'o' },
      authorizationDetails: null,
      request: { api: 'railway', method: 'POST', target: '/graphql/v2' },
      operations: [{ ...operation, resources }],
      nowMs: 1,
      lastEntryMs: 0,
      probe: results,
      usage: () => 0,
    })
    return `${effect} ${rule ?? '-'}`
  }

  const about = (id: string, environments: readonly string[] | null): ProbeResult => ({
    probe: 'volume',
    type: 'volume',
    id,
    status: environments === null ? 'timeout' : 'answered',
    facts: environments === null ? null : { name: 'data', environments: [...environments], backups: [] },
  })

  it('needs the answer about every resource to allow, and any to deny', () => {
    const both = ['v-1', 'v-2']
    for (const text of [rules.allow, rules.deny])
      assert.equal(decided(text, [about('v-1', ['own']), about('v-2', ['own'])], both), 'allow own')
    const mixed = [about('v-1', ['own']), about('v-2', ['production'])]
    assert.equal(decided(rules.allow, mixed, both), 'deny -')
    assert.equal(decided(rules.deny, mixed, both), 'deny shared')
  })

  it('attack: an answer about one resource doesn’t speak for another, and none for all', () => {
    for (const [results, ids] of [
      [[about('v-1', ['own'])], ['v-1', 'v-2']],
      [[about('v-2', ['own'])], ['v-1']],
      [[about('v-1', null)], ['v-1']],
      [[], ['v-1']],
      [null, ['v-1']],
      [[], []],
    ] as const) {
      assert.equal(decided(rules.allow, results, [...ids]), 'deny -')
      assert.equal(decided(rules.deny, results, [...ids]), 'deny shared')
    }
  })

  it('attack: a fact of another type than the catalog says is no answer', () => {
    const odd = { ...about('v-1', []), facts: { name: 'data', environments: 'own' } }
    assert.equal(decided(rules.deny, [odd]), 'deny shared')
  })
})

describe('a survey of rules that ask', () => {
  function effects(rules: string): readonly string[] {
    const { payload, apis } = compiled(rules)
    const survey = openSurvey(payload, apis).of('coder', 'railway')
    const spec = survey.operations.find(({ name }) => name === 'volumeDelete') ?? null
    return surveyOperation(survey, spec).cases.map(each => [...each.effects].sort().join(' '))
  }

  it('takes an answer for something that may be either way, or fail', () => {
    assert.equal(effects(VOLUME)[0], 'allow deny')
    assert.equal(effects(VOLUME.replace(`    when: ${OWN}\n`, ''))[0], 'allow deny', 'nobody may answer')
  })
})
