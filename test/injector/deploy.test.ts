import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { judge } from '../../src/injector/index.js'
import { objectsOf, read, strangersIn } from '../deploy/manifests.js'
import { refusals as refusalsOf } from './admission-policy.js'
import {
  agentPod,
  FIREWALL_IMAGE,
  type Json,
  MIRRORED_IMAGE,
  PARTS,
  PROFILES,
  SIDECAR_IMAGE,
} from './agents.js'

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

/** As the chart writes it of the profiles of these tests. */
const CONFIG = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'countersign-policies', namespace: 'countersign' },
  data: {
    sidecars: [SIDECAR_IMAGE, MIRRORED_IMAGE].join('\n'),
    firewalls: FIREWALL_IMAGE,
    gatewayNamespaces: 'agents\nothers',
    configMaps: 'gateway-ca\nissuer-keys',
    secrets: 'coder-vault',
  },
}

function refusals(
  policyName: string,
  given: Parameters<typeof refusalsOf>[2],
  may?: (asked: string) => boolean,
): readonly string[] {
  return refusalsOf([...documents, CONFIG as never], policyName, given, may)
}

function injected(annotations: Readonly<Record<string, string>> = {}): Injected {
  const judgement = judge(agentPod({ annotations }), 'agents', PARTS)
  assert.equal(judgement.kind, 'injected')
  return structuredClone(judgement.pod) as unknown as Injected
}

interface Injected extends Json {
  readonly metadata: Json & { readonly annotations: Record<string, string> }
  readonly spec: Json & { readonly initContainers: Json[]; readonly containers: Json[] }
}

function sidecarOf({ spec }: Injected, name: string): Json {
  const found = spec.initContainers.find(each => each.name === `countersign-${name}`)
  assert.ok(found, name)
  return found
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
    assert.equal(policies.length, 6)
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

  for (const [what, mend] of [
    ['another image for the keeper', pod => Object.assign(sidecarOf(pod, 'keeper'), { image: 'evil:1' })],
    [
      'the sidecar’s image, which has a program to run anything, as the firewall',
      pod => Object.assign(sidecarOf(pod, 'firewall'), { image: SIDECAR_IMAGE }),
    ],
    [
      'a program of its own in the sidecar’s image',
      pod => Object.assign(sidecarOf(pod, 'validator'), { command: ['node', '-e', '1'] }),
    ],
    [
      'a gate that is told to be the keeper',
      pod => {
        const gate = sidecarOf(pod, 'gate')
        gate.args = (gate.args as string[]).map(word => (word === 'gate' ? 'keeper' : word))
      },
    ],
    [
      'a keeper that takes any configuration',
      pod => {
        const keeper = sidecarOf(pod, 'keeper')
        keeper.args = (keeper.args as string[]).slice(0, -2)
      },
    ],
    [
      'a flag for the sidecar’s Node',
      pod => Object.assign(sidecarOf(pod, 'gate'), { env: [{ name: 'NODE_OPTIONS' }] }),
    ],
    [
      'a hook in the keeper',
      pod =>
        Object.assign(sidecarOf(pod, 'keeper'), {
          lifecycle: { postStart: { exec: { command: ['node'] } } },
        }),
    ],
    [
      'a probe that is a program in the keeper',
      pod =>
        Object.assign(sidecarOf(pod, 'keeper'), { startupProbe: { exec: { command: ['node', '-e', '1'] } } }),
    ],
    [
      'a folder of the agent’s in the keeper',
      pod =>
        Object.assign(sidecarOf(pod, 'keeper'), {
          volumeMounts: [{ name: 'work', mountPath: '/usr/local' }],
        }),
    ],
    [
      'a container that only begins like one of the sidecar',
      pod => pod.spec.containers.push({ ...SPY(), name: 'countersign-helper' }),
    ],
    [
      'a sidecar that could gain privileges',
      pod => Object.assign(sidecarOf(pod, 'secrets'), { securityContext: { runAsNonRoot: true } }),
    ],
    [
      'rights over the network',
      pod => pod.spec.containers.push(SPY({ capabilities: { add: ['NET_ADMIN'] } })),
    ],
    ['root', pod => pod.spec.containers.push(SPY({ runAsNonRoot: false }))],
    ['no seccomp', pod => Object.assign(pod.spec, { securityContext: { runAsNonRoot: true } })],
    [
      'seccomp switched off',
      pod => pod.spec.containers.push(SPY({ seccompProfile: { type: 'Unconfined' } })),
    ],
    [
      'a further network',
      pod => Object.assign(pod.metadata.annotations, { 'k8s.v1.cni.cncf.io/networks': 'macvlan' }),
    ],
    [
      'devices of the runtime',
      pod => Object.assign(pod.metadata.annotations, { 'io.kubernetes.cri-o.Devices': '/dev/kvm' }),
    ],
  ] as const satisfies readonly (readonly [string, (pod: Injected) => unknown])[])
    it(`attack: refuses one with ${what}`, () => {
      const pod = injected()
      mend(pod)
      assert.equal(refusals('countersign-pods', { object: pod }).length, 1)
    })

  it('attack: a pod that says it is a gateway’s needs no sidecar in the namespaces of gateways alone', () => {
    const pod = agentPod({ annotations: { 'countersign.dev/status': '{"mode":"gateway"}' } })
    Object.assign(pod.spec, { automountServiceAccountToken: false })
    const within = (namespace: string) =>
      refusals('countersign-pods', { object: pod, request: { namespace } })
    assert.deepEqual(within('agents'), [])
    assert.deepEqual(within('sidecars'), [
      'The pod has no sidecar, and its namespace is none of a gateway’s.'.replace('’', "'"),
    ])
    assert.equal(within('agent').length, 1)
  })

  it('refuses everything until it is told the images of the sidecar', () =>
    assert.equal(refusalsOf(documents, 'countersign-pods', { object: injected() }).length, 1))
})

function SPY(security: object = {}) {
  return {
    name: 'agent',
    image: 'agent:1',
    securityContext: { allowPrivilegeEscalation: false, ...security },
  }
}

describe('the policy for changes', () => {
  const change = (mend: (pod: Injected) => void): readonly string[] => {
    const object = injected()
    mend(object)
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

  it('attack: the sidecar keeps its resources when the pod is resized, the agent’s may change', () => {
    const resources = { limits: { cpu: '1m', memory: '1Mi' } }
    for (const name of ['keeper', 'gate', 'validator']) {
      assert.equal(change(pod => Object.assign(sidecarOf(pod, name), { resources })).length, 1)
      assert.equal(change(pod => delete sidecarOf(pod, name).resources).length, 1)
    }
    assert.equal(change(({ spec }) => Object.assign(spec, { resources })).length, 1)
    assert.deepEqual(
      change(({ spec }) => Object.assign(spec.containers[0] ?? {}, { resources })),
      [],
    )
  })

  for (const key of [
    'countersign.dev/status',
    'countersign.dev/apis',
    'k8s.v1.cni.cncf.io/networks',
    'io.kubernetes.cri-o.Devices',
    'userns-mode.crio.io',
    'dev.gvisor.spec.mount.x',
  ])
    it(`attack: ${key} is neither added, changed nor removed`, () => {
      const set = (value: string) => {
        const pod = injected()
        pod.metadata.annotations[key] = value
        return pod
      }
      const none = injected()
      delete none.metadata.annotations[key]
      for (const [before, after] of [
        [none, set('a')],
        [set('a'), set('b')],
        [set('a'), none],
      ])
        assert.equal(refusals('countersign-changes', { object: after, oldObject: before }).length, 1)
    })

  it('lets network plugins tell what they have done', () =>
    assert.deepEqual(
      change(({ metadata }) => {
        metadata.annotations['k8s.v1.cni.cncf.io/network-status'] = '[]'
      }),
      [],
    ))

  it('is asked about every way by which a pod is changed', () =>
    assert.deepEqual(resourcesOf('countersign-changes'), [
      'pods',
      'pods/ephemeralcontainers',
      'pods/resize',
      'pods/status',
    ]))
})

interface WriteChanges {
  readonly operation?: string
  readonly resource?: string
  readonly username?: string
  readonly may?: (asked: string) => boolean
}

describe('the policy for configuration and secrets', () => {
  const CONTROLLER = 'system:serviceaccount:kube-system:'
  const write = (
    name: string,
    { operation = 'UPDATE', resource = 'configmaps', username = 'maria', may }: WriteChanges = {},
  ) => {
    const metadata = { name, namespace: 'agents' }
    return refusals(
      'countersign-config',
      {
        object: operation === 'DELETE' ? null : { metadata },
        oldObject: operation === 'CREATE' ? null : { metadata },
        request: { operation, resource: { group: '', version: 'v1', resource }, userInfo: { username } },
      },
      may,
    ).length
  }

  for (const [name, resource] of [
    ['countersign-coder', 'configmaps'],
    ['countersign-coder', 'secrets'],
    ['countersign-coder-settings', 'configmaps'],
    ['gateway-ca', 'configmaps'],
    ['issuer-keys', 'configmaps'],
    ['coder-vault', 'secrets'],
    ['kube-root-ca.crt', 'configmaps'],
  ] as const)
    it(`attack: ${resource} ${name} is made, changed and deleted by nobody else’s word`, () => {
      for (const operation of ['CREATE', 'UPDATE', 'DELETE']) {
        assert.equal(write(name, { operation, resource }), 1)
        assert.equal(write(name, { operation, resource, username: 'system:serviceaccount:agents:coder' }), 1)
      }
    })

  it('asks whether the writer may configure profiles, in this namespace', () => {
    const asked: string[] = []
    const may = (what: string) => asked.push(what) > 0
    assert.equal(write('countersign-coder', { may }), 0)
    assert.deepEqual(asked, ['/countersign.dev/profiles/agents/configure'])
  })

  it('leaves everything else to RBAC', () => {
    for (const [name, resource] of [
      ['settings', 'configmaps'],
      ['coder-vault', 'configmaps'],
      ['gateway-ca', 'secrets'],
      ['my-countersign-notes', 'configmaps'],
    ] as const)
      assert.equal(write(name, { resource }), 0)
  })

  it('lets controllers keep the cluster’s CA and take away what is left of a namespace, and no more', () => {
    const publisher = `${CONTROLLER}root-ca-cert-publisher`
    assert.equal(write('kube-root-ca.crt', { operation: 'CREATE', username: publisher }), 0)
    assert.equal(write('countersign-coder', { username: publisher }), 1)
    const cleaner = `${CONTROLLER}namespace-controller`
    assert.equal(write('countersign-coder', { operation: 'DELETE', username: cleaner }), 0)
    assert.equal(write('countersign-coder', { username: cleaner }), 1)
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
    assert.deepEqual(resourcesOf('countersign-namespaces'), [
      'namespaces',
      'namespaces/finalize',
      'namespaces/status',
    ])
  })
})

function resourcesOf(policy: string): readonly string[] {
  const found = documents.find(
    ({ kind, metadata }) => kind === 'ValidatingAdmissionPolicy' && metadata.name === policy,
  )
  assert.ok(found, policy)
  const { matchConstraints } = found.spec as unknown as {
    matchConstraints: { resourceRules: { resources: string[] }[] }
  }
  return matchConstraints.resourceRules.flatMap(({ resources }) => resources).sort()
}
