import type { JsonObject, JsonValue } from '../../canon/index.js'
import type { Catalog } from '../catalog.js'
import { classify } from '../classify.js'
import type { Operation, Recognised, Resource } from '../operation.js'
import type { RawRequest } from '../request.js'
import { isUnclassifiable } from '../unclassifiable.js'
import type { Subject } from './answer-path.js'
import type { ArgumentSource, ProbeStep } from './spec.js'

/** One request of a probe, ready to be sent. */
export interface Ask {
  readonly request: RawRequest
  /** As the catalog describes it: reads, and nothing else. */
  readonly operation: Operation
  /** Label of the origin in `profile.origins`. */
  readonly origin: string
}

/** What a probe asks with. */
export interface AskContext {
  readonly api: string
  readonly subject: Subject
  readonly given: Readonly<Record<string, string>>
  /** Of the operation that is to be decided, so that its region and account are asked. */
  readonly operation: Pick<Operation, 'scope' | 'account'>
}

/** A resource whose id may mean another can’t be asked about. */
export function subjectOf({ id, like }: Resource): Subject | null {
  if (like !== undefined || id === '' || id.length > MAX_ID) return null
  return { id, name: id.slice(Math.max(id.lastIndexOf(':'), id.lastIndexOf('/')) + 1) }
}

const MAX_ID = 512

/**
 * Writes one request of a step; null where none can be written that does nothing but read. What comes from an agent
 * only enters as an encoded value. INVARIANT: the bytes are classified as any agent's are, by the same catalog, and have
 * to be the one operation of the step, of the class `read` alone.
 */
export function writeAsk(
  catalog: Catalog,
  step: ProbeStep,
  each: JsonValue,
  context: AskContext,
): Ask | null {
  const args: Record<string, JsonValue> = {}
  for (const [name, source] of Object.entries(step.args)) {
    const value = argumentOf(source, each, context)
    if (value === undefined) return null
    args[name] = value
  }
  const asked = recognisedAs(step.operation, args, context)
  const request = catalog.write?.(asked, step.query) ?? null
  if (request === null) return null
  const found = classify(catalog, request)
  const [recognised, second] = found.kind === 'operations' ? found.operations : []
  if (recognised === undefined || second !== undefined) return null
  const operation = catalog.describe(context.api, recognised)
  if (operation.name !== step.operation || operation.classes.join() !== 'read') return null
  const target = catalog.parseTarget(request.target)
  if (isUnclassifiable(target)) return null
  const head = { method: request.method, target, headers: request.headers }
  return { request, operation, origin: catalog.originOf(head, [recognised]) }
}

function recognisedAs(name: string, args: JsonObject, { operation }: AskContext): Recognised {
  const { region } = operation.scope
  return {
    name,
    args,
    ...(region === undefined ? {} : { region }),
    ...(operation.account === undefined ? {} : { account: operation.account }),
  }
}

function argumentOf(source: ArgumentSource, each: JsonValue, context: AskContext): JsonValue | undefined {
  const { subject, given } = context
  if ('value' in source) return source.value
  if ('given' in source) return Object.hasOwn(given, source.given) ? given[source.given] : undefined
  if ('list' in source) return allOf(source.list, context, each)
  if ('fields' in source) {
    const values = allOf(Object.values(source.fields), context, each)
    const names = Object.keys(source.fields)
    return values && Object.fromEntries(names.map((name, at) => [name, values[at] as JsonValue]))
  }
  if (source.from === 'each') return typeof each === 'string' ? each : undefined
  return subject[source.from]
}

/** Undefined where one of them is. */
function allOf(
  sources: readonly ArgumentSource[],
  context: AskContext,
  each: JsonValue,
): JsonValue[] | undefined {
  const values = sources.map(source => argumentOf(source, each, context))
  return values.includes(undefined) ? undefined : (values as JsonValue[])
}
