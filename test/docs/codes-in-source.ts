import { readdirSync, readFileSync } from 'node:fs'
import ts from 'typescript'

const ROOT = new URL('../../../', import.meta.url)

/** Functions whose first argument is a code that somebody outside will read. */
const RAISES = /Fault$|^fault$|^unclassifiable$|^refused?$|^refusalOfFault$|^unavailable$|^denied$|^denial$/

/** Members that hold a code where a refusal or a denial is written as an object. */
const KINDS_OF_REFUSAL = new Set(['refused', 'denied', 'unclassifiable'])

export interface CodeUse {
  readonly code: string
  readonly at: string
}

export interface CodesInSource {
  /** Files that define a table. */
  readonly tables: readonly string[]
  /** Codes passed to a fault or a refusal, with their place. */
  readonly raised: readonly CodeUse[]
  /** Every string literal outside the tables and outside types. */
  readonly literals: ReadonlySet<string>
}

/** Reads the TypeScript of `src/`: what is thrown or refused with, and which codes occur as values at all. */
export function codesInSource(): CodesInSource {
  const tables: string[] = []
  const raised: CodeUse[] = []
  const literals = new Set<string>()
  for (const file of sourceFiles()) {
    if (file.endsWith('/error-table.ts')) tables.push(file)
    else readSource(file, raised, literals)
  }
  return { tables, raised, literals }
}

function sourceFiles(): string[] {
  return readdirSync(new URL('src/', ROOT), { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.ts'))
    .map(file => `src/${file}`)
}

function readSource(file: string, raised: CodeUse[], literals: Set<string>): void {
  const tree = ts.createSourceFile(
    file,
    readFileSync(new URL(file, ROOT), 'utf8'),
    ts.ScriptTarget.Latest,
    true,
  )
  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node)) return
    if (ts.isStringLiteralLike(node)) {
      literals.add(node.text)
      if (isRaised(node)) {
        const { line } = tree.getLineAndCharacterOfPosition(node.getStart())
        raised.push({ code: node.text, at: `${file}:${line + 1}` })
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(tree)
}

function isRaised(node: ts.StringLiteralLike): boolean {
  const { parent } = node
  if (ts.isCallExpression(parent))
    return parent.arguments[0] === node && RAISES.test(nameOf(parent.expression))
  if (!ts.isPropertyAssignment(parent) || parent.name.getText() !== 'code') return false
  return ts.isObjectLiteralExpression(parent.parent) && isRefusal(parent.parent)
}

function nameOf(callee: ts.Expression): string {
  if (ts.isIdentifier(callee)) return callee.text
  return ts.isPropertyAccessExpression(callee) ? callee.name.text : ''
}

function isRefusal(object: ts.ObjectLiteralExpression): boolean {
  return object.properties.some(
    member =>
      ts.isPropertyAssignment(member) &&
      member.name.getText() === 'kind' &&
      ts.isStringLiteralLike(member.initializer) &&
      KINDS_OF_REFUSAL.has(member.initializer.text),
  )
}
