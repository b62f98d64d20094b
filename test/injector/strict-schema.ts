import * as models from '@kubernetes/client-node'

interface Attribute {
  readonly baseName: string
  readonly type: string
}

type Model = { getAttributeTypeMap(): readonly Attribute[] }
const MODELS = models as unknown as Readonly<Record<string, Model | undefined>>

/** Everything in a value that a model of Kubernetes' own client doesn't have, or has with another type. */
export function strangersOf(value: unknown, type: string, at = type): readonly string[] {
  if (value === null || value === undefined) return []
  const [, item] = /^Array<(.+)>$/.exec(type) ?? []
  if (item !== undefined)
    return Array.isArray(value)
      ? value.flatMap((each, i) => strangersOf(each, item, `${at}[${i}]`))
      : [`${at} is no list`]
  const [, member] = /^\{ \[key: string\]: (.+); \}$/.exec(type) ?? []
  if (member !== undefined)
    return Object.entries(value).flatMap(([key, each]) => strangersOf(each, member, `${at}.${key}`))
  switch (type) {
    case 'string':
    case 'number':
    case 'boolean':
      return typeof value === type ? [] : [`${at} is no ${type}`]
    case 'IntOrString':
      return ['string', 'number'].includes(typeof value) ? [] : [`${at} is neither text nor number`]
    case 'any':
    case 'object':
    case 'Date':
    case 'V1MicroTime':
      return []
  }
  const model = MODELS[type]
  if (model === undefined) return [`${at}: no model ${type}`]
  const known = new Map(model.getAttributeTypeMap().map(each => [each.baseName, each.type]))
  return Object.entries(value).flatMap(([key, each]) => {
    const of = known.get(key)
    return of === undefined ? [`${at}.${key} is unknown`] : strangersOf(each, of, `${at}.${key}`)
  })
}
