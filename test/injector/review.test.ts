import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { answerReview, judge } from '../../src/injector/index.js'
import { agentPod, type Json, PARTS, reviewOf } from './agents.js'

const ours = (() => {
  const judgement = judge(agentPod(), 'agents', PARTS)
  assert.equal(judgement.kind, 'injected')
  return judgement.pod as unknown as Json & {
    spec: Json & { containers: Json[]; initContainers: Json[] }
    metadata: Json
  }
})()

function update(change: (pod: typeof ours) => void, subResource = ''): readonly string[] {
  const after = structuredClone(ours)
  change(after)
  const { response } = answerReview(
    reviewOf(after, { operation: 'UPDATE', oldObject: ours, subResource }),
    'inject',
    PARTS,
  )
  assert.equal(response.allowed, response.status === undefined)
  return (response.status?.details.causes ?? []).map(({ reason }) => reason)
}

function imageOf(member: 'containers' | 'initContainers', i: number) {
  return (pod: typeof ours): void => {
    Object.assign(pod.spec[member][i] as Json, { image: 'evil:1' })
  }
}

describe('a pod that was admitted', () => {
  it('may have its labels, tolerations and deadline changed', () => {
    const codes = update(pod => {
      pod.metadata.labels = { app: 'x' }
      pod.spec.tolerations = []
      pod.spec.activeDeadlineSeconds = 60
    })
    assert.deepEqual(codes, [])
  })

  it('attack: keeps the image of each container', () => {
    assert.deepEqual(update(imageOf('containers', 0)), ['pod_changed'])
    assert.deepEqual(update(imageOf('initContainers', 2)), ['pod_changed'])
  })

  it('attack: keeps the resources of the sidecar when it is resized', () => {
    const starve = (pod: typeof ours) => {
      const keeper = pod.spec.initContainers[2] as Json
      keeper.resources = { limits: { memory: '1Mi', cpu: '1m' } }
    }
    assert.deepEqual(update(starve, 'resize'), ['pod_changed'])
  })

  it('attack: keeps every annotation of the injector', () => {
    const without = (pod: typeof ours) => {
      pod.metadata.annotations = {}
    }
    const further = (pod: typeof ours) => {
      Object.assign(pod.metadata.annotations as Json, { 'countersign.dev/apis': 'x' })
    }
    assert.deepEqual(update(without), ['pod_changed'])
    assert.deepEqual(update(further), ['pod_changed'])
  })

  for (const key of ['k8s.v1.cni.cncf.io/networks', 'io.kubernetes.cri-o.Devices', 'userns-mode.crio.io'])
    it(`attack: is given nothing more by ${key} while it runs`, () => {
      const given = (pod: typeof ours) => {
        Object.assign(pod.metadata.annotations as Json, { [key]: 'macvlan' })
      }
      assert.deepEqual(update(given), ['pod_changed'])
    })

  it('may be told by a network plugin what it has done', () => {
    const told = (pod: typeof ours) => {
      Object.assign(pod.metadata.annotations as Json, { 'k8s.v1.cni.cncf.io/network-status': '[]' })
    }
    assert.deepEqual(update(told), [])
  })

  it('attack: gets no ephemeral container', () => {
    const debug = (pod: typeof ours) => {
      pod.spec.ephemeralContainers = [{ name: 'debug', image: 'busybox' }]
    }
    assert.deepEqual(update(debug, 'ephemeralcontainers'), ['ephemeral_container'])
    assert.deepEqual(update(debug), ['ephemeral_container'])
  })

  for (const subResource of ['exec', 'attach', 'portforward', 'proxy'])
    it(`attack: is not entered by ${subResource}`, () => {
      const review = reviewOf({ kind: 'PodExecOptions' }, { operation: 'CONNECT', subResource })
      const { response } = answerReview(review, 'validate', PARTS)
      assert.deepEqual(response.status?.details.causes, [{ reason: 'pod_entered', field: subResource }])
    })

  it('may be deleted', () =>
    assert.equal(
      answerReview(reviewOf(null, { operation: 'DELETE' }), 'inject', PARTS).response.allowed,
      true,
    ))
})

describe('the validating review', () => {
  it('refuses a pod that the mutating one has not changed', () => {
    const { response } = answerReview(reviewOf(agentPod()), 'validate', PARTS)
    assert.deepEqual(response.status?.details.causes, [{ reason: 'not_injected', field: 'spec' }])
  })

  it('lets pass what the mutating one made', () =>
    assert.equal(answerReview(reviewOf(ours), 'validate', PARTS).response.allowed, true))
})

describe('a pod without a namespace', () => {
  for (const namespace of [undefined, null, '', 7])
    it(`attack: is nobody’s: ${namespace}`, () => {
      const { response } = answerReview(reviewOf(agentPod(), { namespace }), 'inject', PARTS)
      assert.deepEqual(
        response.status?.details.causes.map(({ reason }) => reason),
        ['profile_elsewhere'],
      )
    })
})

describe('a review from somebody who means harm', () => {
  const deep = (depth: number) => JSON.parse(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`)
  const withMember = (text: string) => JSON.parse(JSON.stringify(agentPod()).replace('"spec":{', text))

  it('attack: may be as deep as it likes', () => {
    const { response } = answerReview(
      reviewOf(agentPod({ spec: { affinity: deep(9_000) } })),
      'inject',
      PARTS,
    )
    assert.equal(response.allowed, true)
  })

  it('attack: puts nothing behind a pod by its prototype', () => {
    const behind = withMember('"spec":{"__proto__":{"initContainers":[]},')
    const { response } = answerReview(reviewOf(behind), 'inject', PARTS)
    assert.deepEqual(response.status?.details.causes, [
      { reason: 'pod_field_unknown', field: 'spec.__proto__' },
    ])
  })

  for (const name of ['constructor', '__proto__', 'toString'])
    it(`attack: names no profile and no API with ${name}`, () => {
      for (const key of ['countersign.dev/profile', 'countersign.dev/apis']) {
        const pod = agentPod({ annotations: { [key]: name } })
        assert.equal(answerReview(reviewOf(pod), 'inject', PARTS).response.allowed, false)
      }
    })

  it('attack: reaches no other member with the key of an annotation', () => {
    const annotations = JSON.parse('{"~1spec~1hostNetwork":"true","a/../b~0c":"x","__proto__":"y"}')
    const { response } = answerReview(reviewOf(agentPod({ annotations })), 'inject', PARTS)
    const patch = JSON.parse(Buffer.from(response.patch ?? '', 'base64').toString())
    assert.deepEqual(patch.map(({ path }: { path: string }) => path).sort(), [
      '/metadata/annotations/countersign.dev~1status',
      ...['automountServiceAccountToken', 'containers', 'initContainers', 'securityContext', 'volumes'].map(
        member => `/spec/${member}`,
      ),
    ])
  })
})

describe('a pod with very many faults', () => {
  it('attack: holds up nobody else, and is answered in few words', () => {
    const env = Array.from({ length: 100_000 }, (_, i) => ({ name: `A${i}_TOKEN`, value: 'x' }))
    const { response } = answerReview(reviewOf(agentPod({ container: { env } })), 'inject', PARTS)
    assert.equal(response.status?.details.causes.length, 64)
    assert.match(response.status?.message ?? '', / \| and 99936 more$/)
  })
})

describe('a review that is none', () => {
  for (const [what, review] of [
    ['nothing', null],
    ['an older version', { ...reviewOf(agentPod()), apiVersion: 'admission.k8s.io/v1beta1' }],
    ['another resource', reviewOf(agentPod(), { resource: { group: '', resource: 'secrets' } })],
    [
      'pods of another group',
      reviewOf(agentPod(), { resource: { group: 'metrics.k8s.io', resource: 'pods' } }),
    ],
    ['no id', reviewOf(agentPod(), { uid: '' })],
    ['an unknown operation', reviewOf(agentPod(), { operation: 'PATCH' })],
    ['an update of nothing', reviewOf(null, { operation: 'UPDATE' })],
    [
      'an update of a pod whose containers are no list',
      reviewOf(agentPod({ spec: { containers: {} } }), { operation: 'UPDATE', oldObject: agentPod() }),
    ],
    [
      'an update of a pod with a container that is none',
      reviewOf(agentPod(), { operation: 'UPDATE', oldObject: agentPod({ spec: { containers: [null] } }) }),
    ],
  ] as const)
    it(`is not answered with a yes: ${what}`, () =>
      assert.throws(() => answerReview(review, 'inject', PARTS), { code: 'review_malformed' }))
})
