import Type from 'typebox'

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
