import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import ts from 'typescript'

/** A GraphQL schema as the Railway SDK's generated types tell it. */
export interface RailwaySource {
  readonly package: string
  readonly version: string
  /** Content id of the generated source that was read. */
  readonly digest: string
  /** Object types, interfaces and unions (without fields) by GraphQL name; the subscription root left out. */
  readonly types: ReadonlyMap<string, ReadonlyMap<string, SourceField>>
  /** Input types by the name that the generated source gives them. */
  readonly inputs: ReadonlyMap<string, ReadonlyMap<string, string>>
}

export interface SourceField {
  /** Name of the type behind lists and nulls; empty for scalars and enums. */
  readonly of: string
  /** The scalar or enum, where it is one. */
  readonly leaf: string
  /** Input references by argument, as catalogs write them. */
  readonly args: ReadonlyMap<string, string>
}

const SOURCE = '/generated/graphql.ts'

/** Scalars that an argument may have; enums are strings, and whatever isn't listed is `any`. */
const SCALAR_ARGUMENTS: Readonly<Record<string, string>> = {
  ID: 'string',
  String: 'string',
  DateTime: 'string',
  Boolean: 'bool',
  Int: 'int',
  Float: 'double',
  EnvironmentVariables: '{string}',
}

/** Reads the types out of the source map of the npm package `railway`, which carries its generated sources. */
export function readRailwaySource(): RailwaySource {
  const require = createRequire(import.meta.url)
  const dist = dirname(require.resolve('railway'))
  const manifest = JSON.parse(readFileSync(join(dist, '..', 'package.json'), 'utf8')) as { version: string }
  const map = JSON.parse(readFileSync(join(dist, 'index.js.map'), 'utf8')) as {
    sources: string[]
    sourcesContent: string[]
  }
  const text = map.sourcesContent[map.sources.findIndex(name => name.endsWith(SOURCE))]
  if (text === undefined) throw new Error(`railway ${manifest.version} carries no ${SOURCE}`)
  return {
    package: 'railway',
    version: manifest.version,
    digest: `sha256:${createHash('sha256').update(text).digest('hex')}`,
    ...new Reader(text).schema(),
  }
}

class Reader {
  private readonly file: ts.SourceFile
  private readonly aliases = new Map<string, ts.TypeNode>()
  /** Generated names differ from GraphQL's in the case of letters only (`TcpProxyCreateInput`). */
  private readonly byLowerCase = new Map<string, string>()

  constructor(text: string) {
    this.file = ts.createSourceFile('graphql.ts', text, ts.ScriptTarget.Latest, true)
    for (const statement of this.file.statements)
      if (ts.isTypeAliasDeclaration(statement) && statement.typeParameters === undefined) {
        this.aliases.set(statement.name.text, statement.type)
        this.byLowerCase.set(statement.name.text.toLowerCase(), statement.name.text)
      }
  }

  schema(): Pick<RailwaySource, 'types' | 'inputs'> {
    const types = new Map<string, ReadonlyMap<string, SourceField>>()
    const inputs = new Map<string, ReadonlyMap<string, string>>()
    for (const [alias, node] of this.aliases) {
      if (alias === 'Scalars' || alias === 'Subscription' || this.isClientOperation(alias)) continue
      if (this.isOutput(alias)) types.set(this.graphqlName(alias), this.fields(alias))
      else if (this.unionMembers(alias) !== undefined) types.set(alias, new Map())
      else if (ts.isTypeLiteralNode(node) && !alias.endsWith('Args'))
        inputs.set(alias, this.inputMembers(alias))
    }
    return { types, inputs }
  }

  /** Results of the SDK's own queries have the same shape as types; they are told by name. */
  private isClientOperation(alias: string): boolean {
    return /^Railway(?:Sandbox|GenerateShellToken).*(?:Query|Mutation|Fragment|Variables)$/.test(alias)
  }

  /** An object type says its name; the interfaces don't, and are those that object types extend. */
  private isOutput(alias: string): boolean {
    return this.typename(alias) !== undefined || this.interfaces().has(alias)
  }

  private interfaceNames: Set<string> | undefined
  private interfaces(): ReadonlySet<string> {
    if (this.interfaceNames === undefined) {
      this.interfaceNames = new Set()
      for (const node of this.aliases.values())
        if (ts.isIntersectionTypeNode(node))
          for (const part of node.types)
            if (ts.isTypeReferenceNode(part)) this.interfaceNames.add(part.typeName.getText(this.file))
    }
    return this.interfaceNames
  }

  private unionMembers(alias: string): readonly string[] | undefined {
    const node = this.aliases.get(alias)
    if (node === undefined) return undefined
    const parts = ts.isUnionTypeNode(node) ? [...node.types] : [node]
    const names = parts.map(part => (ts.isTypeReferenceNode(part) ? part.typeName.getText(this.file) : ''))
    return names.every(name => name !== '' && this.typename(name) !== undefined) ? names : undefined
  }

  private literal(alias: string): ts.TypeLiteralNode | undefined {
    const node = this.aliases.get(alias)
    const last = node !== undefined && ts.isIntersectionTypeNode(node) ? node.types.at(-1) : node
    return last !== undefined && ts.isTypeLiteralNode(last) ? last : undefined
  }

  private members(alias: string): readonly { readonly name: string; readonly type: ts.TypeNode }[] {
    return (this.literal(alias)?.members ?? []).flatMap(member =>
      ts.isPropertySignature(member) && member.type !== undefined
        ? [{ name: member.name.getText(this.file), type: member.type }]
        : [],
    )
  }

  private typename(alias: string): string | undefined {
    const node = this.members(alias).find(member => member.name === '__typename')?.type
    return node !== undefined && ts.isLiteralTypeNode(node) && ts.isStringLiteral(node.literal)
      ? node.literal.text
      : undefined
  }

  private graphqlName(alias: string): string {
    return this.typename(alias) ?? alias
  }

  private fields(alias: string): ReadonlyMap<string, SourceField> {
    const fields = new Map<string, SourceField>()
    for (const { name, type } of this.members(alias)) {
      if (name === '__typename') continue
      const named = this.named(type)
      const composite =
        named.scalar === undefined && (this.isOutput(named.name) || this.unionMembers(named.name))
      fields.set(name, {
        of: composite ? this.graphqlName(named.name) : '',
        leaf: composite ? '' : (named.scalar ?? named.name),
        args: this.inputMembers(this.byLowerCase.get(`${alias}${name}Args`.toLowerCase()) ?? ''),
      })
    }
    return fields
  }

  /** The type inside `Maybe<…>` and `Array<…>`; a scalar is written `Scalars['String']['output']`. */
  private named(node: ts.TypeNode): { readonly name: string; readonly scalar?: string } {
    if (ts.isTypeReferenceNode(node)) {
      const inner = node.typeArguments?.[0]
      return inner === undefined ? { name: node.typeName.getText(this.file) } : this.named(inner)
    }
    const scalar = /^Scalars\['(\w+)'\]\['(?:in|out)put'\]$/.exec(node.getText(this.file))?.[1]
    if (scalar === undefined) throw new Error(`unexpected type ${node.getText(this.file).slice(0, 80)}`)
    return { name: scalar, scalar }
  }

  private inputMembers(alias: string): ReadonlyMap<string, string> {
    return new Map(this.members(alias).map(({ name, type }) => [name, this.inputReference(type)]))
  }

  private inputReference(node: ts.TypeNode): string {
    if (ts.isTypeReferenceNode(node)) {
      const outer = node.typeName.getText(this.file)
      const inner = node.typeArguments?.[0]
      if (inner !== undefined)
        return outer === 'Array' ? `[${this.inputReference(inner)}]` : this.inputReference(inner)
      return this.literal(outer) === undefined ? 'string' : `@${outer}`
    }
    return SCALAR_ARGUMENTS[this.named(node).name] ?? 'any'
  }
}
