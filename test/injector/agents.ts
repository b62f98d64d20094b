import { injectorParts } from '../../src/cli/inject/parts.js'
import { parseProfiles } from '../../src/injector/index.js'

/** Any digest: no image is pulled here. */
const DIGEST = `sha256:${'ab'.repeat(32)}`
export const SIDECAR_IMAGE = `registry.example/countersign@${DIGEST}`
export const MIRRORED_IMAGE = `mirror.example/countersign@${DIGEST}`
export const FIREWALL_IMAGE = `registry.example/countersign-firewall@${DIGEST}`

export const USERS = { gate: 64_001, keeper: 64_002, group: 64_003, storage: 64_004 }

const amounts = (cpu: string, memory: string) => ({ cpu, memory })
const resources = {
  gate: {
    requests: amounts('100m', '96Mi'),
    limits: amounts('1', '256Mi'),
    most: amounts('2', '512Mi'),
  },
  keeper: { requests: amounts('100m', '128Mi'), limits: amounts('1', '512Mi') },
}

/** The profile that the tests begin with; `changes` replace members of it. */
export function profileOf(changes: object = {}): Record<string, unknown> {
  return {
    mode: 'sidecar-netadmin',
    agent: 'coder',
    origin: 'acme.example/countersign/coder',
    namespaces: ['agents'],
    serviceAccounts: ['default', 'coder'],
    images: { sidecar: SIDECAR_IMAGE, firewall: FIREWALL_IMAGE },
    users: USERS,
    config: [{ configMap: 'countersign-coder' }],
    configDigest: `sha256:${'cd'.repeat(32)}`,
    secret: 'countersign-coder',
    ledger: { claim: 'countersign-ledger' },
    apis: {
      railway: { catalog: 'railway' },
      stripe: { catalog: 'stripe', port: 7071 },
      billing: { catalog: 'billing' },
    },
    resources,
    ...changes,
  }
}

/** A file of profiles, JSON being YAML. */
export function profilesText(profiles: Readonly<Record<string, object>>, byDefault?: string): string {
  return JSON.stringify({
    apiVersion: 'countersign.dev/v1',
    kind: 'InjectorProfiles',
    ...(byDefault === undefined ? {} : { default: byDefault }),
    profiles,
  })
}

/** One profile of each mode, `firewalled` being the default; `reviewer` is another agent’s in the same namespace. */
export const PROFILES = {
  firewalled: profileOf(),
  advisory: profileOf({ mode: 'sidecar', ledger: { shipped: true }, apiToken: true }),
  plain: profileOf({ sidecars: 'plain' }),
  remote: profileOf({ mode: 'gateway', gateway: 'https://gateway.agents.example' }),
  reviewer: profileOf({
    agent: 'reviewer',
    images: { sidecar: MIRRORED_IMAGE, firewall: FIREWALL_IMAGE },
    secret: 'countersign-reviewer',
    configDigest: `sha256:${'ef'.repeat(32)}`,
    runtimeClasses: ['gvisor'],
    devices: ['nvidia.com/gpu'],
    resourceClaims: ['one-gpu'],
    ledger: { claim: 'countersign-reviews' },
  }),
}

export const PARTS = injectorParts(parseProfiles(profilesText(PROFILES, 'firewalled')))

export type Json = Record<string, unknown>

const SECURE = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }

/** A pod as careful people write one: it is admitted. */
export function agentPod({ annotations = {}, spec = {}, container = {} }: PodChanges = {}) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'agent', namespace: 'agents', annotations: { ...annotations } },
    spec: {
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 10_001,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [{ name: 'agent', image: 'agent:1', securityContext: SECURE, ...container }],
      ...spec,
    },
  }
}

export interface PodChanges {
  readonly annotations?: Readonly<Record<string, string>>
  /** Members of the spec. */
  readonly spec?: Json
  /** Members of its only container. */
  readonly container?: Json
}

/** The review that the API server would send for a pod. */
export function reviewOf(pod: unknown, changes: Json = {}): Json {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: '39e8dd63-5a39-4faa-adb0-b7cdcb1ab573',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      namespace: 'agents',
      operation: 'CREATE',
      object: pod,
      oldObject: null,
      ...changes,
    },
  }
}
