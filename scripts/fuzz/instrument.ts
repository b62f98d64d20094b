import ts from 'typescript'

/** What is called from instrumented code; the worker puts it there before it loads the bundle. */
export const HOOK = '__fuzz'

/** Of a comparison, how much of the two texts agrees is told apart up to so many letters: each more is a place reached. */
export const PREFIXES = 8

/** A module with its branches counted. */
export interface Instrumented {
  readonly text: string
  /** Number of the next branch, for the next module. */
  readonly next: number
  /** Short texts that stand in the module: what an input may have to say. */
  readonly words: readonly string[]
}

/**
 * Counts every branch of a module: bodies of functions and loops, arms of conditions, cases, and right sides of `&&`, `||` and
 * `??`. Comparisons of what may be text are told to the hook, so that the fuzzer learns what an input was compared with, and
 * how near it came.
 */
export function instrument(name: string, source: string, first: number): Instrumented {
  const file = ts.createSourceFile(name, source, ts.ScriptTarget.ES2023, true)
  const words = new Set<string>()
  let next = first
  const { factory } = ts
  const hook = factory.createIdentifier(HOOK)
  const hits = factory.createPropertyAccessExpression(hook, 'hits')

  const hit = (): ts.Expression =>
    factory.createPostfixIncrement(factory.createElementAccessExpression(hits, next++))
  const counted = (expression: ts.Expression): ts.Expression =>
    factory.createParenthesizedExpression(factory.createComma(hit(), expression))
  const countedAll = (statements: readonly ts.Statement[]): ts.Statement[] => {
    const place = statements.findIndex(each => !isDirective(each))
    const at = place < 0 ? statements.length : place
    return [...statements.slice(0, at), factory.createExpressionStatement(hit()), ...statements.slice(at)]
  }
  const countedBlock = (statement: ts.Statement): ts.Block =>
    factory.createBlock(countedAll(ts.isBlock(statement) ? statement.statements : [statement]), true)

  const result = ts.transform(file, [
    context => root => {
      const visit = (node: ts.Node): ts.Node => {
        // Types, and what may only be a literal.
        if (ts.isTypeNode(node) || ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node
        if (ts.isStringLiteralLike(node) && isWord(node.text)) words.add(node.text)
        const seen = ts.visitEachChild(node, visit, context)
        return rewritten(seen)
      }
      return ts.visitNode(root, visit) as ts.SourceFile
    },
  ])
  const text = ts.createPrinter().printFile(result.transformed[0] as ts.SourceFile)
  return { text, next, words: [...words] }

  function rewritten(node: ts.Node): ts.Node {
    if (ts.isBlock(node) && isBody(node)) return countedBlock(node)
    if (ts.isArrowFunction(node) && !ts.isBlock(node.body))
      return factory.updateArrowFunction(
        node,
        node.modifiers,
        node.typeParameters,
        node.parameters,
        node.type,
        node.equalsGreaterThanToken,
        counted(node.body),
      )
    if (ts.isIfStatement(node))
      return factory.updateIfStatement(
        node,
        node.expression,
        countedBlock(node.thenStatement),
        countedBlock(node.elseStatement ?? factory.createBlock([])),
      )
    if (ts.isConditionalExpression(node))
      return factory.updateConditionalExpression(
        node,
        node.condition,
        node.questionToken,
        counted(node.whenTrue),
        node.colonToken,
        counted(node.whenFalse),
      )
    if (ts.isForStatement(node))
      return factory.updateForStatement(
        node,
        node.initializer,
        node.condition,
        node.incrementor,
        countedBlock(node.statement),
      )
    if (ts.isForOfStatement(node))
      return factory.updateForOfStatement(
        node,
        node.awaitModifier,
        node.initializer,
        node.expression,
        countedBlock(node.statement),
      )
    if (ts.isForInStatement(node))
      return factory.updateForInStatement(
        node,
        node.initializer,
        node.expression,
        countedBlock(node.statement),
      )
    if (ts.isWhileStatement(node))
      return factory.updateWhileStatement(node, node.expression, countedBlock(node.statement))
    if (ts.isDoStatement(node))
      return factory.updateDoStatement(node, countedBlock(node.statement), node.expression)
    if (ts.isCaseClause(node))
      return factory.updateCaseClause(node, node.expression, countedAll(node.statements))
    if (ts.isDefaultClause(node)) return factory.updateDefaultClause(node, countedAll(node.statements))
    if (ts.isBinaryExpression(node)) return binary(node)
    return node
  }

  function binary(node: ts.BinaryExpression): ts.Node {
    const { left, operatorToken, right } = node
    if (LOGICAL.has(operatorToken.kind))
      return factory.updateBinaryExpression(node, left, operatorToken, counted(right))
    const equal = EQUALITY.get(operatorToken.kind)
    if (equal === undefined || isNeverText(left) || isNeverText(right)) return node
    const call = factory.createCallExpression(
      factory.createPropertyAccessExpression(hook, equal ? 'same' : 'differ'),
      undefined,
      [left, right, factory.createNumericLiteral(next)],
    )
    next += PREFIXES
    return call
  }
}

const LOGICAL: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
])

const EQUALITY: ReadonlyMap<ts.SyntaxKind, boolean> = new Map([
  [ts.SyntaxKind.EqualsEqualsEqualsToken, true],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, false],
])

/** Blocks whose way in is a branch of its own; those of `if` and loops are counted there. */
function isBody(node: ts.Block): boolean {
  const parent = ts.getOriginalNode(node).parent
  return parent !== undefined && (ts.isFunctionLike(parent) || ts.isCatchClause(parent))
}

/** `'use strict'` has to stay first, and so has what a constructor of a derived class says. */
function isDirective(statement: ts.Statement): boolean {
  if (!ts.isExpressionStatement(statement)) return false
  const { expression } = statement
  return (
    ts.isStringLiteral(expression) ||
    (ts.isCallExpression(expression) && expression.expression.kind === ts.SyntaxKind.SuperKeyword)
  )
}

function isNeverText(expression: ts.Expression): boolean {
  switch (expression.kind) {
    case ts.SyntaxKind.NullKeyword:
    case ts.SyntaxKind.TrueKeyword:
    case ts.SyntaxKind.FalseKeyword:
    case ts.SyntaxKind.NumericLiteral:
    case ts.SyntaxKind.BigIntLiteral:
    case ts.SyntaxKind.PrefixUnaryExpression:
    case ts.SyntaxKind.TypeOfExpression:
      return true
    case ts.SyntaxKind.Identifier:
      return (expression as ts.Identifier).text === 'undefined'
    default:
      return false
  }
}

function isWord(text: string): boolean {
  return text.length >= 2 && text.length <= 48 && !/[\n]/.test(text)
}
