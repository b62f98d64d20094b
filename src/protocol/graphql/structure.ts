import {
  type ArgumentNode,
  type DirectiveNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  Lexer,
  type OperationDefinitionNode,
  parse,
  type SelectionSetNode,
  Source,
  TokenKind,
  type ValueNode,
} from 'graphql'
import { CountersignError } from '../../canon/index.js'
import { protocolFault } from '../error-table.js'

/** An executable document whose structure can't be read in two ways. */
export interface ExecutableDocument {
  readonly operations: readonly OperationDefinitionNode[]
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>
}

/** Most tokens in a document; the introspection query of the usual tools has about 500. */
const MAX_TOKENS = 10_000
/** Deepest nesting of selections, and of values. */
export const MAX_DEPTH = 64
/** Deepest nesting of brackets of any kind: selections, arguments and values in one another. */
const MAX_NESTING = 3 * MAX_DEPTH
/** Longest name of a field, an argument, a type or a variable. */
const MAX_NAME = 128

/**
 * Parses a document (GraphQL October 2021) and refuses whatever servers don't agree on or that hides its size:
 * type definitions, names given twice, fragments that are missing or contain themselves, directives other than
 * `@skip` and `@include`. Throws faults of this room.
 */
export function readDocument(text: string): ExecutableDocument {
  const document = parseBounded(text)
  const operations: OperationDefinitionNode[] = []
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of document.definitions) {
    switch (definition.kind) {
      case Kind.OPERATION_DEFINITION:
        operations.push(definition)
        break
      case Kind.FRAGMENT_DEFINITION:
        if (fragments.has(definition.name.value)) throw protocolFault('graphql_duplicate', 'a fragment')
        fragments.set(definition.name.value, definition)
        break
      default:
        throw protocolFault('graphql_syntax', 'it defines types')
    }
  }
  refuseDuplicates(
    operations.map(operation => operation.name?.value ?? ''),
    'an operation',
  )
  for (const operation of operations) checkOperation(operation)
  for (const fragment of fragments.values()) {
    refuseDirectives(fragment.directives)
    checkSelections(fragment.selectionSet, 0)
  }
  refuseCycles(operations, fragments)
  return { operations, fragments }
}

function parseBounded(text: string): DocumentNode {
  try {
    refuseNesting(text)
    return parse(text, { noLocation: true, maxTokens: MAX_TOKENS })
  } catch (error) {
    if (error instanceof CountersignError) throw error
    const tooMany = error instanceof GraphQLError && error.message.includes(`${MAX_TOKENS} tokens`)
    throw protocolFault(tooMany ? 'graphql_too_complex' : 'graphql_syntax')
  }
}

/** The parser recurses, and where its stack ends depends on the caller: the bound comes before it. */
function refuseNesting(text: string): void {
  if (bracketsIn(text) <= MAX_NESTING) return
  const lexer = new Lexer(new Source(text))
  let depth = 0
  while (lexer.advance().kind !== TokenKind.EOF) {
    if (OPENS.has(lexer.token.kind)) depth++
    else if (CLOSES.has(lexer.token.kind)) depth--
    if (depth > MAX_NESTING) throw protocolFault('graphql_too_complex', 'nested too deeply')
  }
}

const OPENS: ReadonlySet<string> = new Set([TokenKind.BRACE_L, TokenKind.PAREN_L, TokenKind.BRACKET_L])
const CLOSES: ReadonlySet<string> = new Set([TokenKind.BRACE_R, TokenKind.PAREN_R, TokenKind.BRACKET_R])

/** Opening brackets in the text, those in strings and comments too: at least as many as the document nests. */
function bracketsIn(text: string): number {
  let count = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x7b || code === 0x28 || code === 0x5b) count++
  }
  return count
}

function checkOperation(operation: OperationDefinitionNode): void {
  refuseDirectives(operation.directives)
  const variables = operation.variableDefinitions ?? []
  refuseDuplicates(
    variables.map(({ variable }) => variable.name.value),
    'a variable',
  )
  for (const { directives, defaultValue } of variables) {
    refuseDirectives(directives)
    if (defaultValue !== undefined) checkValue(defaultValue, 0)
  }
  checkSelections(operation.selectionSet, 0)
}

function checkSelections(set: SelectionSetNode, depth: number): void {
  if (depth >= MAX_DEPTH) throw protocolFault('graphql_too_complex', 'nested too deeply')
  for (const selection of set.selections) {
    for (const directive of selection.directives ?? []) {
      if (directive.name.value !== 'skip' && directive.name.value !== 'include')
        throw protocolFault('graphql_directive')
      checkArguments(directive.arguments ?? [])
    }
    if (selection.kind === Kind.FIELD) {
      if (selection.name.value.length > MAX_NAME) throw protocolFault('graphql_too_complex', 'a long name')
      checkArguments(selection.arguments ?? [])
    }
    if (selection.kind !== Kind.FRAGMENT_SPREAD && selection.selectionSet !== undefined)
      checkSelections(selection.selectionSet, depth + 1)
  }
}

function checkArguments(args: readonly ArgumentNode[]): void {
  refuseDuplicates(
    args.map(argument => argument.name.value),
    'an argument',
  )
  for (const argument of args) checkValue(argument.value, 0)
}

function checkValue(value: ValueNode, depth: number): void {
  if (depth >= MAX_DEPTH) throw protocolFault('graphql_too_complex', 'nested too deeply')
  if (value.kind === Kind.LIST) for (const item of value.values) checkValue(item, depth + 1)
  if (value.kind !== Kind.OBJECT) return
  refuseDuplicates(
    value.fields.map(field => field.name.value),
    'a member of an input object',
  )
  for (const field of value.fields) checkValue(field.value, depth + 1)
}

function refuseDirectives(directives: readonly DirectiveNode[] | undefined): void {
  if (directives !== undefined && directives.length > 0) throw protocolFault('graphql_directive')
}

function refuseDuplicates(names: readonly string[], what: string): void {
  if (names.length > 1 && new Set(names).size !== names.length) throw protocolFault('graphql_duplicate', what)
}

/** Depth-first over the spreads; a fragment met again on the way down contains itself. */
function refuseCycles(
  operations: readonly OperationDefinitionNode[],
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
): void {
  const open = new Set<string>()
  const done = new Set<string>()
  const follow = (set: SelectionSetNode): void => {
    for (const selection of set.selections) {
      if (selection.kind !== Kind.FRAGMENT_SPREAD) {
        if (selection.selectionSet !== undefined) follow(selection.selectionSet)
        continue
      }
      const name = selection.name.value
      const fragment = fragments.get(name)
      if (fragment === undefined || open.has(name)) throw protocolFault('graphql_fragment')
      if (done.has(name)) continue
      if (open.size >= MAX_DEPTH) throw protocolFault('graphql_too_complex', 'nested too deeply')
      open.add(name)
      follow(fragment.selectionSet)
      open.delete(name)
      done.add(name)
    }
  }
  for (const definition of [...operations, ...fragments.values()]) follow(definition.selectionSet)
}
