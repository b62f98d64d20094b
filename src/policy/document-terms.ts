import { OPERATION_CLASSES, type OperationClass } from '../protocol/index.js'
import { Type } from './schema-type.js'

/* Terms that the schema of a policy is written in. */

export const strict = { additionalProperties: false }
const DURATION = '^[1-9][0-9]{0,6}(s|m|h|d)$'
export const NAME = '^[a-z0-9][a-z0-9._-]{0,62}$'
/** An API's name is the first segment of its URLs on the sidecar. */
export const API_NAME = '^[a-z][a-z0-9-]{0,31}$'

export const text = (description: string, maxLength = 400) =>
  Type.String({ minLength: 1, maxLength, description })
export const duration = (description: string) => Type.String({ pattern: DURATION, description })
export const oneOrMany = (description: string) =>
  Type.Union(
    [
      Type.String({ minLength: 1, maxLength: 400 }),
      Type.Array(Type.String({ minLength: 1, maxLength: 400 }), { minItems: 1 }),
    ],
    { description },
  )

/** What each class means, for the editor's completion and hover. */
const CLASS_WORDS: Readonly<Record<OperationClass, string>> = {
  read: 'Looks something up; nothing secret comes back.',
  sensitive_read: 'Looks something up and returns secrets.',
  create: 'Makes something new.',
  update: 'Changes what is there.',
  destructive: 'Destroys something; it can be undone with effort.',
  irreversible: 'Can’t be undone: a delete for good, a message sent, money moved.',
  privilege: 'Changes who may do what: users, roles, keys, policies.',
  billing: 'Moves money, or changes what is paid.',
  opaque: 'Its effect is inside a payload that was not fully understood: shell, SQL, a patch.',
  unknown: 'The catalog does not have it.',
}

/** One of the classes, each with its meaning. */
export const className = Type.Unsafe<OperationClass>(
  Type.Union(OPERATION_CLASSES.map(name => Type.Literal(name, { description: CLASS_WORDS[name] }))),
)
export const classNameOrAll = Type.Unsafe<OperationClass | '*'>(
  Type.Union([
    ...OPERATION_CLASSES.map(name => Type.Literal(name, { description: CLASS_WORDS[name] })),
    Type.Literal('*', { description: 'Every class; never opaque and unknown, except in a deny or a never.' }),
  ]),
)
