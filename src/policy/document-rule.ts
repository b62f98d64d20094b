import type { Static } from 'typebox'
import { classNameOrAll, NAME, oneOrMany, strict, text } from './document-terms.js'
import { Type } from './schema-type.js'

/* The grammar of one rule: selectors, limits and the rest. */

const Classes = Type.Union([classNameOrAll, Type.Array(classNameOrAll, { minItems: 1 })], {
  description:
    'Classes. An allow must cover all classes of an operation; hold and deny match on any. "*" never means opaque or unknown, except in a deny.',
})

const ScopeValue = Type.Union([Type.String({ minLength: 1, maxLength: 400 }), Type.Integer(), Type.Boolean()])
const Scope = Type.Record(
  Type.String({ pattern: '^[A-Za-z0-9_.-]{1,64}$' }),
  Type.Union([ScopeValue, Type.Array(ScopeValue, { minItems: 1 })]),
  {
    ...strict,
    minProperties: 1,
    description:
      'What the catalog normalises: environment, project, account, region, livemode, path parameters. Keys AND, lists OR. Unknown at run time: an allow does not match, hold and deny do.',
  },
)

const ResourcePattern = Type.Union([
  Type.String({
    minLength: 1,
    maxLength: 1024,
    description: 'The id of a resource; * stands for any run of letters.',
  }),
  Type.Object(
    {
      type: text('Type of the resource, such as volume.'),
      id: Type.String({
        minLength: 1,
        maxLength: 1024,
        description: 'Its id; * stands for any run of letters.',
      }),
    },
    strict,
  ),
])
const Resources = Type.Union([ResourcePattern, Type.Array(ResourcePattern, { minItems: 1 })], {
  description:
    'Resources. An allow and a hold need all resources of the operation to match, a deny any. None known: an allow does not match, hold and deny do.',
})

const Operations = oneOrMany(
  'Operations by the API’s own words; * stands for any run of letters. An allow admits their base classes only.',
)
const Effect = oneOrMany('Equivalent effects that the catalog tags, such as refund.')

const Except = Type.Object(
  {
    operations: Type.Optional(Operations),
    class: Type.Optional(Classes),
    effect: Type.Optional(Effect),
    scope: Type.Optional(Scope),
    resources: Type.Optional(Resources),
  },
  {
    ...strict,
    minProperties: 1,
    description:
      'What the selector leaves out. In hold and deny it is read as narrowly as an allow, in an allow as widely as a deny.',
  },
)

const selectorKeys = {
  api: Type.Optional(oneOrMany('APIs of this policy, or "*" for all of them.')),
  operations: Type.Optional(Operations),
  class: Type.Optional(Classes),
  effect: Type.Optional(Effect),
  scope: Type.Optional(Scope),
  resources: Type.Optional(Resources),
  except: Type.Optional(Except),
}
const Selector = (description: string) => Type.Object(selectorKeys, { ...strict, description })
const PER = {
  pattern: '^(day|[1-9][0-9]{0,6}(s|m|h|d))$',
  description: 'The window: day (UTC), or a sliding duration such as 1h.',
}

const Budget = (whose: string) =>
  Type.Object(
    {
      count: Type.Integer({
        minimum: 1,
        maximum: 1e9,
        description: 'How many operations the window may see.',
      }),
      per: Type.String(PER),
    },
    {
      ...strict,
      description: `Bounds all that ${whose} may change together, whatever rules let it pass; plain reads don’t count.`,
    },
  )

/** As written in a policy:
 *
 *     limits:
 *       perAgent: { count: 500, per: day }
 *       perTask: { count: 50, per: 1h }
 */
export const Limits = Type.Object(
  { perAgent: Type.Optional(Budget('one agent')), perTask: Type.Optional(Budget('one task of one agent')) },
  {
    ...strict,
    minProperties: 1,
    description: 'Budgets of every agent and task, beside the limits of the rules.',
  },
)
export type LimitsSource = Static<typeof Limits>

export type SelectorSource = Static<ReturnType<typeof Selector>>

const Limit = Type.Object(
  {
    count: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1e9, description: 'How many operations the window may see.' }),
    ),
    sum: Type.Optional(
      Type.String({
        pattern: '^args(\\.[A-Za-z_][A-Za-z0-9_]*)+$',
        description:
          'Path of the amount that is added up, such as args.amount. An unknown amount is over the limit.',
      }),
    ),
    unit: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z]{1,16}$',
        description:
          'Unit of the sum. Where the operation has an argument `currency`, another currency counts as an unknown amount. Nothing is converted.',
      }),
    ),
    max: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1e15,
        description: 'Largest sum within the window, in the API’s own integers (cents).',
      }),
    ),
    per: Type.String(PER),
    over: Type.Optional(
      Type.Union([Type.Literal('deny'), Type.Literal('hold')], {
        description: 'What happens above it; deny unless told. hold needs `approvers`.',
      }),
    ),
  },
  {
    ...strict,
    description: 'Bounds what an agent may do with this rule; every limit that matches applies.',
  },
)

export const Rule = Type.Object(
  {
    id: Type.String({ pattern: NAME, description: 'Unique; receipts name it.' }),
    allow: Type.Optional(Selector('What is admitted.')),
    hold: Type.Optional(Selector('What waits for a person.')),
    deny: Type.Optional(Selector('What never passes; beats hold and allow.')),
    to: Type.Optional(
      oneOrMany('Agents. Required on allow and hold; a deny without it is for all. "*" means every agent.'),
    ),
    when: Type.Optional(
      text(
        'A CEL expression over agent, operation, args, resources, scope, probe, request, now. On an error an allow does not match, hold and deny do.',
        2000,
      ),
    ),
    probe: Type.Optional(
      text(
        'A probe of the API’s catalog, such as volume: the API is asked first, and `when` reads the answer as `probe`. Without an answer an allow does not match, hold and deny do.',
        128,
      ),
    ),
    during: Type.Optional(oneOrMany('Windows in which the rule holds.')),
    limit: Type.Optional(Limit),
    approvers: Type.Optional(oneOrMany('Approver groups; all of them must sign.')),
    because: Type.Optional(text('The reason, told to the agent: one sentence.', 300)),
  },
  strict,
)
export type RuleSource = Static<typeof Rule>

const Statement = Type.Object(
  {
    id: Type.Optional(
      Type.String({ pattern: NAME, description: 'Name of the statement; never-1, never-2, … unless told.' }),
    ),
    ...selectorKeys,
    to: Type.Optional(oneOrMany('Agents; all of them unless told. "*" means every agent.')),
    when: Type.Optional(
      text(
        'A CEL expression as in a rule; `environment` stands for agent.environment, and may be compared with a bare name. What can’t be decided counts as possible.',
        2000,
      ),
    ),
    without: Type.Optional(
      Type.Literal('approval', {
        description: 'Only what passes without a person breaks the statement; a hold doesn’t.',
      }),
    ),
    because: Type.Optional(text('The reason, for people.', 300)),
  },
  {
    ...strict,
    description:
      'What must never be able to happen. Read as widely as a deny. Proven over the whole catalog before sealing; it denies nothing by itself.',
  },
)
export type NeverSource = Static<typeof Statement>

export const Never = Type.Union([Statement, Type.Array(Statement, { minItems: 1 })], {
  description: 'Statements about what must never be able to happen; `seal` refuses a policy that breaks one.',
})

/** The grammar of a file of statements beside a policy. */
export const NeverFile = Type.Object({ never: Never }, strict)
export type NeverDocument = Static<typeof NeverFile>
