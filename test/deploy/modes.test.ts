import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MODES, type Mode } from '../../scripts/kubernetes/render.js'
import { runTool, TOOLS_MISSING } from '../../scripts/kubernetes/tools.js'
import { injectorParts } from '../../src/cli/inject/parts.js'
import { renderManifests } from '../../src/injector/index.js'
import { refusals } from '../injector/admission-policy.js'
import { violations } from '../injector/pod-security.js'
import {
  type Json,
  type Manifest,
  objectsOf,
  only,
  podOf,
  profilesOf,
  read,
  strangersIn,
} from './manifests.js'

const EXAMPLES: Readonly<Record<Mode, readonly string[]>> = {
  gateway: ['deployment-gateway', 'first-call'],
  'sidecar-cni': ['deployment-sidecar', 'job-sidecar', 'cronjob-sidecar', 'first-call-sidecar'],
  'sidecar-netadmin': ['deployment-sidecar', 'job-sidecar', 'cronjob-sidecar', 'first-call-sidecar'],
  sidecar: ['deployment-sidecar', 'job-sidecar', 'cronjob-sidecar', 'first-call-sidecar'],
}
const LEVEL: Readonly<Record<Mode, string>> = {
  gateway: 'restricted',
  'sidecar-cni': 'restricted',
  'sidecar-netadmin': 'privileged',
  sidecar: 'restricted',
}
const IMAGE = `registry.example/countersign@sha256:${'ab'.repeat(32)}`

for (const mode of MODES)
  describe(`the mode ${mode}`, { skip: TOOLS_MISSING }, () => {
    const built = TOOLS_MISSING ? '' : runTool('kubectl', ['kustomize', `deploy/kustomize/${mode}`])
    const objects = objectsOf(built)

    it('is built by kustomize and has only fields that Kubernetes has', () => {
      assert.deepEqual(strangersIn(objects), [])
      const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace} ${metadata.name}`)
      assert.equal(new Set(names).size, names.length)
      for (const image of imagesOf(objects)) assert.equal(image, IMAGE)
    })

    it('labels the agents’ namespace, with the level of Pod Security that the mode can bear', () => {
      assert.equal(label(objects, 'agents', 'countersign.dev/inject'), 'enabled')
      assert.equal(label(objects, 'agents', 'pod-security.kubernetes.io/enforce'), LEVEL[mode])
      // The injector's own is not one of them: it must be able to start.
      assert.equal(label(objects, 'countersign', 'countersign.dev/inject'), undefined)
      assert.equal(label(objects, 'countersign', 'pod-security.kubernetes.io/enforce'), 'restricted')
    })

    for (const example of EXAMPLES[mode]) {
      const file = `deploy/examples/${example}.yaml`
      const rendered = () => {
        const { objects: told, yaml } = renderManifests(
          read(file),
          { passOthers: false, namespace: null },
          injectorParts(profilesOf(objects)),
        )
        assert.deepEqual(
          told.map(({ outcome }) => outcome),
          [{ kind: 'injected' }],
        )
        return objectsOf(yaml ?? '')
      }

      it(`injects ${file}, and the API server’s own policies let it pass`, () => {
        const injected = rendered()
        assert.deepEqual(strangersIn(injected), [])
        const pod = { metadata: {}, ...podOf(injected[0] as Manifest) }
        assert.deepEqual(refusals(objects, 'countersign-pods', { object: pod }), [])
        const elsewhere = { object: pod, request: { namespace: 'elsewhere' } }
        assert.equal(refusals(objects, 'countersign-pods', elsewhere).length, mode === 'gateway' ? 1 : 0)
        assert.deepEqual(violations(pod, mode === 'sidecar-netadmin' ? ['countersign-firewall'] : []), [])
        const [before] = objectsOf(read(file))
        assert.ok(refusals(objects, 'countersign-pods', { object: podOf(before as Manifest) }).length > 0)
      })
    }
  })

describe('what keeps agents from going around', { skip: TOOLS_MISSING }, () => {
  const of = (mode: Mode) =>
    objectsOf(TOOLS_MISSING ? '' : runTool('kubectl', ['kustomize', `deploy/kustomize/${mode}`]))
  const policies = (objects: readonly Manifest[]) =>
    objects.filter(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.namespace === 'agents')

  it('is, with the gateway, that nothing else is reached: no DNS either', () => {
    const [deny, out, ...more] = policies(of('gateway'))
    assert.deepEqual(more, [])
    // Every pod, whatever its labels are.
    for (const each of [deny, out]) assert.deepEqual((each?.spec as Json | undefined)?.podSelector, {})
    assert.deepEqual(deny?.spec, { podSelector: {}, policyTypes: ['Ingress', 'Egress'] })
    const egress = egressOf(out)
    assert.equal(egress.length, 1)
    assert.deepEqual(
      egress[0]?.ports,
      [7443, 7501].map(port => ({ protocol: 'TCP', port })),
    )
    const gateway = only(of('gateway'), 'StatefulSet').spec as { template: { metadata: { labels: Json } } }
    const [to] = (egress[0]?.to ?? []) as { podSelector: { matchLabels: Json } }[]
    for (const [name, value] of Object.entries(to?.podSelector.matchLabels ?? { none: '' }))
      assert.equal(gateway.template.metadata.labels[name], value)
  })

  it('is, with a CNI, that the upstreams alone are reached, and this is tried before the agent starts', () => {
    const [deny, out] = policies(of('sidecar-cni'))
    assert.deepEqual(deny?.spec, { podSelector: {}, policyTypes: ['Ingress', 'Egress'] })
    assert.ok(egressOf(out).every(({ to }) => (to as Json[]).length > 0))
    for (const profile of profilesOf(of('sidecar-cni')).byName.values())
      assert.ok((profile.blocked ?? []).length > 0)
  })

  it('is tried by every pod but those that nothing guards, and these say so', () => {
    for (const mode of MODES) {
      const { yaml } = renderManifests(
        read(`deploy/examples/${EXAMPLES[mode][0]}.yaml`),
        { passOthers: false, namespace: null },
        injectorParts(profilesOf(of(mode))),
      )
      const { initContainers } = podOf(objectsOf(yaml ?? '')[0] as Manifest).spec as {
        initContainers: { name: string; env?: { name: string; value?: string }[] }[]
      }
      const names = initContainers.map(({ name }) => name)
      assert.equal(names.includes('countersign-validator'), mode !== 'sidecar', mode)
      for (const { env = [] } of initContainers)
        for (const { name, value } of env) if (name === 'COUNTERSIGN_POD_MODE') assert.equal(value, mode)
    }
  })

  it('is a name for each upstream, with Cilium', () => {
    const [cilium] = objectsOf(read('deploy/kustomize/sidecar-cni/cilium.yaml'))
    const egress = egressOf(cilium)
    assert.deepEqual(
      egress.flatMap(({ toFQDNs }) => (toFQDNs ?? []) as Json[]),
      [{ matchName: 'backboard.railway.com' }, { matchName: 'api.stripe.com' }],
    )
    assert.deepEqual((cilium?.spec as Json | undefined)?.endpointSelector, {})
  })
})

function label(objects: readonly Manifest[], namespace: string, name: string): string | undefined {
  return only(objects, 'Namespace', namespace).metadata.labels?.[name]
}

function imagesOf(objects: readonly Manifest[]): readonly string[] {
  return objects
    .filter(({ kind }) => ['Deployment', 'StatefulSet'].includes(kind))
    .flatMap(each => {
      const { initContainers = [], containers } = podOf(each).spec as Record<string, { image: string }[]>
      return [...initContainers, ...(containers ?? [])].map(({ image }) => image)
    })
}

function egressOf(policy: Manifest | undefined): readonly Json[] {
  return (policy?.spec as { readonly egress: readonly Json[] } | undefined)?.egress ?? []
}
