import { type JsonObject, type JsonValue, parseStrictJson } from '../canon/index.js'
import { arnMatches, nameMatches, type Pattern, patternOf } from './aws-pattern.js'
import { AwsRefusal } from './aws-refusal.js'

/*
 * Identity-based and session policies, evaluated as IAM does.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */

/** STS refuses a longer session policy. */
export const MAX_SESSION_POLICY_CHARACTERS = 2048

export interface PolicyDocument {
  readonly statements: readonly Statement[]
}

interface Statement {
  readonly effect: 'Allow' | 'Deny'
  readonly actions: Selection
  readonly resources: Selection
  readonly conditions: readonly Condition[]
}

/** `Action` or `NotAction`, `Resource` or `NotResource`. */
interface Selection {
  readonly patterns: readonly Pattern[]
  readonly negated: boolean
}

interface Condition {
  readonly operator: ConditionOperator
  readonly key: string
  readonly values: readonly string[]
  readonly patterns: readonly Pattern[]
}

/** What is asked for: one action on one resource. */
export interface Access {
  /** `rds:DeleteDBInstance` */
  readonly action: string
  /** An ARN, or `*` where the action knows no resource. */
  readonly resource: string
  /** Condition keys, in lower case, with the values that the request has for them. */
  readonly context: Readonly<Record<string, string>>
}

/** `implicit`: nothing allows it. `explicit`: a statement denies it. */
export type Verdict = 'allowed' | 'implicit' | 'explicit'

const CONDITION_OPERATORS = ['StringEquals', 'StringNotEquals', 'StringLike', 'StringNotLike'] as const
type ConditionOperator = (typeof CONDITION_OPERATORS)[number]

/** A Deny that matches wins; otherwise an Allow has to match. */
export function evaluate(policy: PolicyDocument, access: Access): Verdict {
  const matching = policy.statements.filter(statement => applies(statement, access))
  if (matching.some(statement => statement.effect === 'Deny')) return 'explicit'
  return matching.length > 0 ? 'allowed' : 'implicit'
}

/**
 * Reads a policy of the IAM grammar without principals. Throws `AwsRefusal` (`MalformedPolicyDocument`) for what the
 * grammar doesn't allow, and for condition operators that this stand-in doesn't know: it would have to guess.
 */
export function parsePolicy(text: string): PolicyDocument {
  const document = objectOf(jsonOf(text), 'Syntax errors in policy.')
  onlyMembers(document, ['Version', 'Id', 'Statement'])
  const { Version: version = '2008-10-17', Statement: body } = document
  if (version !== '2012-10-17' && version !== '2008-10-17') throw malformed('Syntax errors in policy.')
  const statements = Array.isArray(body) ? body : [body]
  return { statements: statements.map(each => statementOf(each, version === '2012-10-17')) }
}

function statementOf(value: JsonValue | undefined, variables: boolean): Statement {
  const statement = objectOf(value, 'Syntax errors in policy.')
  onlyMembers(statement, ['Sid', 'Effect', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition'])
  const { Sid: sid = '', Effect: effect } = statement
  if (typeof sid !== 'string' || !/^[A-Za-z0-9]*$/.test(sid))
    throw malformed('Statement IDs (SID) must be alpha-numeric.')
  if (effect !== 'Allow' && effect !== 'Deny') throw malformed('Syntax errors in policy.')
  return {
    effect,
    actions: selectionOf(statement, 'Action', text => {
      if (text !== '*' && !/^[a-z0-9-]+:[A-Za-z0-9*?]+$/i.test(text))
        throw malformed('Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.')
      return patternOf(text.toLowerCase(), false)
    }),
    resources: selectionOf(statement, 'Resource', text => {
      if (text !== '*' && !/^arn:[^:]+:[^:]+:/.test(text))
        throw malformed(`Resource ${text.slice(0, 80)} must be in ARN format or "*".`)
      return patternOf(text, variables)
    }),
    conditions: conditionsOf(statement.Condition, variables),
  }
}

function selectionOf(
  statement: JsonObject,
  name: 'Action' | 'Resource',
  parse: (text: string) => Pattern,
): Selection {
  const positive = statement[name]
  const negative = statement[`Not${name}`]
  if ((positive === undefined) === (negative === undefined))
    throw malformed(`Policy statement must contain ${name.toLowerCase()}s.`)
  return { patterns: textsOf(positive ?? negative).map(parse), negated: negative !== undefined }
}

function conditionsOf(value: JsonValue | undefined, variables: boolean): Condition[] {
  if (value === undefined) return []
  return Object.entries(objectOf(value, 'Syntax errors in policy.')).flatMap(([name, keys]) => {
    const operator = CONDITION_OPERATORS.find(each => each === name)
    if (operator === undefined) throw malformed(`This stand-in knows no condition ${name.slice(0, 80)}.`)
    return Object.entries(objectOf(keys, 'Syntax errors in policy.')).map(([key, values]) => ({
      operator,
      key: key.toLowerCase(),
      values: textsOf(values),
      patterns: textsOf(values).map(text => patternOf(text, variables)),
    }))
  })
}

function applies(statement: Statement, access: Access): boolean {
  return (
    selects(statement.actions, pattern => nameMatches(pattern, access.action.toLowerCase())) &&
    selects(statement.resources, pattern => arnMatches(pattern, access.resource)) &&
    statement.conditions.every(condition => holds(condition, access.context[condition.key]))
  )
}

function selects({ patterns, negated }: Selection, matches: (pattern: Pattern) => boolean): boolean {
  return patterns.some(matches) !== negated
}

/** A key that the request doesn't have fails a positive condition and passes a negative one, as in IAM. */
function holds({ operator, values, patterns }: Condition, actual: string | undefined): boolean {
  switch (operator) {
    case 'StringEquals':
      return actual !== undefined && values.includes(actual)
    case 'StringNotEquals':
      return actual === undefined || !values.includes(actual)
    case 'StringLike':
      return actual !== undefined && patterns.some(pattern => nameMatches(pattern, actual))
    case 'StringNotLike':
      return actual === undefined || !patterns.some(pattern => nameMatches(pattern, actual))
  }
}

function jsonOf(text: string): JsonValue {
  try {
    return parseStrictJson(text)
  } catch {
    throw malformed('This policy contains invalid Json')
  }
}

function objectOf(value: JsonValue | undefined, otherwise: string): JsonObject {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw malformed(otherwise)
  return value
}

function textsOf(value: JsonValue | undefined): string[] {
  const values = Array.isArray(value) ? value : [value]
  if (values.length === 0 || !values.every(each => typeof each === 'string'))
    throw malformed('Syntax errors in policy.')
  return values as string[]
}

function onlyMembers(object: JsonObject, known: readonly string[]): void {
  if (Object.keys(object).some(name => !known.includes(name))) throw malformed('Syntax errors in policy.')
}

function malformed(message: string): AwsRefusal {
  return new AwsRefusal('MalformedPolicyDocument', message)
}
