import type { Static } from 'typebox'
import { Type } from '../policy/index.js'
import { Notify } from './notify-schema.js'
import { Ship } from './ship-schema.js'

const strict = { additionalProperties: false }
const text = (description: string) => Type.String({ minLength: 1, description })
const path = (what: string) => text(`${what} Relative to the configuration file.`)
const address = (what: string) =>
  text(`${what} host:port, [ipv6]:port or unix:/path; port 0 picks a free one.`)

const Gate = Type.Object(
  {
    listen: address('Where agents reach every API under its prefix.'),
    ports: Type.Optional(
      Type.Record(Type.String(), Type.String({ minLength: 1 }), {
        description: 'One more listener per API, host:port, for SDKs that can’t take a path prefix.',
      }),
    ),
    tls: Type.Optional(
      Type.Object(
        {
          listen: address('Where HTTPS is served.'),
          cert: path('Certificate chain, PEM.'),
          key: path('Private key, PEM.'),
          ports: Type.Optional(
            Type.Record(Type.String(), Type.String({ minLength: 1 }), {
              description:
                'One more HTTPS listener per API, host:port, for SDKs that can’t take a path prefix.',
            }),
          ),
        },
        {
          ...strict,
          description:
            'An HTTPS listener with all prefixes. Certificate and key are read again when they change.',
        },
      ),
    ),
    unix: Type.Optional(path('A Unix socket with all prefixes.')),
    probes: Type.Optional(
      address('Where /livez, /readyz and /metrics are served as well, and nothing else: for a kubelet.'),
    ),
    podToken: Type.Optional(
      path(
        'The pod’s identity, a token that the kubelet renews: the gate presents it for requests that have `countersign-pod` in the place of a grant. Whoever reaches the gate is the pod then: listen on loopback.',
      ),
    ),
    maxInspectBytes: Type.Optional(
      Type.Integer({
        minimum: 1024,
        maximum: 16_777_216,
        description: 'The largest body, in bytes, that is read to decide; a larger one is refused.',
      }),
    ),
    upstreamTimeoutSeconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 3600,
        description: 'Seconds that an upstream may take to answer.',
      }),
    ),
    upstreamCa: Type.Optional(path('A further CA, PEM, that upstreams’ certificates may be issued by.')),
  },
  { ...strict, description: 'The process that faces the agent.' },
)

const Signer = Type.Object(
  {
    command: Type.Array(text('A word of it.'), {
      minItems: 1,
      description:
        'Program and arguments; no shell, and no secret: those come from files. Starts in the folder of this file.',
    }),
    env: Type.Optional(
      Type.Record(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }), Type.String(), {
        description: 'Variables that it gets beside PATH and LANG; no secret.',
      }),
    ),
  },
  {
    ...strict,
    description: 'A program that holds one key and signs with it; docs/keys.md has the protocol.',
  },
)
const signers = (description: string) =>
  Type.Object(
    { receipt: Type.Optional(Signer), checkpoint: Type.Optional(Signer), grant: Type.Optional(Signer) },
    { ...strict, description },
  )

const server = {
  ca: Type.Optional(path('The CA, PEM, of this server’s certificate, instead of the system’s.')),
  token: Type.Optional(path('File with a token that it wants to see.')),
}
const httpsUrl = (description: string) =>
  Type.String({ pattern: '^https://[^\\s/@?#]+(/[^\\s@?#]*)?$', description })

const IdentityIssuer = Type.Object(
  {
    issuer: text('`iss` of its tokens, as the policy’s `agents.X.identity` has it.'),
    keys: Type.Union(
      [
        Type.Object({ file: path('Its public keys, a JWKS.') }, strict),
        Type.Object({ url: httpsUrl('Where its JWKS is served.'), ...server }, strict),
      ],
      { description: 'Its public keys: a file, or a URL. Asked for again when a key is unknown.' },
    ),
    review: Type.Optional(
      Type.Object(
        {
          server: Type.String({ pattern: '^https://[^\\s/@?#]+$', description: 'The API server.' }),
          ...server,
        },
        {
          ...strict,
          description:
            'Asks it by TokenReview as well, so that a token ends with its pod; a yes holds for a minute.',
        },
      ),
    ),
  },
  strict,
)

const Keeper = Type.Object(
  {
    socket: path('The socket between gate and keeper.'),
    admin: path('The socket of the admin API, for the command line.'),
    keys: path(
      'Folder with receipt.jwk, checkpoint.jwk and grant.jwk, mode 0600, as far as no signer holds them.',
    ),
    enrolment: path('The certificate over these keys, signed with an enrol key.'),
    signers: Type.Optional(signers('Keys that are not in a file but behind a program: a token, an agent.')),
    nextSigners: Type.Optional(
      signers('Where the keys are that follow them: asked for by `countersign trust request`.'),
    ),
    notify: Type.Optional(Notify),
    identities: Type.Optional(
      Type.Array(IdentityIssuer, {
        minItems: 1,
        description: 'Who vouches for agents that have no grant of this sidecar: Kubernetes, for its pods.',
      }),
    ),
    pod: Type.Optional(
      Type.Object(
        { env: text('Variable with the id (UID) of this pod.') },
        {
          ...strict,
          description: 'Only the identity of this one pod is taken; leave it out in a gateway for many.',
        },
      ),
    ),
    remote: Type.Optional(
      Type.Object(
        {
          listen: text('host:port or [ipv6]:port of this machine.'),
          certificate: path('Certificate chain that the keeper shows, PEM.'),
          key: path('Its private key, PEM, mode 0600.'),
          clientCa: path(
            'The CA, PEM, that issues the certificates of the people’s machines; no other one is believed. Have it issue nothing else.',
          ),
        },
        {
          ...strict,
          description:
            'People on other machines may look, say their signed word and stop, over mutual TLS 1.3; off unless told. The files are watched.',
        },
      ),
    ),
    overlapDays: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 365,
        description:
          'Days for which a replaced checkpoint key signs checkpoints beside its successor, for witnesses and monitors that know only that one; 30 unless told.',
      }),
    ),
  },
  { ...strict, description: 'The process that holds the secrets and decides.' },
)

const Ledger = Type.Object(
  {
    dir: path('Folder of the ledger.'),
    highWater: path('The high-water file; put it on another volume than the ledger.'),
    auditorKey: Type.Optional(
      path('Public JWK (ECDH-ES) that decision inputs are encrypted to; without it they are not kept.'),
    ),
    heartbeatSeconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 86_400,
        description: 'Seconds between heartbeat entries; silence is evidence too.',
      }),
    ),
    ship: Type.Optional(Ship),
    tiles: Type.Optional(
      Type.Object(
        {
          listen: text(
            'Where checkpoint, tree and entries are served to read (c2sp.org/tlog-tiles), host:port or [ipv6]:port. Whoever reaches it reads every receipt.',
          ),
        },
        { ...strict, description: 'A read-only copy of the log over HTTP; off unless told.' },
      ),
    ),
  },
  { ...strict, description: 'Where receipts are kept.' },
)

const Witnesses = Type.Object(
  {
    policy: path(
      'The witnesses and their quorum, a tlog-policy file (c2sp.org/tlog-policy) with a URL for each witness.',
    ),
    intervalSeconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 3600,
        description: 'Seconds between two rounds of asking; 10 unless told.',
      }),
    ),
    timeoutSeconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 60,
        description: 'Seconds that one witness may take to answer; 5 unless told.',
      }),
    ),
    ca: Type.Optional(
      path('The CA, PEM, that the witnesses’ certificates are issued by, instead of the system’s.'),
    ),
  },
  {
    ...strict,
    description:
      'Witnesses in other trust domains that cosign the ledger’s checkpoints, so that nobody can show two histories.',
  },
)

const Vault = Type.Object(
  {
    file: path('The vault, a JWE.'),
    key: Type.Union(
      [
        Type.Object({ file: path('File with the key, mode 0600.') }, strict),
        Type.Object({ env: text('Environment variable with the key.') }, strict),
        Type.Object({ systemd: text('Name of a systemd credential with the key.') }, strict),
      ],
      { description: 'Where the key that opens the vault comes from: one of file, env and systemd.' },
    ),
  },
  { ...strict, description: 'The secrets that credentials are made from.' },
)

const Users = Type.Object(
  {
    gate: text('User of the gate, a name or a number.'),
    keeper: text('User of the keeper, a name or a number.'),
    group: text('Group that both share.'),
  },
  {
    ...strict,
    description: 'Users that the two processes run as when started as root. Production audiences need them.',
  },
)

const Sandbox = Type.Object(
  {
    railway: text('host:port of the stand-in for Railway.'),
    stripe: text('host:port of the stand-in for Stripe.'),
    billing: text('host:port of the billing API.'),
    aws: text('host:port of the stand-in for AWS: one address for all of its services.'),
  },
  {
    ...strict,
    description:
      'Stand-in clouds on loopback; only for an audience that the trust root lists as a test audience.',
  },
)

/** The configuration of one sidecar. It holds paths and addresses, never a secret; what is allowed stands in the sealed policy alone. */
export const ConfigSchema = Type.Object(
  {
    apiVersion: Type.Literal('countersign.dev/v1', { description: 'Version of this format.' }),
    kind: Type.Literal('Sidecar', { description: 'What the file describes.' }),
    origin: Type.String({
      pattern: '^[a-z0-9.-]+/countersign/[a-z0-9-]+$',
      description: '<domain>/countersign/<sidecar>: names this sidecar in grants and in its log.',
    }),
    audience: text('Deployment that this sidecar belongs to; a policy must list it.'),
    trust: Type.Object(
      {
        root: path('The trust root, all its versions.'),
        pin: Type.String({
          pattern: '^sha256:[0-9a-f]{64}$',
          description: 'Content id of one version; later ones must follow from it.',
        }),
      },
      { ...strict, description: 'Whose signatures count.' },
    ),
    policy: Type.Union(
      [
        Type.Object(
          { file: path('The sealed policy, with its catalogs in `catalogs` beside it; it is watched.') },
          strict,
        ),
        Type.Object(
          {
            url: Type.String({
              pattern: '^https?://[^\\s/@?#]+/[^\\s@?#]+$',
              description:
                'Where the sealed policy is served, with its catalogs in `catalogs` beside it. Without user and query: it needs no credential, because it holds no secret and is believed by its seal alone. http:// only for a test audience.',
            }),
            every: Type.Optional(
              Type.String({
                pattern: '^[1-9][0-9]*[smh]$',
                description: 'How often it is asked for, 5s or more; 30s unless told.',
              }),
            ),
            cache: Type.Optional(
              path(
                'Folder of the last good policy, for a start without the server; `policy-cache` beside the ledger unless told. The keeper’s user must be able to write it.',
              ),
            ),
            ca: Type.Optional(
              path('The CA, PEM, that the server’s certificate is issued by, instead of the system’s.'),
            ),
          },
          strict,
        ),
      ],
      { description: 'What is allowed: a file, or a URL.' },
    ),
    gate: Gate,
    keeper: Keeper,
    ledger: Ledger,
    vault: Vault,
    witnesses: Type.Optional(Witnesses),
    users: Type.Optional(Users),
    log: Type.Optional(
      Type.Object(
        {
          level: Type.Optional(
            Type.Union(
              (['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const).map(level =>
                Type.Literal(level),
              ),
              { description: 'The least severe level that is written; info unless told.' },
            ),
          ),
        },
        { ...strict, description: 'Logs, as JSON lines on standard error.' },
      ),
    ),
    sandbox: Type.Optional(Sandbox),
  },
  {
    ...strict,
    $id: 'https://countersign.dev/schema/config.v1.json',
    title: 'Countersign sidecar configuration',
  },
)
export type Config = Static<typeof ConfigSchema>

/** The configuration's JSON Schema for editors: the very schema that it is checked with. */
export function configJsonSchema(): Record<string, unknown> {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    ...(JSON.parse(JSON.stringify(ConfigSchema)) as Record<string, unknown>),
  }
}
