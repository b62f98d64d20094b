import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { Environment } from '@marcbachmann/cel-js'
import { parseAllDocuments } from 'yaml'
import { judge } from '../../src/injector/index.js'
import { agentPod, type Json, PARTS, PROFILES } from './agents.js'
import { strangersOf } from './strict-schema.js'

const FOLDER = new URL('../../../deploy/kubernetes/', import.meta.url)
const documents = readdirSync(FOLDER)
  .filter(file => file.endsWith('.yaml'))
  .flatMap(file =>
    parseAllDocuments(readFileSync(new URL(file, FOLDER), 'utf8')).map(document => {
      assert.deepEqual(document.errors, [])
      return document.toJS() as {
        kind: string
        metadata: { name: string }
        spec: Policy
        webhooks: Webhook[]
      }
    }),
  )

interface Policy {
  readonly failurePolicy?: string
  readonly policyName?: string
  readonly variables?: readonly { readonly name: string; readonly expression: string }[]
  readonly matchConditions?: readonly { readonly expression: string }[]
  readonly validations?: readonly { readonly expression: string; readonly message: string }[]
}
interface Webhook {
  readonly failurePolicy: string
  readonly namespaceSelector: object
  readonly sideEffects: string
}

/** Every message of a policy that the API server would refuse with; an error of an expression refuses as well. */
function refusals(policyName: string, given: Json): readonly string[] {
  const policy = documents.find(
    ({ kind, metadata }) => kind === 'ValidatingAdmissionPolicy' && metadata.name === policyName,
  )?.spec
  assert.ok(policy)
  const cel = new Environment({ unlistedVariablesAreDyn: true })
  const variables: Json = {}
  const evaluate = (expression: string) => cel.evaluate(expression, { ...given, variables }) as unknown
  for (const { name, expression } of policy.variables ?? []) variables[name] = evaluate(expression)
  if ((policy.matchConditions ?? []).some(({ expression }) => evaluate(expression) !== true)) return []
  return (policy.validations ?? []).flatMap(({ expression, message }) =>
    evaluate(expression) === true ? [] : [message],
  )
}

function injected(annotations: Readonly<Record<string, string>> = {}): Json {
  const judgement = judge(agentPod({ annotations }), 'agents', PARTS)
  assert.equal(judgement.kind, 'injected')
  return structuredClone(judgement.pod) as unknown as Json
}

describe('the manifests of the injector', () => {
  for (const { kind, metadata, ...rest } of documents)
    it(`have only fields that Kubernetes has: ${kind} ${metadata.name}`, () =>
      assert.deepEqual(strangersOf({ kind, metadata, ...rest }, `V1${kind}`), []))

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
    assert.deepEqual(
      bound.map(({ spec }) => spec.policyName),
      policies.map(({ metadata }) => metadata.name),
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
