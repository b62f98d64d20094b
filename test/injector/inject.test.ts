import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import patcher from 'fast-json-patch'
import { answerReview } from '../../src/injector/index.js'
import { needsSharedData, sharedData } from '../shared-data.js'
import {
  agentPod,
  FIREWALL_IMAGE,
  type Json,
  PARTS,
  PROFILES,
  reviewOf,
  SIDECAR_IMAGE,
  USERS,
} from './agents.js'
import { violations } from './pod-security.js'
import { strangersOf } from './strict-schema.js'

interface Mounted {
  readonly name: string
  readonly image: string
  readonly env?: readonly { readonly name: string; readonly value?: string }[]
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[]
  readonly securityContext: Json
  readonly restartPolicy?: string
  readonly command?: readonly string[]
  readonly args?: readonly string[]
  readonly resources: { readonly limits: Json }
  readonly [probe: string]: unknown
}
interface Injected {
  readonly metadata: { readonly annotations: Readonly<Record<string, string>> }
  readonly spec: {
    readonly initContainers: readonly Mounted[]
    readonly containers: readonly Mounted[]
    readonly volumes: readonly Json[]
    readonly automountServiceAccountToken: boolean
    readonly securityContext: Json
  }
}

/** The pod as the API server would keep it: the patch is applied by a library that others wrote. */
function injected(pod: unknown): Injected {
  const { response } = answerReview(reviewOf(pod), 'inject', PARTS)
  assert.equal(response.allowed, true, JSON.stringify(response.status))
  const patch = JSON.parse(Buffer.from(response.patch ?? 'W10=', 'base64').toString('utf8'))
  const after = structuredClone(pod) as object
  return patcher.applyPatch(after, patch, true).newDocument as Injected
}

const profile = (name: keyof typeof PROFILES) => ({ 'countersign.dev/profile': name })
const names = (containers: readonly { readonly name: string }[]) => containers.map(({ name }) => name)
const named = (containers: readonly Mounted[], name: string): Mounted => {
  const found = containers.find(each => each.name === name)
  assert.ok(found, name)
  return found
}
const OURS = /^countersign-/

describe('an injected pod', () => {
  it('starts firewall, secrets, keeper, gate, validator and then the agent’s own', () => {
    const setup = {
      name: 'setup',
      image: 'agent:1',
      securityContext: agentPod().spec.containers[0]?.securityContext,
    }
    const { spec } = injected(agentPod({ spec: { initContainers: [setup] } }))
    assert.deepEqual(names(spec.initContainers), [
      'countersign-firewall',
      'countersign-secrets',
      'countersign-keeper',
      'countersign-gate',
      'countersign-validator',
      'setup',
    ])
    assert.deepEqual(names(spec.containers), ['agent'])
    assert.deepEqual(
      spec.initContainers.map(({ restartPolicy }) => restartPolicy),
      [undefined, undefined, 'Always', 'Always', undefined, undefined],
    )
  })

  it('has ordinary containers for the sidecar where the cluster knows no native ones', () => {
    const { spec } = injected(agentPod({ annotations: profile('plain') }))
    assert.deepEqual(names(spec.initContainers), [
      'countersign-firewall',
      'countersign-secrets',
      'countersign-validator',
    ])
    assert.deepEqual(names(spec.containers), ['countersign-keeper', 'countersign-gate', 'agent'])
  })

  it('has neither firewall nor validator in the mode sidecar', () => {
    const { spec } = injected(agentPod({ annotations: profile('advisory') }))
    assert.deepEqual(names(spec.initContainers), [
      'countersign-secrets',
      'countersign-keeper',
      'countersign-gate',
    ])
  })

  it('has no sidecar in the mode gateway, and its agent the identity', () => {
    const { spec } = injected(agentPod({ annotations: profile('remote') }))
    assert.deepEqual(names(spec.initContainers), ['countersign-validator'])
    const agent = named(spec.containers, 'agent')
    assert.deepEqual(agent.volumeMounts, [
      { name: 'countersign-token', mountPath: '/var/run/countersign.dev', readOnly: true },
    ])
    const env = Object.fromEntries((agent.env ?? []).map(({ name, value }) => [name, value]))
    assert.equal(env.COUNTERSIGN_GRANT_FILE, '/var/run/countersign.dev/grant')
    assert.equal(env.COUNTERSIGN_URL_BILLING, 'https://gateway.agents.example/billing')
    assert.equal(env.RAILWAY_API_TOKEN, undefined)
  })

  it('runs gate and keeper as users of their own with one group, and nobody else with any of it', () => {
    const { spec } = injected(agentPod())
    const user = (name: string) => {
      const { runAsUser, runAsGroup } = named(spec.initContainers, name).securityContext
      return [runAsUser, runAsGroup]
    }
    assert.deepEqual(user('countersign-gate'), [USERS.gate, USERS.group])
    assert.deepEqual(user('countersign-keeper'), [USERS.keeper, USERS.group])
    assert.deepEqual(user('countersign-validator'), [10_001, 10_001])
  })

  it('is validated as every user that the agent has', () => {
    const SECURE = agentPod().spec.containers[0]?.securityContext
    const second = { name: 'tool', image: 'tool:1', securityContext: { ...SECURE, runAsUser: 10_002 } }
    const { spec } = injected(agentPod({ spec: { containers: [agentPod().spec.containers[0], second] } }))
    const validators = spec.initContainers.filter(({ name }) => name.startsWith('countersign-validator'))
    assert.deepEqual(
      validators.map(({ securityContext }) => securityContext.runAsUser),
      [10_001, 10_002],
    )
  })

  it('lets out by user, and takes in nothing but probes of the gate', () => {
    const [nft, rules] = named(injected(agentPod()).spec.initContainers, 'countersign-firewall').command ?? []
    assert.equal(nft, 'nft')
    assert.match(rules ?? '', /hook output priority filter; policy drop;/)
    assert.match(rules ?? '', /hook input priority filter; policy drop;/)
    assert.match(rules ?? '', new RegExp(`meta skuid \\{ ${USERS.gate}, ${USERS.keeper} \\} accept;`))
    assert.match(rules ?? '', /tcp dport 7079 accept;/)
  })

  it('gives the keeper alone secrets, ledger and the API server’s token, and the gate the identity', () => {
    const { spec } = injected(agentPod({ annotations: profile('advisory') }))
    const all = [...spec.initContainers, ...spec.containers]
    const holders = (volume: string) =>
      all
        .filter(({ volumeMounts = [] }) => volumeMounts.some(({ name }) => name === volume))
        .map(({ name }) => name)
    assert.deepEqual(holders('countersign-secret'), ['countersign-secrets'])
    assert.deepEqual(holders('countersign-private'), ['countersign-secrets', 'countersign-keeper'])
    assert.deepEqual(holders('countersign-ledger'), ['countersign-keeper'])
    assert.deepEqual(holders('countersign-api-token'), ['countersign-keeper'])
    assert.deepEqual(holders('countersign-link'), ['countersign-keeper', 'countersign-gate'])
    assert.deepEqual(holders('countersign-token'), ['countersign-gate'])
    assert.deepEqual(named(spec.containers, 'agent').volumeMounts ?? [], [])
  })

  it('points the agent’s clients at the gate, with a mark in the place of a token', () => {
    const agent = named(injected(agentPod()).spec.containers, 'agent')
    const env = Object.fromEntries((agent.env ?? []).map(({ name, value }) => [name, value]))
    assert.equal(env.COUNTERSIGN_GRANT, 'countersign-pod')
    assert.equal(env.RAILWAY_GRAPHQL_ENDPOINT, 'http://127.0.0.1:7070/railway/graphql/v2')
    assert.equal(env.RAILWAY_API_TOKEN, 'countersign-pod')
    assert.equal(env.STRIPE_API_BASE, 'http://127.0.0.1:7071')
    assert.equal(env.COUNTERSIGN_URL_BILLING, 'http://127.0.0.1:7070/billing')
  })

  it('has only the APIs and limits that were chosen', () => {
    const { spec } = injected(
      agentPod({
        annotations: { 'countersign.dev/apis': 'billing', 'countersign.dev/gate-memory': '512Mi' },
      }),
    )
    const env = names(named(spec.containers, 'agent').env ?? [])
    assert.deepEqual(env, ['COUNTERSIGN_GRANT', 'COUNTERSIGN_URL_BILLING'])
    assert.deepEqual(named(spec.initContainers, 'countersign-gate').resources.limits, {
      cpu: '1',
      memory: '512Mi',
    })
  })

  it('is probed through the gate, on a port of its own', () => {
    const gate = named(injected(agentPod()).spec.initContainers, 'countersign-gate')
    const at = (probe: string) => (gate[probe] as { httpGet: Json }).httpGet
    assert.deepEqual(at('startupProbe'), { path: '/readyz', port: 7079, scheme: 'HTTP' })
    assert.deepEqual(at('livenessProbe'), { path: '/livez', port: 7079, scheme: 'HTTP' })
  })

  for (const name of Object.keys(PROFILES) as (keyof typeof PROFILES)[]) {
    it(`has no field that Kubernetes’ own client doesn’t know (${name})`, () =>
      assert.deepEqual(strangersOf(injected(agentPod({ annotations: profile(name) })), 'V1Pod'), []))

    it(`keeps to Pod Security restricted, the firewall apart (${name})`, () => {
      const pod = injected(agentPod({ annotations: profile(name) }))
      assert.deepEqual(violations(pod, ['countersign-firewall']), [])
      assert.equal(violations(pod).length > 0, ['firewalled', 'plain', 'reviewer'].includes(name))
    })

    it(`comes back unchanged when it is submitted again (${name})`, () => {
      const once = injected(agentPod({ annotations: profile(name) }))
      assert.deepEqual(answerReview(reviewOf(once), 'inject', PARTS).response, {
        uid: '39e8dd63-5a39-4faa-adb0-b7cdcb1ab573',
        allowed: true,
      })
    })
  }

  it('runs keeper and gate with the configuration that its profile pins, and no other', () => {
    const { spec } = injected(agentPod({ annotations: profile('reviewer') }))
    const pin = `sha256:${'ef'.repeat(32)}`
    for (const role of ['keeper', 'gate'])
      assert.deepEqual(named(spec.initContainers, `countersign-${role}`).args, [
        ...['run', '--role', role, '--config', '/etc/countersign/countersign.yaml'],
        ...['--config-digest', pin],
      ])
  })

  it('runs only images by digest beside the agent’s', () => {
    const { spec } = injected(agentPod())
    for (const { name, image } of spec.initContainers)
      if (OURS.test(name))
        assert.equal(image, name === 'countersign-firewall' ? FIREWALL_IMAGE : SIDECAR_IMAGE)
  })
})

const anyPod = fc
  .record({
    profile: fc.constantFrom(...(Object.keys(PROFILES) as (keyof typeof PROFILES)[])),
    apis: fc.constantFrom(undefined, 'railway', 'stripe,billing'),
    containers: fc.array(
      fc.record({
        name: fc.stringMatching(/^a[a-z]{1,5}$/),
        user: fc.integer({ min: 1, max: 60_000 }),
        env: fc.array(fc.record({ name: fc.stringMatching(/^V[A-Z]{1,3}$/), value: fc.string() }), {
          maxLength: 3,
        }),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    init: fc.boolean(),
    fsGroup: fc.option(fc.integer({ min: 1, max: 60_000 }), { nil: undefined }),
    volumes: fc.constantFrom(undefined, null, [], [{ name: 'work', emptyDir: {} }]),
  })
  .map(({ profile: name, apis, containers, init, fsGroup, volumes }) => {
    const made = containers.map(({ name, user, env }) => ({
      name,
      image: 'agent:1',
      env,
      securityContext: { runAsUser: user, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    }))
    const pod = agentPod({
      annotations: { ...profile(name), ...(apis === undefined ? {} : { 'countersign.dev/apis': apis }) },
      spec: {
        containers: made,
        ...(init && name !== 'plain'
          ? { initContainers: made.map(each => ({ ...each, name: `i${each.name}` })) }
          : {}),
        ...(volumes === undefined ? {} : { volumes }),
      },
    })
    return fsGroup === undefined
      ? pod
      : { ...pod, spec: { ...pod.spec, securityContext: { ...pod.spec.securityContext, fsGroup } } }
  })

describe('injecting again', () => {
  it('changes nothing, whatever was injected', () => {
    fc.assert(
      fc.property(anyPod, pod => {
        const once = injected(pod)
        assert.equal(answerReview(reviewOf(once), 'inject', PARTS).response.patch, undefined)
        assert.equal(answerReview(reviewOf(once), 'validate', PARTS).response.allowed, true)
      }),
    )
  })

  it('attack: no part of it can be changed, taken away or doubled without a refusal', () => {
    fc.assert(
      fc.property(
        anyPod,
        fc.nat(),
        fc.constantFrom('remove', 'double', 'image', 'user', 'mount'),
        (pod, pick, how) => {
          const once = structuredClone(injected(pod)) as unknown as {
            spec: Record<'initContainers' | 'containers', Mounted[]>
          }
          const places = (['initContainers', 'containers'] as const).flatMap(member =>
            (once.spec[member] ?? []).flatMap(({ name }, i) => (OURS.test(name) ? [{ member, i }] : [])),
          )
          const { member, i } = places[pick % places.length] as { member: 'containers'; i: number }
          const list = once.spec[member]
          const found = list[i] as Mounted
          if (how === 'remove') list.splice(i, 1)
          if (how === 'double') list.splice(i, 0, found)
          if (how === 'image') list[i] = { ...found, image: 'evil@sha256:00' }
          if (how === 'user')
            list[i] = { ...found, securityContext: { ...found.securityContext, runAsUser: 10_001 } }
          if (how === 'mount')
            list[i] = {
              ...found,
              volumeMounts: [...(found.volumeMounts ?? []), { name: 'work', mountPath: '/w' }],
            }
          const { response } = answerReview(reviewOf(once), 'inject', PARTS)
          assert.equal(response.allowed, false)
          assert.ok(response.status?.details.causes.some(({ reason }) => reason === 'altered_output'))
        },
      ),
    )
  })

  it('attack: a container that somebody added behind the injection is refused', () => {
    const once = structuredClone(injected(agentPod())) as unknown as { spec: { containers: Mounted[] } }
    once.spec.containers.push({ ...(once.spec.containers[0] as Mounted), name: 'late', env: [] })
    assert.equal(answerReview(reviewOf(once), 'inject', PARTS).response.allowed, false)
  })
})

describe('reviews that an API server sent', needsSharedData('k8s/admission-reviews-v1.20.jsonl'), () => {
  const file = sharedData('k8s/admission-reviews-v1.20.jsonl')
  const reviews =
    file === null
      ? []
      : readFileSync(file, 'utf8')
          .trim()
          .split('\n')
          .map(line => JSON.parse(line))

  for (const [i, review] of reviews.entries())
    it(`number ${i + 1} is injected, and its token of the API server is gone`, () => {
      const { response } = answerReview(review, 'inject', PARTS)
      assert.equal(response.allowed, true, response.status?.message)
      assert.equal(response.uid, review.request.uid)
      const patch = JSON.parse(Buffer.from(response.patch ?? '', 'base64').toString('utf8'))
      const pod = patcher.applyPatch(structuredClone(review.request.object), patch, true)
        .newDocument as Injected
      assert.equal(pod.spec.automountServiceAccountToken, false)
      assert.doesNotMatch(JSON.stringify(pod.spec), /kube-api-access|kubernetes\.io\/serviceaccount/)
      assert.deepEqual(strangersOf(pod, 'V1Pod'), [])
      assert.deepEqual(violations(pod, ['countersign-firewall']), [])
      assert.equal(answerReview(reviewOf(pod), 'inject', PARTS).response.patch, undefined)
    })
})
