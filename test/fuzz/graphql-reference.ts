import {
  type DocumentNode,
  type FieldNode,
  type GraphQLSchema,
  getOperationAST,
  Kind,
  type OperationDefinitionNode,
  parse,
  type SelectionSetNode,
  specifiedRules,
  TypeInfo,
  validate,
  valueFromASTUntyped,
  visit,
  visitWithTypeInfo,
} from 'graphql'

/** What a server that is graphql-js would execute of a request, read from its JSON without a line of ours. */
export interface Executed {
  readonly kind: 'query' | 'mutation' | 'subscription'
  readonly document: DocumentNode
  readonly operation: OperationDefinitionNode
  /** Selected root fields with their arguments, each time that they are selected. */
  readonly roots: readonly { readonly field: string; readonly args: unknown }[]
}

interface Body {
  readonly query?: unknown
  readonly operationName?: string | null
  readonly variables?: Readonly<Record<string, unknown>> | null
}

/** Null where no server could execute it. */
export function executedBy(json: Uint8Array): Executed | null {
  try {
    const body = JSON.parse(new TextDecoder().decode(json)) as Body
    const document = parse(body.query as string)
    const operation = getOperationAST(document, body.operationName ?? null)
    if (operation === null || operation === undefined) return null
    const variables = valuesOf(operation, body.variables ?? {})
    const roots = fieldsOf(document, operation.selectionSet).map(({ name, arguments: args = [] }) => ({
      field: name.value,
      args: Object.fromEntries(
        args.map(({ name, value }) => [name.value, valueFromASTUntyped(value, variables)]),
      ),
    }))
    return { kind: operation.operation, document, operation, roots }
  } catch {
    return null
  }
}

function valuesOf(
  operation: OperationDefinitionNode,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const values: Record<string, unknown> = Object.create(null)
  for (const { variable, defaultValue } of operation.variableDefinitions ?? []) {
    const name = variable.name.value
    if (Object.hasOwn(given, name)) values[name] = given[name]
    else if (defaultValue !== undefined) values[name] = valueFromASTUntyped(defaultValue)
  }
  return values
}

function fieldsOf(document: DocumentNode, set: SelectionSetNode): readonly FieldNode[] {
  return set.selections.flatMap(selection => {
    if (selection.kind === Kind.FIELD) return [selection]
    if (selection.kind === Kind.INLINE_FRAGMENT) return fieldsOf(document, selection.selectionSet)
    return fieldsOf(document, fragment(document, selection.name.value).selectionSet)
  })
}

function fragment(document: DocumentNode, name: string) {
  for (const each of document.definitions)
    if (each.kind === Kind.FRAGMENT_DEFINITION && each.name.value === name) return each
  throw new Error('no such fragment')
}

const RULES = specifiedRules.filter(rule => !/Overlapping|Unused/.test(rule.name))

/** `Type.field` of every selected field as the schema types it; null where the document isn't valid under it. */
export function typedFields(
  schema: GraphQLSchema,
  { document, operation }: Executed,
): ReadonlySet<string> | null {
  const alone = {
    ...document,
    definitions: document.definitions.filter(
      each => each === operation || each.kind !== Kind.OPERATION_DEFINITION,
    ),
  }
  if (validate(schema, alone, RULES).length > 0) return null
  const names = new Set<string>()
  const types = new TypeInfo(schema)
  visit(
    { ...operation, selectionSet: inlined(document, operation.selectionSet) },
    visitWithTypeInfo(types, {
      Field: node => void names.add(`${types.getParentType()?.name}.${node.name.value}`),
    }),
  )
  return names
}

function inlined(document: DocumentNode, set: SelectionSetNode): SelectionSetNode {
  return {
    ...set,
    selections: set.selections.map(selection => {
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        const { typeCondition, selectionSet } = fragment(document, selection.name.value)
        return { kind: Kind.INLINE_FRAGMENT, typeCondition, selectionSet: inlined(document, selectionSet) }
      }
      return selection.selectionSet === undefined
        ? selection
        : { ...selection, selectionSet: inlined(document, selection.selectionSet) }
    }),
  }
}
