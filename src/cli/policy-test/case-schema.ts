import type { Static } from 'typebox'
import { Type } from '../../policy/index.js'

/*
 * The grammar of test cases for a policy, in YAML: what is asked, and what must become of it. The command reads it, and
 * config/schema/cases.v1.json is generated from it.
 */

const strict = { additionalProperties: false }
const text = (description: string, maxLength = 400) => Type.String({ minLength: 1, maxLength, description })
const MAX_BODY = 1_048_576

const Request = Type.Object(
  {
    api: text('API of the policy.', 64),
    method: Type.String({ pattern: '^[A-Z]{1,32}$', description: 'GET, POST, …' }),
    target: text('Path and query as they are sent, the API’s prefix off.', 16_384),
    headers: Type.Optional(
      Type.Array(text('A header.', 8_192), {
        description: 'Lines such as "content-type: application/json".',
      }),
    ),
    body: Type.Optional(Type.String({ maxLength: MAX_BODY, description: 'The body as it is sent.' })),
  },
  {
    ...strict,
    description: 'A request in full.',
  },
)
export type RequestSource = Static<typeof Request>

const Expectations = ['allow', 'hold', 'deny', 'refused'] as const
export type Expectation = (typeof Expectations)[number]

const Scalar = Type.Union([Type.String({ maxLength: 400 }), Type.Integer(), Type.Boolean()])
const FactValue = Type.Union([
  Scalar,
  Type.Array(Scalar),
  Type.Record(Type.String({ maxLength: 400, pattern: '^' }), Scalar, strict),
])

const Case = Type.Object(
  {
    name: text('What the case shows, in a sentence.', 200),
    agent: Type.Optional(text('Agent that asks; the file’s, or the policy’s only one, unless told.', 64)),
    request: Type.Optional(
      Type.Union([text('A command line of curl.', MAX_BODY), Request], {
        description: 'A command line of curl in the flags that it is read in, or the request in full.',
      }),
    ),
    recorded: Type.Optional(
      text('Instead of `request`: a file of requests, one a line, as `policy explain --requests` reads it.'),
    ),
    task: Type.Optional(text('Task of the grant; `test` unless told.', 200)),
    owner: Type.Optional(text('Owner of the grant; nobody unless told.', 200)),
    now: Type.Optional(
      text('Time of the request in UTC; the file’s, or the time of the run, unless told.', 40),
    ),
    usage: Type.Optional(
      Type.Record(Type.String({ pattern: '^[a-z0-9][a-z0-9._-]{0,62}$' }), Type.Integer({ minimum: 0 }), {
        ...strict,
        description: 'What the agent has used up of a rule’s limit, by the rule’s id; nothing unless told.',
      }),
    ),
    probe: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9:._-]{0,127}$' }),
        Type.Union([
          Type.Literal('unanswered', { description: 'The API can’t be asked.' }),
          Type.Record(Type.String({ pattern: '^[A-Za-z][A-Za-z0-9]{0,63}$' }), FactValue, {
            ...strict,
            description: 'Facts by name; docs/policy.md lists them.',
          }),
        ]),
        {
          ...strict,
          description:
            'What the API answers to each probe, about every resource; a probe that isn’t named can’t be asked.',
        },
      ),
    ),
    expect: Type.Unsafe<Expectation>(
      Type.Union(
        Expectations.map(each => Type.Literal(each)),
        { description: 'What must become of it; `refused` is what a gate refuses before any rule is asked.' },
      ),
    ),
    rule: Type.Optional(text('Id of the rule that must decide.', 64)),
    code: Type.Optional(text('Code of the decision or of the refusal.', 64)),
    operations: Type.Optional(
      Type.Array(text('A name.', 400), { description: 'Names of all operations, in their order.' }),
    ),
  },
  { ...strict, description: 'One case.' },
)
export type CaseSource = Static<typeof Case>

export const CaseFileSchema = Type.Object(
  {
    apiVersion: Type.Literal('countersign.dev/v1', { description: 'Version of this grammar.' }),
    kind: Type.Literal('PolicyCases', { description: 'What this file is.' }),
    policy: Type.Optional(
      text('The policy that is tested, relative to this file; --policy stands above it.', 1024),
    ),
    agent: Type.Optional(text('Agent that asks, unless a case says another.', 64)),
    now: Type.Optional(text('Time of every case that says none, in UTC.', 40)),
    cases: Type.Array(Case, { minItems: 1, description: 'The cases.' }),
  },
  {
    ...strict,
    $id: 'https://countersign.dev/schema/cases.v1.json',
    title: 'Countersign policy cases',
    description: 'Requests, and what a policy must make of them.',
  },
)
export type CaseFile = Static<typeof CaseFileSchema>

/** The JSON Schema (2020-12) of a file of cases, for editors; config/schema/cases.v1.json holds it. */
export function casesJsonSchema(): Record<string, unknown> {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    ...(JSON.parse(JSON.stringify(CaseFileSchema)) as Record<string, unknown>),
  }
}
