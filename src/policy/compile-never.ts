import { listOf } from './api-catalog.js'
import type { ResolvedApi } from './compile.js'
import { RuleCompiler } from './compile-rules.js'
import type { CompiledNever, CompiledPolicy } from './compiled.js'
import { childrenOf, parseLoosely } from './condition-parts.js'
import type { CelNode } from './condition-syntax.js'
import type { PolicyDocument } from './document.js'
import type { NeverDocument, NeverSource } from './document-rule.js'
import type { DocumentPath, Findings } from './finding.js'

/**
 * Compiles `never` statements: their selectors as those of a deny, held against the catalogs in the same way, so
 * that a misspelt statement doesn't prove nothing. `taken` are statements that are there already.
 */
export function compileNever(
  written: NeverDocument['never'] | readonly NeverSource[],
  apis: ReadonlyMap<string, ResolvedApi>,
  policy: Pick<CompiledPolicy, 'agents' | 'apis'>,
  findings: Findings,
  taken: readonly CompiledNever[] = [],
): CompiledNever[] {
  const compiler = new RuleCompiler(
    { apis: policy.apis as PolicyDocument['apis'] },
    apis,
    policy.agents,
    findings,
  )
  const ids = new Set(taken.map(({ id }) => id))
  return listOf<NeverSource>(written).flatMap((statement, index) => {
    const path: DocumentPath = Array.isArray(written) ? ['never', index] : ['never']
    const { id = `never-${taken.length + index + 1}`, to, when, without, because, ...selector } = statement
    if (ids.has(id)) findings.add('duplicate', path, `The statement id ${id} is taken.`)
    ids.add(id)
    const rule = {
      id,
      deny: selector,
      ...(to === undefined ? {} : { to }),
      ...(when === undefined ? {} : { when: withEnvironment(when) }),
    }
    const compiled = compiler.compile(rule, path, path)
    if (compiled === null) return []
    const { effect: _, ...rest } = compiled
    return {
      ...rest,
      ...(without === undefined ? {} : { without }),
      ...(because === undefined ? {} : { because }),
    }
  })
}

/**
 * `environment == production` in CEL's own words: `agent.environment == "production"`. Only a bare name that is
 * compared with `environment` is taken for a text; anything else stays what it is, for the checker to refuse.
 */
export function withEnvironment(source: string): string {
  const ast = parseLoosely(source)
  if (ast === null) return source
  const edits: { readonly start: number; readonly end: number; readonly text: string }[] = []
  const visit = (node: CelNode): void => {
    const children = childrenOf(node)
    if (isName(node, 'environment')) edits.push({ ...node, text: 'agent.environment' })
    else if (['==', '!=', 'in'].includes(node.op) && children.some(each => isName(each, 'environment'))) {
      const others = children.flatMap(each => (each.op === 'list' ? childrenOf(each) : [each]))
      for (const other of others) {
        if (isName(other) && !isName(other, 'environment'))
          edits.push({ ...other, text: JSON.stringify(other.args) })
      }
    }
    if (node.op !== '.') for (const child of children) visit(child)
    // `x.environment` is a member, no variable: only what is left of the dot is looked at.
    else if (children[0] !== undefined) visit(children[0])
  }
  visit(ast)
  return edits
    .sort((a, b) => b.start - a.start)
    .reduce((text, { start, end, text: word }) => text.slice(0, start) + word + text.slice(end), source)
}

function isName(node: CelNode, name?: string): boolean {
  return node.op === 'id' && (name === undefined || node.args === name)
}
