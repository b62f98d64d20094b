import type { Static } from 'typebox'
import { Type } from '../policy/index.js'

const strict = { additionalProperties: false }
const Name = (description: string) =>
  Type.String({ pattern: '^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$', description })
/** Pinned by digest: a tag could be moved to another image. */
const Image = (description: string) =>
  Type.String({ pattern: '^[a-z0-9][a-zA-Z0-9._:/-]*@sha256:[0-9a-f]{64}$', description })
/** Below 1000 are users of images and nodes, 65534 is nobody. */
const Id = (description: string) => Type.Integer({ minimum: 1000, maximum: 2_147_483_646, description })
const Port = (description: string) => Type.Integer({ minimum: 1024, maximum: 65_535, description })
const Cpu = Type.String({ pattern: '^([1-9][0-9]{0,4}m|[1-9][0-9]{0,2})$' })
const Memory = Type.String({ pattern: '^[1-9][0-9]{0,4}(Mi|Gi)$' })
const Amount = Type.Object({ cpu: Cpu, memory: Memory }, strict)

const Resources = Type.Object(
  { requests: Amount, limits: Amount, most: Type.Optional(Amount) },
  {
    ...strict,
    description:
      'What a container of the sidecar gets. `most` is how far a pod may raise its limits by annotation; without it, not at all.',
  },
)

function whereMode(modes: readonly string[], then: object): object {
  return { if: { properties: { mode: { enum: modes } } }, then }
}

const ProfileSchema = Type.Object(
  {
    mode: Type.Union([Type.Literal('sidecar'), Type.Literal('sidecar-netadmin'), Type.Literal('gateway')], {
      description:
        'sidecar: the sidecar in the pod, and nothing in it that keeps the agent from other ways out; the CNI may, see `blocked`. sidecar-netadmin: with a firewall by user. gateway: the sidecar elsewhere, and a NetworkPolicy.',
    }),
    agent: Name('Agent of the policy that these pods are.'),
    origin: Type.String({
      pattern: '^[a-z0-9.-]+/countersign/[a-z0-9-]+$',
      description: 'Origin of the sidecar: the audience of the pod’s identity.',
    }),
    namespaces: Type.Array(Name('A namespace.'), { minItems: 1, description: 'Where it may be used.' }),
    serviceAccounts: Type.Array(Name('A service account.'), {
      minItems: 1,
      description: 'Whose pods may use it.',
    }),
    sidecars: Type.Optional(
      Type.Union([Type.Literal('native'), Type.Literal('plain')], {
        description:
          'native unless told: init containers that go on running, from Kubernetes 1.29. plain: ordinary containers, for older clusters.',
      }),
    ),
    images: Type.Object(
      {
        sidecar: Image('Image of Countersign.'),
        firewall: Type.Optional(
          Image('The image with `nft` (target `firewall`); the mode sidecar-netadmin has one.'),
        ),
      },
      strict,
    ),
    users: Type.Object(
      {
        gate: Id('User of the gate.'),
        keeper: Id('User of the keeper.'),
        group: Id('Group of both, which the socket between them belongs to.'),
        storage: Id('Group that the ledger’s claim is given to.'),
      },
      { ...strict, description: 'Numbers that nothing else in these namespaces uses.' },
    ),
    config: Type.Array(
      Type.Object(
        {
          configMap: Name('Name of the ConfigMap.'),
          files: Type.Optional(
            Type.Record(
              Type.String({ pattern: '^[A-Za-z0-9._-]+$' }),
              Type.String({ pattern: '^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$' }),
              { ...strict, description: 'Key of the ConfigMap → path below /etc/countersign.' },
            ),
          ),
        },
        strict,
      ),
      {
        minItems: 1,
        description: 'What stands in /etc/countersign: countersign.yaml, trust root, policy, catalogs.',
      },
    ),
    configDigest: Type.Optional(
      Type.String({
        pattern: '^sha256:[0-9a-f]{64}$',
        description:
          'SHA-256 of countersign.yaml, as `countersign inject digest` prints it: the sidecar doesn’t start with another one. The modes with a sidecar have one.',
      }),
    ),
    secret: Name('Secret with the keeper’s keys, enrolment and vault; only the keeper gets it.'),
    ledger: Type.Union(
      [
        Type.Object({ claim: Name('PersistentVolumeClaim of the ledger.') }, strict),
        Type.Object({ shipped: Type.Literal(true) }, strict),
      ],
      {
        description:
          'claim: the ledger lies on a claim that one pod at a time uses. shipped: it ends with the pod, and countersign.yaml ships it off.',
      },
    ),
    apis: Type.Record(
      Type.String({ pattern: '^[a-z][a-z0-9-]{0,62}$' }),
      Type.Object(
        {
          catalog: Name('Catalog of the API: railway, stripe, aws, github, or its own name.'),
          port: Type.Optional(Port('Listener of its own, as in `gate.ports`.')),
          region: Type.Optional(Name('Region of AWS clients.')),
        },
        strict,
      ),
      { ...strict, minProperties: 1, description: 'APIs of the policy that the pods are pointed at.' },
    ),
    gateway: Type.Optional(
      Type.String({
        pattern: '^https://[a-z0-9.-]+(:[0-9]{2,5})?$',
        description: 'Base URL of the gateway, in mode gateway.',
      }),
    ),
    apiToken: Type.Optional(
      Type.Boolean({
        description:
          'Gives the keeper, and nobody else, a token for the API server: to read its keys, or for TokenReview.',
      }),
    ),
    tokenSeconds: Type.Optional(
      Type.Integer({
        minimum: 600,
        maximum: 3600,
        description: 'Life of the pod’s identity before the kubelet renews it; 3600 unless told.',
      }),
    ),
    blocked: Type.Optional(
      Type.Array(Type.String({ pattern: '^[0-9a-f.:\\[\\]]+:[0-9]{1,5}$' }), {
        minItems: 1,
        description:
          'Addresses that the validator must not reach as the agent’s user, `address:port`; 1.1.1.1:443 and the API server’s unless told. Without it there is no validator in mode sidecar: with it, a NetworkPolicy is tried.',
      }),
    ),
    runtimeClasses: Type.Optional(
      Type.Array(Name('A RuntimeClass.'), {
        description: 'What pods may have as `runtimeClassName`; none unless told.',
      }),
    ),
    devices: Type.Optional(
      Type.Array(Type.String({ pattern: '^[a-z0-9.-]+/[A-Za-z0-9_.-]+$' }), {
        description: 'Resources of others that pods may ask for: nvidia.com/gpu; none unless told.',
      }),
    ),
    resourceClaims: Type.Optional(
      Type.Array(Name('A ResourceClaim or ResourceClaimTemplate.'), {
        description: 'What pods may claim; nothing unless told.',
      }),
    ),
    resources: Type.Object({ gate: Resources, keeper: Resources }, strict),
  },
  {
    ...strict,
    // For editors and Helm; `parseProfiles` says the same in words.
    allOf: [
      whereMode(['sidecar', 'sidecar-netadmin'], { required: ['configDigest'] }),
      whereMode(['sidecar-netadmin'], { properties: { images: { required: ['firewall'] } } }),
    ],
  },
)

export const ProfilesSchema = Type.Object(
  {
    apiVersion: Type.Literal('countersign.dev/v1'),
    kind: Type.Literal('InjectorProfiles'),
    default: Type.Optional(Type.String({ description: 'Profile of pods that name none.' })),
    profiles: Type.Record(Type.String({ pattern: '^[a-z][a-z0-9-]{0,62}$' }), ProfileSchema, {
      ...strict,
      minProperties: 1,
    }),
  },
  {
    ...strict,
    $id: 'https://countersign.dev/schema/profiles.v1.json',
    title: 'Profiles of the Countersign injector',
  },
)
export type ProfileDocument = Static<typeof ProfileSchema>
