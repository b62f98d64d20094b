import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

/** One call that the SDK makes, as its sources spell it. */
export interface SdkCall {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Path with `{}` for every argument: `/v1/charges/{}/capture`. */
  readonly shape: string
  /** Name of the SDK's method: `create`, `capture`. */
  readonly verb: string
  /** `files`, `connect`, `meter_events`; null for the API's own host. */
  readonly base: string | null
  readonly multipart: boolean
  /** The type of the method's `params`; null where it takes none. */
  readonly params: ts.Type | null
}

export interface StripeSource {
  readonly version: string
  readonly calls: readonly SdkCall[]
  readonly checker: ts.TypeChecker
  /** Every file that was read, by path below the package, sorted. */
  readonly files: readonly { readonly path: string; readonly bytes: Uint8Array }[]
}

/**
 * Reads every `_makeRequest(method, path, …)` in the resources of an installed npm package `stripe`, and beside
 * it the declared type of the method's parameters. Throws on a call whose form it doesn't know, so that an
 * upgrade can't drop operations in silence.
 */
export function readStripeSource(packageFolder: string): StripeSource {
  const sources = filesBelow(join(packageFolder, 'esm', 'resources'))
  const scripts = sources.filter(file => file.endsWith('.js'))
  const program = ts.createProgram(
    sources.filter(file => file.endsWith('.d.ts')),
    {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.NodeNext,
      skipLibCheck: true,
      strict: true,
      types: [],
    },
  )
  const checker = program.getTypeChecker()
  const calls = scripts.flatMap(file => {
    const declared = declaredParams(program.getSourceFile(file.replace(/\.js$/, '.d.ts')), checker)
    return callsOf(file, declared)
  })
  return {
    version: (JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as { version: string })
      .version,
    calls,
    checker,
    files: sources.map(path => ({ path: path.slice(packageFolder.length + 1), bytes: readFileSync(path) })),
  }
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.js') || name.endsWith('.d.ts'))
    .map(name => join(folder, name))
    .sort()
}

function callsOf(file: string, declared: ReadonlyMap<string, ts.Type>): SdkCall[] {
  const calls: SdkCall[] = []
  const source = ts.createSourceFile(
    file,
    readFileSync(file, 'utf8'),
    ts.ScriptTarget.ES2023,
    true,
    ts.ScriptKind.JS,
  )
  const visit = (node: ts.Node, owner: string): void => {
    const here =
      ts.isMethodDeclaration(node) && ts.isClassDeclaration(node.parent)
        ? `${node.parent.name?.text}.${node.name.getText(source)}`
        : owner
    if (isRequest(node)) {
      const call = callOf(node, here, declared)
      if (call !== null) calls.push(call)
    }
    ts.forEachChild(node, child => visit(child, here))
  }
  visit(source, '')
  return calls
}

function isRequest(node: ts.Node): node is ts.CallExpression {
  return (
    ts.isCallExpression(node) &&
    ts.isPropertyAccessExpression(node.expression) &&
    node.expression.name.text === '_makeRequest'
  )
}

function callOf(
  call: ts.CallExpression,
  owner: string,
  declared: ReadonlyMap<string, ts.Type>,
): SdkCall | null {
  const [method, path, , , spec] = call.arguments
  if (method === undefined || path === undefined || !ts.isStringLiteral(method))
    throw new Error(`stripe: ${owner} calls _makeRequest in a form that isn't known`)
  // `fetchRelatedObject` of an event follows a URL from the API: one of the other calls' paths.
  if (path.getText().endsWith('related_object.url')) return null
  const specText = spec === undefined ? '' : spec.getText()
  return {
    method: method.text as SdkCall['method'],
    shape: shapeOf(path, owner),
    verb: owner.slice(owner.indexOf('.') + 1),
    base: /apiBase: '([a-z_]+)'/.exec(specText)?.[1] ?? null,
    multipart: specText.includes('multipart/form-data'),
    params: declared.get(owner) ?? null,
  }
}

function shapeOf(path: ts.Expression, owner: string): string {
  if (ts.isStringLiteral(path) || ts.isNoSubstitutionTemplateLiteral(path)) return path.text
  if (!ts.isTemplateExpression(path))
    throw new Error(`stripe: ${owner} builds its path in a form that isn't known`)
  return path.head.text + path.templateSpans.map(span => `{}${span.literal.text}`).join('')
}

/** `ChargeResource.capture` → type of its parameter `params`. */
function declaredParams(
  source: ts.SourceFile | undefined,
  checker: ts.TypeChecker,
): ReadonlyMap<string, ts.Type> {
  const declared = new Map<string, ts.Type>()
  for (const statement of source?.statements ?? []) {
    if (!ts.isClassDeclaration(statement)) continue
    for (const member of statement.members) {
      if (!ts.isMethodDeclaration(member)) continue
      const params = member.parameters.find(parameter => parameter.name.getText() === 'params')
      if (params?.type !== undefined)
        declared.set(
          `${statement.name?.text}.${member.name.getText()}`,
          checker.getTypeFromTypeNode(params.type),
        )
    }
  }
  return declared
}
