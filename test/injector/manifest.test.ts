import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseAllDocuments, stringify as yamlOf } from 'yaml'
import { renderManifests } from '../../src/injector/index.js'
import { agentPod, PARTS } from './agents.js'
import { strangersOf } from './strict-schema.js'

const { metadata: _, apiVersion: __, kind: ___, ...template } = agentPod()

const workload = (kind: string, apiVersion: string, spec: object) => ({
  apiVersion,
  kind,
  metadata: { name: 'agent', namespace: 'agents' },
  spec,
})
const LABELS = { selector: { matchLabels: { app: 'agent' } } }

const KINDS: readonly (readonly [object, string])[] = [
  [agentPod(), 'V1Pod'],
  [workload('Deployment', 'apps/v1', { ...LABELS, template }), 'V1Deployment'],
  [workload('ReplicaSet', 'apps/v1', { ...LABELS, template }), 'V1ReplicaSet'],
  [workload('ReplicationController', 'v1', { template }), 'V1ReplicationController'],
  [workload('StatefulSet', 'apps/v1', { ...LABELS, serviceName: 'agent', template }), 'V1StatefulSet'],
  [workload('DaemonSet', 'apps/v1', { ...LABELS, template }), 'V1DaemonSet'],
  [workload('Job', 'batch/v1', { template }), 'V1Job'],
  [workload('CronJob', 'batch/v1', { schedule: '@daily', jobTemplate: { spec: { template } } }), 'V1CronJob'],
]

const stringify = (value: unknown) => yamlOf(value, { aliasDuplicateObjects: false })

const CHOICES = { passOthers: false, namespace: null }
const documents = (yaml: string | null) => {
  assert.ok(yaml !== null)
  return parseAllDocuments(yaml, { version: '1.1' }).map(
    document => document.toJS() as Record<string, unknown>,
  )
}

describe('rendered manifests', () => {
  it('take a running pod without what network plugins wrote on it, and never with their orders', () => {
    const [pod] = documents(renderManifests(stringify(agentPod()), CHOICES, PARTS).yaml) as [
      { metadata: { annotations: Record<string, string> } },
    ]
    const outcomeOf = (uid: string | undefined, annotations: Readonly<Record<string, string>>) => {
      const metadata = { ...pod.metadata, uid, annotations: { ...pod.metadata.annotations, ...annotations } }
      const { objects } = renderManifests(stringify({ ...pod, metadata }), CHOICES, PARTS)
      return objects[0]?.outcome.kind
    }
    const written = { 'cni.projectcalico.org/podIP': '10.1.2.3/32', 'k8s.ovn.org/pod-networks': '{}' }
    const uid = '3f1c2a54-6f0e-4c52-9a5e-0d8f6a1b7c01'
    assert.equal(outcomeOf(uid, written), 'injected')
    assert.equal(outcomeOf(undefined, written), 'refused')
    assert.equal(outcomeOf(uid, { ...written, 'k8s.v1.cni.cncf.io/networks': 'other' }), 'refused')
    assert.equal(outcomeOf(uid, { 'io.kubernetes.cri.rdt-class': 'gold' }), 'refused')
  })

  for (const [object, model] of KINDS)
    it(`have the sidecar in a ${model.slice(2)}, and only fields that it has`, () => {
      const { yaml, objects } = renderManifests(stringify(object), CHOICES, PARTS)
      assert.deepEqual(
        objects.map(({ outcome }) => outcome.kind),
        ['injected'],
      )
      assert.match(yaml ?? '', /name: countersign-keeper/)
      const [rendered] = documents(yaml)
      assert.deepEqual(strangersOf(rendered, model), [])
    })

  it('are what rendering makes of them again', () => {
    const once = renderManifests(KINDS.map(([object]) => stringify(object)).join('---\n'), CHOICES, PARTS)
    const twice = renderManifests(once.yaml ?? '', CHOICES, PARTS)
    assert.equal(twice.yaml, once.yaml)
  })

  it('keep several documents and lists together, in their order', () => {
    const list = { apiVersion: 'v1', kind: 'List', items: [agentPod(), KINDS[1]?.[0]] }
    const text = [stringify(agentPod()), stringify(list)].join('---\n')
    const { yaml, objects } = renderManifests(text, CHOICES, PARTS)
    assert.deepEqual(
      objects.map(({ kind }) => kind),
      ['Pod', 'Pod', 'Deployment'],
    )
    assert.deepEqual(
      documents(yaml).map(({ kind }) => kind),
      ['Pod', 'List'],
    )
  })

  it('are none where one pod is refused, which says where', () => {
    const bad = workload('CronJob', 'batch/v1', {
      jobTemplate: { spec: { template: { spec: { ...template.spec, hostPID: true } } } },
    })
    const { yaml, objects } = renderManifests(
      [agentPod(), bad].map(each => stringify(each)).join('---\n'),
      CHOICES,
      PARTS,
    )
    assert.equal(yaml, null)
    assert.deepEqual(objects[1]?.outcome, {
      kind: 'refused',
      refusals: [{ code: 'host_namespace', at: 'spec.jobTemplate.spec.template.spec.hostPID' }],
    })
  })

  it('pass what has no pod only where that was asked for', () => {
    const service = stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'x' }, spec: {} })
    assert.throws(() => renderManifests(service, CHOICES, PARTS), { code: 'kind_unsupported' })
    const { objects } = renderManifests(service, { ...CHOICES, passOthers: true }, PARTS)
    assert.deepEqual(
      objects.map(({ outcome }) => outcome.kind),
      ['passed'],
    )
  })

  it('attack: what "<<" would merge in for kubectl is not left beside what was judged', () => {
    const evil = '{template: {spec: {hostNetwork: true, containers: [{name: evil, image: evil}]}}}'
    const good = stringify(KINDS[1]?.[0])
    const text = good.replace('spec:\n', `spec:\n  "<<": ${evil}\n`)
    assert.notEqual(text, good)
    assert.throws(() => renderManifests(text, CHOICES, PARTS), { code: 'manifest_unreadable' })
  })

  it('attack: what has items is a list to kubectl, whatever kind it says that it is', () => {
    const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, items: [agentPod()] }
    for (const items of [map.items, [], null, {}])
      assert.throws(
        () => renderManifests(stringify({ ...map, items }), { ...CHOICES, passOthers: true }, PARTS),
        { code: 'manifest_unreadable' },
      )
  })

  it('attack: what says no kind in a list is of the kind that the list names', () => {
    const { apiVersion, kind, ...pod } = agentPod()
    for (const item of [pod, { ...pod, kind: '' }, { ...pod, kind: null }]) {
      const list = stringify({ apiVersion, kind: `${kind}List`, items: [item] })
      const { objects, yaml } = renderManifests(list, { ...CHOICES, passOthers: true }, PARTS)
      assert.deepEqual(
        objects.map(object => [object.kind, object.outcome.kind]),
        [['Pod', 'injected']],
      )
      assert.match(yaml ?? '', /name: countersign-keeper/)
    }
  })

  it('attack: a kind that is called like a member of every object has no pod', () =>
    assert.throws(() => renderManifests('kind: constructor', CHOICES, PARTS), { code: 'kind_unsupported' }))

  it('are read as kubectl reads them: a mode with a leading zero is octal, and `on` is no text', () => {
    const text = stringify(
      agentPod({ spec: { volumes: [{ name: 'c', configMap: { name: 'x', defaultMode: 420 } }] } }),
    )
    const { yaml } = renderManifests(text.replace('420', '0644'), CHOICES, PARTS)
    assert.match(yaml ?? '', /defaultMode: 420\n/)
    const { objects } = renderManifests(text.replace('image: agent:1', 'image: on'), CHOICES, PARTS)
    assert.equal(objects[0]?.outcome.kind, 'refused')
  })

  for (const [what, text] of [
    ['a duplicate key', 'kind: Pod\nkind: Pod'],
    ['an alias', 'a: &x [1]\nb: *x\nkind: Pod'],
    ['nothing', ''],
    ['a list', '- 1'],
    ['broken YAML', '{'],
  ] as const)
    it(`can’t be made of ${what}`, () =>
      assert.throws(() => renderManifests(text, CHOICES, PARTS), { code: 'manifest_unreadable' }))
})
