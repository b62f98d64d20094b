import { Kind, type OperationDefinitionNode } from 'graphql'
import { canonicalize, type JsonObject } from '../../canon/index.js'
import { protocolFault } from '../error-table.js'
import type { Recognised } from '../operation.js'
import type { Schema } from './schema.js'
import { collectSites, type Site } from './selection.js'
import { type ExecutableDocument, readDocument } from './structure.js'
import { Binder } from './value.js'

/** What a document asks for under one operation name, before variables have values. */
export interface Plan {
  readonly operation: OperationDefinitionNode
  readonly sites: readonly Site[]
}

const MAX_CACHED = 256
const MAX_CACHED_CHARACTERS = 8192

/**
 * Plans documents and remembers the last ones by their exact text: agents repeat their queries. Variables and
 * the choice of the operation are part of no plan, so a remembered plan answers nothing that a fresh one wouldn't.
 */
export class Planner {
  private readonly recent = new Map<string, Plan>()
  private readonly schema: Schema

  constructor(schema: Schema) {
    this.schema = schema
  }

  /** Throws faults of this room. */
  plan(text: string, operationName: string | null): Plan {
    if (text.length > MAX_CACHED_CHARACTERS) return this.read(text, operationName)
    // A GraphQL name has no space, and no name is none: the key can be cut in one way only.
    const key = `${operationName ?? ''} ${text}`
    const plan = this.recent.get(key) ?? this.read(text, operationName)
    this.recent.delete(key)
    this.recent.set(key, plan)
    if (this.recent.size > MAX_CACHED) this.recent.delete(this.recent.keys().next().value as string)
    return plan
  }

  private read(text: string, operationName: string | null): Plan {
    const document = readDocument(text)
    const operation = selectOperation(document, operationName)
    const sites = collectSites(this.schema, document, operation)
    return { operation: { ...operation, selectionSet: NOTHING }, sites }
  }
}

/** A plan keeps the variables of its operation, not its tree. */
const NOTHING: OperationDefinitionNode['selectionSet'] = { kind: Kind.SELECTION_SET, selections: [] }

/** GraphQL §6.1 GetOperation: the only operation, or the one named exactly. */
function selectOperation(document: ExecutableDocument, name: string | null): OperationDefinitionNode {
  const chosen =
    name === null ? document.operations : document.operations.filter(({ name: own }) => own?.value === name)
  if (chosen.length !== 1) throw protocolFault('graphql_operation_name')
  return chosen[0] as OperationDefinitionNode
}

/** The operations of a plan under these variables; below the roots, one for each distinct field and arguments. */
export function recogniseSites(plan: Plan, given: JsonObject): readonly Recognised[] {
  const binder = new Binder(plan.operation, given)
  const seen = new Set<string>()
  const operations: Recognised[] = []
  for (const site of plan.sites) {
    const args = binder.bind(site.args)
    if (!site.root) {
      const identity = `${site.name} ${canonicalize(args)}`
      if (seen.has(identity)) continue
      seen.add(identity)
    }
    operations.push({ name: site.name, args })
  }
  return operations
}
