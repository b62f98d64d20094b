import type { JsonObject, JsonValue } from '../../canon/index.js'
import type { ArgumentType } from '../catalog.js'
import { type AnswerPath, isThere, type Subject, valuesAtPath } from './answer-path.js'
import type { FactSource, ProbeRecipe, ProbeSpec, ProbeStep } from './spec.js'

/** Answers of each step, in the order of its requests. */
export type ProbeAnswers = readonly (readonly JsonValue[])[]

/** Why an answer is none. */
export type AnswerFlaw = 'not_found' | 'partial' | 'malformed'

/** Bounds on what becomes a fact: it is shown to people and written down. */
const MAX_VALUES = 200
const MAX_LETTERS = 400

/** Holds one answer against what its step expects; null where it is whole. */
export function flawIn(answer: JsonValue, step: ProbeStep, subject: Subject): AnswerFlaw | null {
  const more = (path: AnswerPath): boolean =>
    valuesAtPath(answer, path, subject).some(value => ![null, false, '', 'false'].includes(value as null))
  if (step.partial.some(more)) return 'partial'
  return step.there.every(path => isThere(answer, path, subject)) ? null : 'not_found'
}

/** The facts in whole answers; a flaw where a value is missing, ambiguous or not of its type. */
export function factsOf(
  spec: ProbeSpec,
  recipe: ProbeRecipe,
  answers: ProbeAnswers,
  subject: Subject,
): JsonObject | AnswerFlaw {
  const facts: Record<string, JsonValue> = {}
  for (const [name, source] of Object.entries(recipe.facts)) {
    const type = spec.facts[name] as ArgumentType
    const fact = factOf(source, type, answers[source.step] ?? [], subject)
    if (fact === 'malformed' || fact === 'partial') return fact
    if (fact === undefined && !source.optional) return 'malformed'
    if (fact !== undefined) facts[name] = fact.value
  }
  return facts
}

type Fact = { readonly value: JsonValue } | undefined | 'malformed' | 'partial'

function factOf(
  source: FactSource,
  type: ArgumentType,
  answers: readonly JsonValue[],
  subject: Subject,
): Fact {
  const values = answers.flatMap(answer => valuesOf(answer, source, subject))
  if (values.length > MAX_VALUES) return 'partial'
  const inner =
    typeof type === 'object' ? ('list' in type ? type.list : 'map' in type ? type.map : 'any') : type
  switch (source.as) {
    case 'some':
      return { value: values.length > 0 }
    case 'one': {
      const distinct = [...new Set(values)]
      if (distinct.length === 0) return undefined
      return distinct.length > 1 ? 'malformed' : typed(distinct[0] as JsonValue, inner)
    }
    case 'list': {
      return listOf(values.map(value => typed(value, inner)))
    }
    case 'newest': {
      const times = values.map(timeOf)
      if (times.some(Number.isNaN)) return 'malformed'
      const newest = new Date(Math.max(...times))
      if (times.length === 0) return undefined
      return Number.isNaN(newest.getTime()) ? 'malformed' : { value: newest.toISOString() }
    }
    case 'map':
      return mapOf(values, inner)
  }
}

/** A text, or seconds since 1970 as AWS's JSON has them. */
function timeOf(value: JsonValue): number {
  if (typeof value === 'number') return value * 1_000
  return typeof value === 'string' ? Date.parse(value) : Number.NaN
}

/** AWS's tags: `{ Key, Value }`, in lower case in some of its services. */
function mapOf(values: readonly JsonValue[], inner: ArgumentType): Fact {
  const map: Record<string, JsonValue> = Object.create(null)
  for (const entry of values) {
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return 'malformed'
    const [key, value] = [entry.Key ?? entry.key, typed(entry.Value ?? entry.value ?? '', inner)]
    if (typeof key !== 'string' || key.length > MAX_LETTERS || Object.hasOwn(map, key)) return 'malformed'
    if (typeof value !== 'object') return value
    map[key] = value.value
  }
  return { value: { ...map } }
}

function listOf(facts: readonly Fact[]): Fact {
  const values = facts.flatMap(each => (typeof each === 'object' ? [each.value] : []))
  return values.length < facts.length ? 'malformed' : { value: values }
}

/** Null is no value; `or` stands for it where it is as long. */
function valuesOf(answer: JsonValue, { path, or }: FactSource, subject: Subject): readonly JsonValue[] {
  const values = valuesAtPath(answer, path, subject)
  const instead = or === undefined ? [] : valuesAtPath(answer, or, subject)
  return values.flatMap((value, index) => {
    const taken = value ?? (instead.length === values.length ? (instead[index] as JsonValue) : null)
    return taken === null ? [] : [taken]
  })
}

/** XML has texts only: a number or a truth in its canonical form counts as one. */
function typed(value: JsonValue, type: ArgumentType): Fact {
  switch (type) {
    case 'string':
      return typeof value === 'string' && value.length <= MAX_LETTERS && value.isWellFormed()
        ? { value }
        : 'malformed'
    case 'bool':
      if (value === 'true' || value === 'false') return { value: value === 'true' }
      return typeof value === 'boolean' ? { value } : 'malformed'
    case 'int': {
      const number =
        typeof value === 'string' && /^(0|-?[1-9][0-9]{0,15})$/.test(value) ? Number(value) : value
      return Number.isSafeInteger(number) ? { value: number } : 'malformed'
    }
    default:
      return 'malformed'
  }
}
