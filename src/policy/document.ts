import type { Static } from 'typebox'
import { Limits, Never, Rule } from './document-rule.js'
import { API_NAME, className, duration, NAME, oneOrMany, strict, text } from './document-terms.js'
import { EvidenceSource } from './evidence.js'
import { Type } from './schema-type.js'
import { AWS_REGION, ROLE_ARN } from './sts-endpoint.js'

/*
 * The grammar of a policy: one schema, from which the JSON Schema for editors is generated, which the parser
 * checks, and whose types the compiler reads. Every key carries its description.
 */

const ArgTypeName = Type.Union([
  Type.Literal('string'),
  Type.Literal('int'),
  Type.Literal('double'),
  Type.Literal('bool'),
])

const Route = Type.Object(
  {
    route: Type.String({
      pattern: '^(GET|HEAD|POST|PUT|PATCH|DELETE) /[^\\s]*$',
      maxLength: 400,
      description: 'Method and template: GET /invoices/{id}; {path+} takes the rest of the path.',
    }),
    class: Type.Union([className, Type.Array(className, { minItems: 1 })], {
      description: 'What the route does.',
    }),
    effect: Type.Optional(oneOrMany('Tags that rules can name.')),
    args: Type.Optional(
      Type.Record(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,63}$' }), ArgTypeName, {
        ...strict,
        description: 'Types of query and body members that `when` and `limit` use.',
      }),
    ),
    resources: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_-]{0,63}$' }),
        oneOrMany('Path of the member that holds the id, such as lines[].invoice.'),
        { ...strict, description: 'What query and body name by type, beside what the path names.' },
      ),
    ),
    body: Type.Optional(
      Type.Union(
        [
          Type.Literal('none'),
          Type.Literal('stream'),
          Type.Array(Type.Union([Type.Literal('form'), Type.Literal('json'), Type.Literal('multipart')]), {
            minItems: 1,
          }),
        ],
        {
          description:
            'Kinds of body that are read for the decision; [json, form] for POST, PUT and PATCH unless told. `stream` passes any body on unread, whatever its size: nothing in it can then be decided on.',
        },
      ),
    ),
  },
  strict,
)
export type RouteSource = Static<typeof Route>

/** Own operations of AWS services: an API's words for what its catalog doesn't have yet. */
const AwsOperation = Type.Object(
  {
    operation: Type.String({
      pattern: '^[a-z0-9-]{1,64}:[A-Za-z][A-Za-z0-9]{0,127}$',
      description: 'Service and operation, as in ec2:CreateThing.',
    }),
    http: Type.Optional(
      Type.String({
        pattern: '^(GET|HEAD|POST|PUT|PATCH|DELETE) /[^\\s]*$',
        maxLength: 400,
        description:
          'Method and path, such as POST /2027-01-01/things/{ThingName}; for services that are called by path. Others are called by the operation’s name.',
      }),
    ),
    class: Type.Union([className, Type.Array(className, { minItems: 1 })], {
      description: 'What the operation does.',
    }),
  },
  strict,
)

/** `ec2.eu-west-1`; `*` for all that aren’t named. */
const AwsEndpointLabel = '^(\\*|[a-z0-9.-]{1,96})$'

const Api = Type.Object(
  {
    catalog: Type.Optional(text('Name of a shipped catalog: aws, railway, stripe.', 64)),
    routes: Type.Optional(
      Type.Array(Route, { minItems: 1, description: 'The routes of an API of your own.' }),
    ),
    openapi: Type.Optional(text('An OpenAPI 3 description in JSON or YAML, relative to the policy.', 1024)),
    graphql: Type.Optional(
      Type.Object(
        {
          path: Type.String({ pattern: '^/[^\\s?#]*$', description: 'Path of the endpoint.' }),
          schema: text('The schema in SDL, relative to the policy.', 1024),
        },
        { ...strict, description: 'A GraphQL API of your own.' },
      ),
    ),
    upstream: Type.Optional(
      text('Origin that requests go to. Required for an API of your own; otherwise the catalog’s.', 400),
    ),
    origins: Type.Optional(
      Type.Record(Type.String({ pattern: '^[a-z][a-z0-9.-]{0,95}$' }), text('An origin.', 400), {
        ...strict,
        description:
          'Further origins by the catalog’s label, such as files for Stripe uploads, or ec2.eu-west-1 for a VPC endpoint of AWS.',
      }),
    ),
    private: Type.Optional(
      Type.Boolean({
        description:
          'The upstream may have a private, loopback or link-local address. True by itself for such an address and for names under .internal, .local, .localhost, .svc or without a dot.',
      }),
    ),
    credential: Type.Optional(text('Name under `credentials`; absent where the API asks for none.', 64)),
    probes: Type.Optional(
      Type.Object(
        {
          credential: text('Name under `credentials`: one of its own, that may only read.', 64),
          given: Type.Optional(
            Type.Record(Type.String({ pattern: '^[A-Za-z][A-Za-z0-9]{0,63}$' }), text('Its value.'), {
              ...strict,
              description: 'What probes want to be told, such as the project of a Railway volume.',
            }),
          ),
        },
        {
          ...strict,
          description: 'What rules with a `probe` ask this API with, before anything is decided.',
        },
      ),
    ),
    awaitMark: Type.Optional(
      Type.Boolean({ description: 'Answer only after the high-water mark has followed the receipt.' }),
    ),
    services: Type.Optional(
      Type.Array(Type.String({ pattern: '^[a-z0-9-]{1,64}$' }), {
        minItems: 1,
        description: 'AWS services that may be called.',
      }),
    ),
    regions: Type.Optional(
      Type.Array(Type.String({ pattern: '^[a-z0-9-]{1,32}$' }), {
        minItems: 1,
        description: 'AWS regions that may be called.',
      }),
    ),
    operations: Type.Optional(
      Type.Array(AwsOperation, {
        minItems: 1,
        description: 'Operations of AWS services that are newer than the catalog.',
      }),
    ),
    insecureTestEndpoints: Type.Optional(
      Type.Record(Type.String({ pattern: AwsEndpointLabel }), text('An origin.', 400), {
        ...strict,
        description:
          'Stand-ins for AWS by service and region, or "*" for all. For tests: only a test audience may load a policy with it.',
      }),
    ),
  },
  strict,
)
export type ApiSource = Static<typeof Api>

const Credential = Type.Union(
  [
    Type.Object(
      {
        minter: Type.Literal('jwt', { description: 'A self-signed access token (RFC 9068).' }),
        audience: text('`aud` of the token.'),
        ttl: Type.Optional(duration('At most 60s, which is the default.')),
        alg: Type.Optional(
          Type.Union([Type.Literal('ES256'), Type.Literal('Ed25519')], {
            description: 'Ed25519 unless told.',
          }),
        ),
      },
      strict,
    ),
    Type.Object(
      {
        minter: Type.Literal('railway-project-token', {
          description: 'A project token for one environment.',
        }),
        project: text('Railway project id.'),
        environment: text('Railway environment id.'),
        ttl: Type.Optional(duration('How long a token is used before it is deleted; 15m unless told.')),
      },
      strict,
    ),
    Type.Object(
      {
        minter: Type.Literal('stripe-restricted-key', {
          description: 'The narrowest of the restricted keys in the vault.',
        }),
        livemode: Type.Boolean({ description: 'Whether live keys may be used.' }),
      },
      strict,
    ),
    Type.Object(
      {
        minter: Type.Literal('github-app', { description: 'An installation token.' }),
        app: Type.Union([Type.Integer(), text('App id.')], { description: 'App id.' }),
        installation: Type.Union([Type.Integer(), text('Installation id.')], {
          description: 'Installation id.',
        }),
        repositories: Type.Optional(
          Type.Array(text('A repository.'), { minItems: 1, description: 'Repositories it is narrowed to.' }),
        ),
      },
      strict,
    ),
    Type.Object(
      {
        minter: Type.Literal('oauth2', { description: 'Client credentials.' }),
        tokenUrl: Type.String({ pattern: '^https?://', description: 'Token endpoint.' }),
        clientId: text('Client id.'),
        scopes: Type.Optional(Type.Array(text('A scope.'), { description: 'Scopes asked for.' })),
        audience: Type.Optional(text('Audience asked for.')),
      },
      strict,
    ),
    Type.Object(
      {
        minter: Type.Literal('static', { description: 'A fixed secret in a header; the last resort.' }),
        header: Type.Optional(
          Type.String({
            pattern: '^[A-Za-z0-9-]{1,64}$',
            description: 'Name of the header; authorization unless told.',
          }),
        ),
        prefix: Type.Optional(
          Type.String({
            maxLength: 32,
            description: 'Before the secret; "Bearer " for authorization, else nothing.',
          }),
        ),
      },
      strict,
    ),
    Type.Object(
      {
        minter: Type.Literal('aws-sts', { description: 'AssumeRole with a session policy.' }),
        role: Type.String({
          pattern: ROLE_ARN,
          description: 'ARN of the role.',
        }),
        region: Type.String({ pattern: AWS_REGION, description: 'Region whose STS is asked.' }),
        insecureTestEndpoint: Type.Optional(
          Type.String({
            pattern: '^http://(127\\.0\\.0\\.1|\\[::1\\]|localhost):[0-9]{1,5}$',
            description:
              'For tests: a stand-in for STS on loopback. Only a test audience loads such a policy.',
          }),
        ),
      },
      strict,
    ),
  ],
  { description: 'What a credential’s name means; sealed, so that configuration can’t re-point it.' },
)
export type CredentialSource = Static<typeof Credential>

const FactValue = Type.Union([
  Type.String({ maxLength: 400 }),
  Type.Integer(),
  Type.Boolean(),
  Type.Array(Type.String({ maxLength: 400 })),
])

const Agent = Type.Object(
  {
    environment: text('Environment that grants of this agent are for.', 64),
    session: Type.Optional(duration('How long a grant may be renewed; 8h unless told.')),
    identity: Type.Optional(
      Type.Array(
        Type.Union([
          Type.Object(
            { grant: Type.Literal(true, { description: 'A grant issued by this sidecar.' }) },
            strict,
          ),
          Type.Object({ issuer: text('`iss` of the token.'), subject: text('`sub` of the token.') }, strict),
        ]),
        { minItems: 1, description: 'How the agent proves itself; a grant of this sidecar unless told.' },
      ),
    ),
    mode: Type.Optional(
      Type.Union([Type.Literal('enforce'), Type.Literal('observe')], {
        description:
          'enforce unless told. observe: until `until`, what no rule reaches passes up to the class update, and says so everywhere; every deny, hold and limit, and everything above update, is enforced.',
      }),
    ),
    until: Type.Optional(
      text('When observing ends, in UTC: at most 14 days after sealing and after activation.', 40),
    ),
    facts: Type.Optional(
      Type.Record(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,63}$' }), FactValue, {
        ...strict,
        description: 'Free facts that `when` reads as agent.facts.',
      }),
    ),
  },
  strict,
)

const Passkey = Type.Object(
  {
    credential: text('Id of the credential in base64url.', 1_400),
    key: text('Its public key: `es256:…` or `ed25519:…`.', 200),
    rpId: text('Host of the console that it signs for: `localhost`, or one behind https.', 253),
    origins: Type.Optional(
      Type.Array(text('`http://localhost:8467`, `https://console.example.org`.', 300), {
        minItems: 1,
        maxItems: 8,
        description: 'Pages that may ask it, each by its exact origin; has to be said for localhost.',
      }),
    ),
  },
  { ...strict, description: 'A WebAuthn credential, in the line that `countersign console` shows.' },
)

const Approvers = Type.Object(
  {
    keys: Type.Record(
      Type.String({ pattern: NAME }),
      Type.Union([Type.String({ minLength: 1, maxLength: 200 }), Type.Object({ passkey: Passkey }, strict)]),
      { ...strict, minProperties: 1, description: 'Approver → `ed25519:…`, or a passkey.' },
    ),
    threshold: Type.Optional(Type.Integer({ minimum: 1, description: 'How many must sign; 1 unless told.' })),
    expires: Type.Optional(duration('How long an approval waits and lasts; 30m unless told.')),
  },
  strict,
)

const CLOCK = '^([01][0-9]|2[0-3]):[0-5][0-9]$'
const Window = Type.Object(
  {
    from: Type.String({ pattern: CLOCK, description: 'Start, HH:MM, included.' }),
    to: Type.String({
      pattern: CLOCK,
      description: 'End, HH:MM, excluded; before `from` it is on the next day.',
    }),
    zone: text('IANA time zone, such as Europe/Berlin.', 64),
  },
  strict,
)

export const PolicySchema = Type.Object(
  {
    apiVersion: Type.Literal('countersign.dev/v1', { description: 'Version of this grammar.' }),
    kind: Type.Literal('RoutePolicy', { description: 'What this file is.' }),
    metadata: Type.Object(
      {
        name: Type.String({ pattern: NAME, description: 'Name of the policy.' }),
        version: Type.Integer({
          minimum: 1,
          maximum: 2 ** 31,
          description: 'May only grow: an older version is refused.',
        }),
        expires: Type.String({ description: 'RFC 3339 in UTC; from then on everything is denied.' }),
        audience: Type.Array(Type.String({ pattern: NAME }), {
          minItems: 1,
          description: 'Deployments that may load it.',
        }),
        description: Type.Optional(text('For people.', 2000)),
      },
      { ...strict, description: 'Which policy this is, for whom and until when.' },
    ),
    apis: Type.Record(Type.String({ pattern: API_NAME }), Api, {
      ...strict,
      minProperties: 1,
      description: 'The APIs that agents may reach; the name is their path prefix.',
    }),
    credentials: Type.Optional(
      Type.Record(Type.String({ pattern: NAME }), Credential, {
        ...strict,
        description: 'What is presented to the upstreams, and how it is made.',
      }),
    ),
    agents: Type.Record(Type.String({ pattern: NAME }), Agent, {
      ...strict,
      minProperties: 1,
      description: 'Who may ask.',
    }),
    approvers: Type.Optional(
      Type.Record(Type.String({ pattern: NAME }), Approvers, { ...strict, description: 'Who may approve.' }),
    ),
    windows: Type.Optional(
      Type.Record(Type.String({ pattern: NAME }), Window, {
        ...strict,
        description: 'Times of day for `during`.',
      }),
    ),
    rules: Type.Array(Rule, { description: 'What may be done. Their order never matters.' }),
    never: Type.Optional(Never),
    limits: Type.Optional(Limits),
    evidence: Type.Optional(EvidenceSource),
  },
  {
    ...strict,
    $id: 'https://countersign.dev/schema/policy.v1.json',
    title: 'Countersign route policy',
    description:
      'What agents may do with which APIs. Deny beats hold beats allow; what nothing allows is denied.',
  },
)
export type PolicyDocument = Static<typeof PolicySchema>

/** The JSON Schema (2020-12) of a policy, for editors; config/schema/policy.v1.json holds it. */
export function policyJsonSchema(): Record<string, unknown> {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    ...(JSON.parse(JSON.stringify(PolicySchema)) as Record<string, unknown>),
  }
}
