import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { injectorErrors, judge } from '../../src/injector/index.js'
import { agentPod, PARTS } from './agents.js'

const FOLDER = new URL('../../../test/vectors/injector/', import.meta.url)

interface Case {
  readonly why: string
  /** Codes of the refusals, sorted; empty where the pod is admitted. */
  readonly expect: readonly string[]
  readonly pod: unknown
}

const corpus = readdirSync(FOLDER).map(file => {
  // A member called __proto__ has to arrive as one.
  const found = JSON.parse(JSON.stringify(parse(readFileSync(new URL(file, FOLDER), 'utf8')))) as Case
  return { name: file.replace(/\.yaml$/, ''), ...found }
})

function codesOf(pod: unknown, namespace: string | null = 'agents'): readonly string[] {
  const judgement = judge(pod, namespace, PARTS)
  return judgement.kind === 'refused' ? [...new Set(judgement.refusals.map(({ code }) => code))].sort() : []
}

describe('the corpus of pods that try to get around the sidecar', () => {
  for (const { name, why, expect, pod } of corpus)
    it(`${expect.length === 0 ? '' : 'attack: '}${name} – ${why}`, () =>
      assert.deepEqual(codesOf(pod), expect))

  it('has a case for each code that a new pod can be refused with', () => {
    const covered = new Set(corpus.flatMap(({ expect }) => expect))
    const elsewhere = new Set([
      'review_malformed',
      'review_path',
      'review_method',
      'reviews_crowded',
      'profile_missing',
      'pod_changed',
      'pod_entered',
      'not_injected',
    ])
    assert.deepEqual(
      Object.entries(injectorErrors)
        .filter(([code, { status }]) => status !== null && !covered.has(code) && !elsewhere.has(code))
        .map(([code]) => code),
      [],
    )
  })
})

describe('judge', () => {
  it('says every reason at once, with its place', () => {
    const judgement = judge(
      agentPod({ spec: { hostPID: true }, container: { image: 'registry.example/countersign:1' } }),
      'agents',
      PARTS,
    )
    assert.deepEqual(judgement.kind === 'refused' && judgement.refusals, [
      { code: 'host_namespace', at: 'spec.hostPID' },
      { code: 'reserved_image', at: 'spec.containers[0].image' },
    ])
  })

  it('refuses a profile in a namespace that it is not for', () =>
    assert.deepEqual(codesOf(agentPod(), 'kube-system'), ['profile_elsewhere']))

  it('refuses what names no profile where there is no default one', () => {
    const parts = { ...PARTS, profiles: { ...PARTS.profiles, default: null } }
    const judgement = judge(agentPod(), 'agents', parts)
    assert.deepEqual(judgement.kind === 'refused' && judgement.refusals.map(({ code }) => code), [
      'profile_missing',
    ])
  })

  for (const value of [
    null,
    undefined,
    7,
    'pod',
    [],
    {},
    { spec: null },
    { spec: [] },
    { metadata: 7, spec: {} },
  ])
    it(`refuses ${JSON.stringify(value)} without failing`, () =>
      assert.ok(codesOf(value).includes('pod_malformed')))
})
