import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { judge } from '../../src/injector/index.js'
import { objectsOf, read, strangersIn } from '../deploy/manifests.js'
import { refusals as refusalsOf } from './admission-policy.js'
import { agentPod, type Json, PARTS, PROFILES } from './agents.js'

/** As the chart renders it with its default values; test/deploy holds it to that. */
const documents = objectsOf(read('deploy/kubernetes/install.yaml')) as unknown as readonly {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: { readonly failurePolicy?: string; readonly policyName?: string }
  readonly webhooks?: readonly {
    readonly failurePolicy: string
    readonly namespaceSelector: object
    readonly sideEffects: string
  }[]
}[]

function refusals(policyName: string, given: object): readonly string[] {
  return refusalsOf(documents, policyName, given)
}

function injected(annotations: Readonly<Record<string, string>> = {}): Json {
  const judgement = judge(agentPod({ annotations }), 'agents', PARTS)
  assert.equal(judgement.kind, 'injected')
  return structuredClone(judgement.pod) as unknown as Json
}

describe('the manifests of the injector', () => {
  it('have only fields that Kubernetes has', () => {
    assert.ok(documents.length > 10)
    assert.deepEqual(strangersIn(objectsOf(read('deploy/kubernetes/install.yaml'))), [])
  })

  it('take no answer for a no, and are asked about namespaces of agents alone', () => {
    const webhooks = documents.flatMap(({ webhooks }) => webhooks ?? [])
    assert.equal(webhooks.length, 2)
    for (const { failurePolicy, namespaceSelector, sideEffects } of webhooks) {
      assert.deepEqual([failurePolicy, sideEffects], ['Fail', 'None'])
      assert.deepEqual(namespaceSelector, { matchLabels: { 'countersign.dev/inject': 'enabled' } })
    }
    const policies = documents.filter(({ kind }) => kind === 'ValidatingAdmissionPolicy')
    const bound = documents.filter(({ kind }) => kind === 'ValidatingAdmissionPolicyBinding')
    assert.ok(policies.every(({ spec }) => spec.failurePolicy === 'Fail'))
    assert.equal(policies.length, 5)
    assert.deepEqual(
      bound.map(({ spec }) => spec.policyName).sort(),
      policies.map(({ metadata }) => metadata.name).sort(),
    )
  })
})

describe('the policy for new pods, without the injector', () => {
  for (const profile of Object.keys(PROFILES))
    it(`lets pass what the injector makes (${profile})`, () =>
      assert.deepEqual(
        refusals('countersign-pods', { object: injected({ 'countersign.dev/profile': profile }) }),
        [],
      ))

  it('refuses a pod that nobody has injected', () =>
    assert.ok(refusals('countersign-pods', { object: agentPod() }).length >= 3))

  for (const [what, change] of [
    ['on the node’s network', { hostNetwork: true }],
    ['among the sidecar’s processes', { shareProcessNamespace: true }],
    ['with a folder of the node', { volumes: [{ name: 'root', hostPath: { path: '/' } }] }],
    ['with its API token', { automountServiceAccountToken: true }],
    ['without a sidecar', { initContainers: [] }],
    [
      'that mounts the keeper’s files',
      { containers: [{ ...SPY(), volumeMounts: [{ name: 'countersign-private' }] }] },
    ],
    ['that could gain privileges', { containers: [{ name: 'a', securityContext: {} }] }],
  ] as const)
    it(`attack: refuses one ${what}`, () => {
      const pod = injected()
      Object.assign(pod.spec as Json, change)
      assert.equal(refusals('countersign-pods', { object: pod }).length, 1)
    })
})

function SPY() {
  return { name: 'agent', image: 'agent:1', securityContext: { allowPrivilegeEscalation: false } }
}

describe('the policy for changes', () => {
  const change = (mend: (pod: { spec: Json; metadata: Json }) => void): readonly string[] => {
    const object = injected()
    mend(object as { spec: Json; metadata: Json })
    return refusals('countersign-changes', { object, oldObject: injected() })
  }

  it('lets pass what changes nothing that matters', () =>
    assert.deepEqual(
      change(({ metadata }) => Object.assign(metadata, { labels: { a: 'b' } })),
      [],
    ))

  it('attack: keeps images, ephemeral containers and the status as they are', () => {
    assert.equal(
      change(({ spec }) => Object.assign((spec.containers as Json[])[0] ?? {}, { image: 'x' })).length,
      1,
    )
    assert.equal(
      change(({ spec }) => Object.assign((spec.initContainers as Json[])[2] ?? {}, { image: 'x' })).length,
      1,
    )
    assert.equal(
      change(({ spec }) => Object.assign(spec, { ephemeralContainers: [{ name: 'd' }] })).length,
      1,
    )
    assert.equal(change(({ metadata }) => Object.assign(metadata, { annotations: {} })).length, 1)
  })
})

describe('the other policies', () => {
  it('attack: nobody enters a pod', () => assert.equal(refusals('countersign-entry', {}).length, 1))

  it('give tokens of an agent’s service account to kubelets alone', () => {
    const as = (username: string) => refusals('countersign-tokens', { request: { userInfo: { username } } })
    assert.deepEqual(as('system:node:one'), [])
    assert.equal(as('maria').length, 1)
    assert.equal(as('system:serviceaccount:agents:coder').length, 1)
  })

  it('attack: the label of a namespace of agents is neither removed nor changed', () => {
    const update = (before: object, after: object) =>
      refusals('countersign-namespaces', { oldObject: { metadata: before }, object: { metadata: after } })
    const labels = { 'countersign.dev/inject': 'enabled' }
    assert.deepEqual(update({ labels }, { labels: { ...labels, team: 'a' } }), [])
    assert.deepEqual(update({}, { labels }), [])
    assert.equal(update({ labels }, {}).length, 1)
    assert.equal(update({ labels }, { labels: { 'countersign.dev/inject': 'disabled' } }).length, 1)
  })
})
