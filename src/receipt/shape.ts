/** Checks one value and names the first place that is wrong (`.req.method`), or returns undefined. */
export type Shape = (value: unknown) => string | undefined

const here = ''
const HEX_32 = /^[0-9a-f]{64}$/

export const text: Shape = value => (typeof value === 'string' && value.isWellFormed() ? undefined : here)

/** An integer from 0 to 2^53 − 1. */
export const count: Shape = value =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? undefined : here

/** 32 bytes in lower-case hexadecimal. */
export const hex32: Shape = value => (typeof value === 'string' && HEX_32.test(value) ? undefined : here)

export function exactly(...allowed: readonly (string | number)[]): Shape {
  return value => (allowed.includes(value as string) ? undefined : here)
}

export function matching(pattern: RegExp): Shape {
  return value => (typeof value === 'string' && pattern.test(value) ? undefined : here)
}

export function nullable(shape: Shape): Shape {
  return value => (value === null ? undefined : shape(value))
}

export function list(shape: Shape): Shape {
  return value => {
    if (!Array.isArray(value)) return here
    for (let i = 0; i < value.length; i++) {
      const wrong = shape(value[i])
      if (wrong !== undefined) return `[${i}]${wrong}`
    }
    return undefined
  }
}

/** Any member names, all with values of one shape. */
export function mapOf(shape: Shape): Shape {
  return value => {
    if (!isObject(value)) return here
    for (const key of Object.keys(value)) {
      const wrong = text(key) ?? shape(value[key])
      if (wrong !== undefined) return `.${key}${wrong}`
    }
    return undefined
  }
}

/** Exactly these members: all of `required`, any of `optional`, nothing else. A member that is undefined is absent. */
export function object(
  required: Readonly<Record<string, Shape>>,
  optional: Readonly<Record<string, Shape>> = {},
): Shape {
  const shapes = new Map([...Object.entries(required), ...Object.entries(optional)])
  const names = Object.keys(required)
  return value => {
    if (!isObject(value)) return here
    let found = 0
    for (const key of Object.keys(value)) {
      const member = value[key]
      if (member === undefined && !Object.hasOwn(required, key)) continue
      const shape = shapes.get(key)
      if (shape === undefined) return '.(unknown member)'
      const wrong = shape(member)
      if (wrong !== undefined) return `.${key}${wrong}`
      if (Object.hasOwn(required, key)) found++
    }
    return found === names.length ? undefined : `.${names.find(name => !Object.hasOwn(value, name))}`
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
