import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { parse, parseDocument } from 'yaml'
import {
  MODES,
  type Mode,
  renderedAnnotations,
  renderedInstall,
  renderedMode,
  template,
  valuesOf,
} from '../../scripts/kubernetes/render.js'
import { runTool, TOOLS_MISSING } from '../../scripts/kubernetes/tools.js'
import { valuesSchema } from '../../scripts/kubernetes/values-schema.js'
import * as names from '../../src/injector/names.js'
import { objectionTo } from '../docs/commands.js'
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

const folder = mkdtempSync(join(tmpdir(), 'countersign-chart-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** A file with the values of a mode that lacks one member. */
function valuesWithout(mode: Mode, ...path: readonly string[]): string {
  const document = parseDocument(read(valuesOf(mode)))
  assert.equal(document.deleteIn(path), true)
  const file = join(folder, `${mode}-without-${path.join('-')}.yaml`)
  writeFileSync(file, String(document))
  return file
}

const HA = ['--values', 'deploy/chart/values-ha.yaml']
const CERTIFICATE = ['--set', 'injector.tls.secretName=injector-tls,injector.tls.caBundle=LS0t']
const WATCHED = [
  '--set',
  'monitoring.podMonitor=true,monitoring.rules=true,monitoring.dashboard=true,monitoring.labels.release=prometheus',
]
const SETUPS: readonly (readonly [string, readonly string[]])[] = [
  ['its default values', []],
  ['several injectors', HA],
  ['a certificate from files', [...HA, ...CERTIFICATE]],
  ['cert-manager', ['--set', 'injector.tls.secretName=a,injector.tls.certManager=countersign/injector']],
  ...MODES.map(mode => [`the values of ${mode}`, ['--values', valuesOf(mode), ...WATCHED]] as const),
]

/** Each setup is rendered once. */
const known = new Map<string, readonly Manifest[]>()
function rendered(...args: readonly string[]): readonly Manifest[] {
  const found = known.get(args.join()) ?? objectsOf(template(...args))
  known.set(args.join(), found)
  return found
}

function refusal(...args: readonly string[]): string {
  try {
    template(...args)
  } catch (error) {
    return String((error as { stderr?: string }).stderr)
  }
  return ''
}

describe('the chart', { skip: TOOLS_MISSING }, () => {
  for (const [what, args] of SETUPS) {
    it(`is lint-free and has only fields that Kubernetes has, with ${what}`, () => {
      assert.match(runTool('helm', ['lint', '--strict', 'deploy/chart', ...args]), / 0 chart\(s\) failed/)
      assert.deepEqual(strangersIn(rendered(...args)), [])
    })

    it(`makes pods that Pod Security restricted admits, with ${what}`, () => {
      const pods = rendered(...args).filter(({ kind }) => ['Deployment', 'StatefulSet'].includes(kind))
      assert.ok(pods.length > 0)
      for (const pod of pods) {
        assert.deepEqual(violations(podOf(pod)), [])
        for (const container of containersOf(pod))
          assert.equal(
            (container.securityContext as Json).readOnlyRootFilesystem,
            true,
            String(container.name),
          )
      }
    })
  }

  it('is what deploy/kubernetes and deploy/kustomize were made from: npm run manifests', () => {
    assert.equal(read('deploy/kubernetes/install.yaml'), renderedInstall())
    assert.equal(read('deploy/chart/files/annotations.yaml'), renderedAnnotations())
    for (const mode of MODES) assert.equal(read(`deploy/kustomize/${mode}/rendered.yaml`), renderedMode(mode))
  })

  for (const [what, ...args] of [
    ['a value that there is not', '--set', 'injectr.replicas=2'],
    ['a misspelt member', '--set', 'injector.replica=2'],
    ['no replica', '--set', 'injector.replicas=0'],
    ['more CAs than a bundle holds', '--set', 'injector.replicas=17'],
    ['a digest that is none', '--set', 'image.digest=sha256:abc'],
    [
      'a profile with an image by tag',
      '--values',
      valuesOf('sidecar'),
      '--set',
      'profiles.coder.images.sidecar=a:1',
    ],
    ['a profile of another mode', '--values', valuesOf('sidecar'), '--set', 'profiles.coder.mode=none'],
    ['a gateway without an origin', '--set', 'gateway.enabled=true'],
    [
      'a gate on a port of the probes',
      '--values',
      valuesOf('gateway'),
      '--set',
      'gateway.gates[0].port=7079',
    ],
    ['a port of two gates', '--values', valuesOf('gateway'), '--set', 'gateway.gates[1].port=7443'],
    ['a CA without a certificate', '--set', 'injector.tls.caBundle=LS0t'],
    ['a certificate that nobody is told to believe', '--set', 'injector.tls.secretName=a'],
    [
      'a profile with a sidecar whose configuration nothing holds',
      '--values',
      valuesWithout('sidecar', 'profiles', 'coder', 'configDigest'),
    ],
    [
      'a firewall without an image of its own',
      '--values',
      valuesWithout('sidecar-netadmin', 'profiles', 'coder', 'images', 'firewall'),
    ],
    ['a configuration of no profile', '--values', valuesOf('sidecar'), '--set', 'configs.other=x'],
    ['two digests of one configuration', '--values', valuesOf('sidecar'), '--set', 'configs.coder=x'],
    ['agents of a gateway that nothing keeps to it', '--values', valuesWithout('gateway', 'agents')],
    ['an image by tag for the policies', '--set', 'policies.images={a:1}'],
    ['a budget that stops every drain', '--set', 'injector.minAvailable=1'],
  ] as const)
    it(`refuses ${what}`, () =>
      assert.match(
        refusal(...args),
        /values|belong|believe|CA|minAvailable|port|configDigest|firewall|configs|agents/,
      ))
})

describe('the schema of the chart’s values', () => {
  it('has the injector’s own schema of profiles in it: npm run manifests', () =>
    assert.deepEqual(JSON.parse(read('deploy/chart/values.schema.json')), valuesSchema()))

  it('refuses whatever it doesn’t know, but for what is Kubernetes’ own', () => {
    const open: string[] = []
    const visit = (schema: Json, at: string): void => {
      if (schema.type === 'object' && schema.additionalProperties === undefined) open.push(at)
      for (const [name, each] of Object.entries((schema.properties ?? {}) as Record<string, Json>))
        visit(each, `${at}.${name}`)
      if (typeof schema.items === 'object') visit(schema.items as Json, `${at}[]`)
    }
    visit(JSON.parse(read('deploy/chart/values.schema.json')) as Json, '')
    assert.deepEqual(open.sort(), [
      '.agents[].egress[]',
      '.agents[].metricsFrom[]',
      '.gateway.affinity',
      '.gateway.networkPolicy.egress[]',
      '.gateway.networkPolicy.metricsFrom[]',
      '.gateway.settings',
      '.gateway.tolerations[]',
      '.global',
      '.injector.affinity',
      '.injector.tolerations[]',
    ])
  })

  it('has every value that values.yaml has', () => {
    const missing: string[] = []
    const visit = (value: unknown, schema: Json, at: string): void => {
      const { properties } = schema as { properties?: Record<string, Json> }
      if (properties === undefined || typeof value !== 'object' || value === null) return
      for (const [name, each] of Object.entries(value)) {
        const of = properties[name]
        if (of === undefined) missing.push(`${at}.${name}`)
        else visit(each, of, `${at}.${name}`)
      }
    }
    visit(parse(read('deploy/chart/values.yaml')), JSON.parse(read('deploy/chart/values.schema.json')), '')
    assert.deepEqual(missing, [])
  })
})

describe('the gateway of the chart', { skip: TOOLS_MISSING }, () => {
  const gates = ['--values', valuesOf('gateway'), '--set', 'gateway.gates[1].port=7444']

  it('starts each process with the digest of the configuration that it is given', () => {
    const objects = rendered(...gates)
    const { data } = only(objects, 'ConfigMap', 'countersign-gateway-settings') as unknown as {
      data: Record<string, string>
    }
    const [, ...processes] = containersOf(only(objects, 'StatefulSet'))
    const files = ['countersign.yaml', 'countersign.yaml', 'gate-2.yaml']
    assert.equal(processes.length, files.length)
    for (const [i, { args }] of processes.entries()) {
      const digest = createHash('sha256').update(data[files[i] ?? ''] ?? '')
      assert.deepEqual((args as string[]).slice(3), [
        '--config',
        `/etc/countersign/${files[i]}`,
        '--config-digest',
        `sha256:${digest.digest('hex')}`,
      ])
      assert.equal(objectionTo(args as string[]), null)
    }
  })

  it('has one keeper, whose secrets, ledger and token no gate has a mount of', () => {
    const set = only(rendered(...gates), 'StatefulSet')
    assert.equal((set.spec as Json).replicas, 1)
    assert.match(refusal(...gates, '--set', 'gateway.replicas=2'), /replicas/)
    assert.match(
      refusal(...gates, '--set', 'gateway.enabled=false'),
      /agents: agents is let out to the gateway/,
    )
    assert.match(
      refusal(...gates, '--set', 'defaultProfile=codr'),
      /defaultProfile: there is no profile codr/,
    )
    const mounts = (container: Json | undefined) =>
      ((container?.volumeMounts ?? []) as { name: string; readOnly?: boolean }[]).map(
        ({ name, readOnly }) => `${name}${readOnly ? ' ro' : ''}`,
      )
    const [, keeper, ...all] = containersOf(set)
    assert.ok(mounts(keeper).includes('countersign-ledger'))
    for (const gate of all)
      assert.deepEqual(mounts(gate), ['countersign-config ro', 'countersign-link ro', 'countersign-tls ro'])
    // As in the pods that the injector makes, whose tests run those names and paths as processes.
    const ours = [
      { name: names.CONFIG_VOLUME, mountPath: names.CONFIG_PATH },
      { name: names.LINK_VOLUME, mountPath: names.LINK_PATH },
      { name: names.PRIVATE_VOLUME, mountPath: names.PRIVATE_PATH },
      { name: names.LEDGER_VOLUME, mountPath: names.LEDGER_PATH },
      { name: names.API_TOKEN_VOLUME, mountPath: names.API_TOKEN_PATH },
    ]
    const held = ((keeper?.volumeMounts ?? []) as { name: string; mountPath: string }[]).map(
      ({ name, mountPath }) => ({ name, mountPath }),
    )
    for (const each of ours)
      assert.ok(
        held.some(mount => isDeepStrictEqual(mount, each)),
        each.name,
      )
    const called = containersOf(set).map(({ name }) => name)
    assert.deepEqual(called, [names.SECRETS, names.KEEPER, names.GATE, `${names.GATE}-2`])
    const claims = (set.spec as { volumeClaimTemplates: { spec: Json }[] }).volumeClaimTemplates
    for (const { spec } of claims) assert.deepEqual(spec.accessModes, ['ReadWriteOncePod'])
  })

  it('may ask the API server about tokens only where it is told to', () => {
    assert.deepEqual(
      rendered(...gates).filter(({ metadata }) => /token-review/.test(metadata.name)),
      [],
    )
    const reviewing = rendered(...gates, '--set', 'gateway.tokenReview=true')
    const binding = only(reviewing, 'ClusterRoleBinding', 'countersign-countersign-gateway-token-review')
    assert.equal((binding.roleRef as Json).name, 'system:auth-delegator')
  })
})

describe('the injector of the chart', { skip: TOOLS_MISSING }, () => {
  it('has a token and rights only where it gives its own CA to the API server', () => {
    const own = rendered()
    assert.equal(podOf(only(own, 'Deployment')).spec.automountServiceAccountToken, true)
    assert.deepEqual(only(own, 'ClusterRole', 'countersign-injector').rules, [
      {
        apiGroups: ['admissionregistration.k8s.io'],
        resources: ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'],
        resourceNames: ['countersign'],
        verbs: ['get', 'patch'],
      },
    ])
    const given = rendered(...CERTIFICATE)
    assert.equal(podOf(only(given, 'Deployment')).spec.automountServiceAccountToken, false)
    assert.deepEqual(
      given.filter(({ kind, metadata }) => kind.startsWith('ClusterRole') && /injector/.test(metadata.name)),
      [],
    )
    assert.deepEqual((only(given, 'NetworkPolicy').spec as Json).egress, [])
    const [{ clientConfig }] = only(given, 'MutatingWebhookConfiguration').webhooks as [
      { clientConfig: Json },
    ]
    assert.equal(clientConfig.caBundle, 'LS0t')
  })

  it('is asked and asks by one port, and resolves no name', () => {
    const { ingress, egress } = only(rendered(), 'NetworkPolicy').spec as Record<string, Json[]>
    assert.deepEqual(ingress, [{ ports: [{ protocol: 'TCP', port: 8443 }] }])
    assert.deepEqual(portsOf(egress?.[0]), [443, 6443])
    const narrowed = rendered('--set', 'injector.networkPolicy.apiServers={10.0.0.1/32}')
    const rules = only(narrowed, 'NetworkPolicy').spec as { ingress: Json[]; egress: Json[] }
    const block = [{ ipBlock: { cidr: '10.0.0.1/32' } }]
    assert.deepEqual([rules.ingress[0]?.from, rules.egress[0]?.to], [block, block])
    const ranges = 'injector.networkPolicy.podRanges={10.244.0.0/16,fd00:10::/56}'
    const { ingress: others } = only(rendered('--set', ranges), 'NetworkPolicy').spec as { ingress: Json[] }
    assert.deepEqual(others, [
      {
        ports: [{ protocol: 'TCP', port: 8443 }],
        from: [
          { ipBlock: { cidr: '0.0.0.0/0', except: ['10.244.0.0/16'] } },
          { ipBlock: { cidr: '::/0', except: ['fd00:10::/56'] } },
        ],
      },
    ])
  })

  it('survives a drain with several replicas, and its probes are HTTPS', () => {
    const objects = rendered(...HA)
    assert.deepEqual((only(objects, 'PodDisruptionBudget').spec as Json).minAvailable, 2)
    const deployment = only(objects, 'Deployment')
    assert.equal((deployment.spec as Json).replicas, 3)
    const [injector = {}] = containersOf(deployment)
    for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'])
      assert.equal((injector[probe] as { httpGet: Json }).httpGet.scheme, 'HTTPS')
  })

  it('reads the profiles of the values as they are', () => {
    for (const mode of MODES) {
      const profiles = profilesOf(rendered('--values', valuesOf(mode)))
      const { profiles: written } = parse(read(valuesOf(mode))) as { profiles: Record<string, Json> }
      assert.deepEqual([...profiles.byName.keys()], Object.keys(written))
      assert.equal(profiles.default, 'coder')
    }
  })
})

describe('what the chart makes of profiles', { skip: TOOLS_MISSING }, () => {
  it('is the digest of a configuration that it is given, and the ConfigMap with it', () => {
    const text = 'apiVersion: countersign.dev/v1\nkind: Sidecar # as it is\n'
    const objects = rendered(
      ...['--values', valuesWithout('sidecar', 'profiles', 'coder', 'configDigest')],
      ...['--set-string', `configs.coder=${text.replaceAll('\n', '\\n')}`],
    )
    const made = only(objects, 'ConfigMap', 'countersign-coder-settings') as unknown as {
      metadata: { namespace: string }
      data: Record<string, string>
    }
    const written = made.data['countersign.yaml'] ?? ''
    assert.equal(made.metadata.namespace, 'agents')
    assert.match(written, /kind: Sidecar # as it is/)
    const profile = profilesOf(objects).byName.get('coder')
    assert.equal(profile?.configDigest, `sha256:${createHash('sha256').update(written).digest('hex')}`)
    assert.deepEqual(profile?.config, [
      { configMap: 'countersign-coder' },
      { configMap: 'countersign-coder-settings' },
    ])
  })

  it('is what the policies hold pods to', () => {
    const images = {
      sidecar: 'registry.example/countersign',
      firewall: 'registry.example/countersign-firewall',
    }
    const digest = `sha256:${'ab'.repeat(32)}`
    const dataOf = (...args: string[]) =>
      (only(rendered(...args), 'ConfigMap', 'countersign-policies') as unknown as { data: object }).data
    assert.deepEqual(dataOf('--values', valuesOf('sidecar-netadmin')), {
      sidecars: `${images.sidecar}@${digest}`,
      firewalls: `${images.firewall}@${digest}`,
      gatewayNamespaces: '',
      configMaps: 'countersign-coder\ncountersign-worker',
      secrets: 'countersign-coder\ncountersign-worker',
    })
    assert.deepEqual(
      dataOf('--values', valuesOf('gateway'), '--set', 'policies.gatewayNamespaces={others}'),
      {
        sidecars: `${images.sidecar}@${digest}`,
        firewalls: '',
        gatewayNamespaces: 'agents\nothers',
        configMaps: 'countersign-coder\ngateway-ca',
        secrets: 'countersign-coder',
      },
    )
    assert.equal(
      rendered().some(({ metadata }) => metadata.name === 'countersign-policies'),
      false,
    )
  })

  it('gives the platform the verb that its configuration takes, and nobody unless told', () => {
    const bound = (...args: string[]) =>
      rendered(...args).filter(
        ({ kind, metadata }) => kind === 'ClusterRoleBinding' && metadata.name === 'countersign-platform',
      )
    assert.deepEqual(bound(), [])
    const [binding] = bound('--set', 'policies.platform[0].kind=Group,policies.platform[0].name=platform')
    assert.deepEqual(binding?.subjects, [{ kind: 'Group', name: 'platform' }])
    assert.equal((binding?.roleRef as Json | undefined)?.name, 'countersign-platform')
    assert.deepEqual(only(rendered(), 'ClusterRole', 'countersign-platform').rules, [
      { apiGroups: ['countersign.dev'], resources: ['profiles'], verbs: ['configure'] },
    ])
  })
})

function containersOf(manifest: Manifest): readonly Json[] {
  const { initContainers = [], containers } = podOf(manifest).spec as Record<string, Json[]>
  return [...initContainers, ...(containers ?? [])]
}

function portsOf(rule: Json | undefined): readonly unknown[] {
  return ((rule?.ports ?? []) as Json[]).map(({ port }) => port)
}
