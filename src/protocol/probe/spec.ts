import { readArgumentType } from '../argument-type.js'
import type { ArgumentType } from '../catalog.js'
import {
  malformed,
  readList,
  readMap,
  readMembers,
  readObject,
  readOneOf,
  readText,
} from '../document-shape.js'
import { type AnswerPath, compileAnswerPath } from './answer-path.js'

/**
 * A question that the keeper may ask an API about a resource before it decides what may be done to it. Data of a
 * catalog, so that a sealed policy pins what is asked and what is made of the answers:
 *
 *     "volume": { "given": ["project"], "facts": { "environments": { "list": "string" }, … },
 *                 "about": { "volume": { "steps": […], "facts": { "environments": {…} } } } }
 */
export interface ProbeSpec {
  readonly name: string
  /** What the policy has to say beside, by name: a project that the API wants named. */
  readonly given: readonly string[]
  /** Types of its facts, as conditions see them. One may be missing where `optional` says so, and is asked for with `has`. */
  readonly facts: Readonly<Record<string, ArgumentType>>
  /** How it is asked, by the type of the resource. */
  readonly about: ReadonlyMap<string, ProbeRecipe>
}

/** What is sent about one resource, step by step, and where its facts are in the answers. */
export interface ProbeRecipe {
  readonly steps: readonly ProbeStep[]
  readonly facts: Readonly<Record<string, FactSource>>
}

/** Requests for one operation: one, or one for each value of an earlier answer. */
export interface ProbeStep {
  /** The one operation that its request is recognised as. INVARIANT: it only reads; see `writeAsk`. */
  readonly operation: string
  /** The document, where the API speaks GraphQL; `args` are its variables then. */
  readonly query?: string
  readonly args: Readonly<Record<string, ArgumentSource>>
  /** Values of an earlier step's answers; absent where one request does. */
  readonly each?: AnswerPlace
  /**
   * Something has to be at each of these. ATTACK: a resource that the answer doesn't hold has no
   * environments, and all of none are the agent's own.
   */
  readonly there: readonly AnswerPath[]
  /** A value at one of these that is there, not false and not empty says that the answer is a part of the whole. */
  readonly partial: readonly AnswerPath[]
  /** Statuses that say "there is none of it": an empty answer. */
  readonly none: readonly number[]
}

/** Where an argument comes from: the resource's id, its last part (`arn:…:db:orders` → `orders`), the policy, the step's own value, or the catalog; alone, or within lists and objects. */
export type ArgumentSource =
  | { readonly from: 'id' | 'name' | 'each' }
  | { readonly given: string }
  | { readonly value: string | number | boolean }
  | { readonly list: readonly ArgumentSource[] }
  | { readonly fields: Readonly<Record<string, ArgumentSource>> }

/** A place in all answers of one step. */
export interface AnswerPlace {
  readonly step: number
  readonly path: AnswerPath
}

/** What is made of the values that are there; `optional`: nothing where there is none. Where a value is null, `or` stands for it, in the same place. */
export interface FactSource {
  readonly step: number
  readonly path: AnswerPath
  readonly as: FactKind
  readonly or?: AnswerPath
  readonly optional: boolean
}

/** `one`: the one value that there is. `list`: all, in their order. `newest`: the latest time, in RFC 3339. `map`: `Key` and `Value` of each. `some`: whether there is any. */
export const FACT_KINDS = ['one', 'list', 'newest', 'map', 'some'] as const
export type FactKind = (typeof FACT_KINDS)[number]

/** A catalog's probes as data. */
export type ProbeDocuments = Readonly<Record<string, unknown>>

/** Reads the probes of a catalog whole; throws `catalog_malformed`. */
export function readProbes(value: unknown): ReadonlyMap<string, ProbeSpec> {
  if (value === undefined) return new Map()
  const probes = Object.entries(readObject(value, 'catalog.probes'))
  return new Map(probes.map(([name, each]) => [name, readProbe(name, each)]))
}

function readProbe(name: string, value: unknown): ProbeSpec {
  const where = `catalog.probes.${name}`
  const it = readMembers(value, where, ['facts', 'about'], ['given'])
  const facts = readMap(it.facts, `${where}.facts`, readArgumentType)
  const given = it.given === undefined ? [] : readList(it.given, `${where}.given`, readText)
  const about = readMap(it.about, `${where}.about`, (recipe, at) => readRecipe(recipe, at, facts, given))
  if (Object.keys(about).length === 0) throw malformed(`${where}.about`, 'a type of resource')
  return { name, given, facts, about: new Map(Object.entries(about)) }
}

function readRecipe(
  value: unknown,
  where: string,
  types: ProbeSpec['facts'],
  given: readonly string[],
): ProbeRecipe {
  const it = readMembers(value, where, ['steps', 'facts'])
  const steps = readList(it.steps, `${where}.steps`, (step, at) => readStep(step, at, given))
  const facts = readMap(it.facts, `${where}.facts`, readFact)
  for (const [index, { each }] of steps.entries())
    if (each !== undefined && each.step >= index)
      throw malformed(`${where}.steps[${index}].each`, 'an earlier step')
  for (const [name, { step }] of Object.entries(facts)) {
    if (!Object.hasOwn(types, name)) throw malformed(`${where}.facts.${name}`, 'a fact with a type')
    if (step >= steps.length) throw malformed(`${where}.facts.${name}.step`, 'the number of a step')
  }
  return { steps, facts }
}

function readStep(value: unknown, where: string, given: readonly string[]): ProbeStep {
  const it = readMembers(value, where, ['operation', 'args'], ['query', 'each', 'there', 'partial', 'none'])
  const args = readMap(it.args, `${where}.args`, readArgument)
  for (const [name, source] of Object.entries(args)) {
    if ('given' in source && !given.includes(source.given))
      throw malformed(`${where}.args.${name}`, 'something given')
    if ('from' in source && source.from === 'each' && it.each === undefined)
      throw malformed(`${where}.args.${name}`, 'an `each`')
  }
  const paths = (member: 'there' | 'partial') =>
    it[member] === undefined ? [] : readList(it[member], `${where}.${member}`, compileAnswerPath)
  return {
    operation: readText(it.operation, `${where}.operation`),
    args,
    there: paths('there'),
    partial: paths('partial'),
    none: it.none === undefined ? [] : readList(it.none, `${where}.none`, readStatus),
    ...(it.query === undefined ? {} : { query: readText(it.query, `${where}.query`) }),
    ...(it.each === undefined ? {} : { each: readPlace(it.each, `${where}.each`) }),
  }
}

function readArgument(value: unknown, where: string): ArgumentSource {
  const it = readMembers(value, where, [], ['from', 'given', 'value', 'list', 'fields'])
  if (Object.keys(it).length !== 1) throw malformed(where, 'one of from, given, value, list and fields')
  if (it.from !== undefined)
    return { from: readOneOf(it.from, `${where}.from`, ['id', 'name', 'each'] as const) }
  if (it.given !== undefined) return { given: readText(it.given, `${where}.given`) }
  if (it.list !== undefined) return { list: readList(it.list, `${where}.list`, readArgument) }
  if (it.fields !== undefined) return { fields: readMap(it.fields, `${where}.fields`, readArgument) }
  if (!['string', 'number', 'boolean'].includes(typeof it.value))
    throw malformed(`${where}.value`, 'a scalar')
  return { value: it.value as string | number | boolean }
}

function readPlace(value: unknown, where: string): AnswerPlace {
  const it = readMembers(value, where, ['step', 'path'])
  return { step: readNumber(it.step, `${where}.step`), path: compileAnswerPath(it.path, `${where}.path`) }
}

function readFact(value: unknown, where: string): FactSource {
  const it = readMembers(value, where, ['step', 'path', 'as'], ['or', 'optional'])
  return {
    step: readNumber(it.step, `${where}.step`),
    path: compileAnswerPath(it.path, `${where}.path`),
    as: readOneOf(it.as, `${where}.as`, FACT_KINDS),
    optional: it.optional === true,
    ...(it.or === undefined ? {} : { or: compileAnswerPath(it.or, `${where}.or`) }),
  }
}

function readNumber(value: unknown, where: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0)
    throw malformed(where, 'the number of a step, from 0')
  return value as number
}

function readStatus(value: unknown, where: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 400 || (value as number) > 499)
    throw malformed(where, 'a status from 400 to 499')
  return value as number
}
