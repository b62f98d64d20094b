import { Document, isMap, isScalar, isSeq, visit, type Node as YamlNode } from 'yaml'
import type { PolicyDocument } from '../../policy/index.js'
import { escapeHidden, hidesLetters } from '../entry-text.js'
import { type LedgerEvidence, type Tally, tallyOccurrences } from './evidence.js'
import type { Generalised, Suggestion } from './generalise.js'

/** Stands where a group of approvers has to be named; no group can have this name, so that nobody forgets it. */
const PLACEHOLDER = 'YOUR-APPROVERS'

/**
 * The policy with the suggested rules added and observing taken off, as YAML with the evidence of each line in a
 * comment. Rules that were written by hand stay as they are. What was denied, and what does more than update, stands in
 * comments at the end: a person decides about that.
 */
export function writePolicy(
  source: PolicyDocument,
  evidence: LedgerEvidence,
  { suggestions, leftOut }: Generalised,
  agents: ReadonlySet<string>,
): string {
  const names = new RuleNames(source.rules.map(({ id }) => id))
  const made = suggestions.map(suggestion => ({ suggestion, rule: ruleOf(suggestion, names) }))
  const passed = made.filter(({ suggestion }) => suggestion.kind === 'passed')
  const { rules: _, ...rest } = source
  const document = new Document(
    {
      ...rest,
      metadata: { ...source.metadata, version: source.metadata.version + 1 },
      agents: enforced(source.agents, agents),
      rules: [...source.rules, ...passed.map(({ rule }) => rule)],
    },
    { aliasDuplicateObjects: false },
  )
  document.commentBefore = head(evidence, passed.length)
  const rules = document.get('rules')
  if (isSeq(rules)) {
    for (const [index, { id }] of source.rules.entries())
      comment(rules.items[index], ` ${seen(evidence.rules.get(id) ?? null, 'no attempt met this rule')}`)
    for (const [index, { suggestion }] of passed.entries())
      annotate(rules.items[source.rules.length + index], suggestion)
  }
  return [
    textOf(document),
    section(
      made.filter(({ suggestion }) => suggestion.kind === 'denied'),
      'Denied until now, and nothing that can’t be undone. Take the comment off where it belongs to the work.',
    ),
    section(
      made.filter(({ suggestion }) => suggestion.kind === 'above'),
      'Does more than update. Leave it denied, or take the comment off and name who approves it.',
    ),
    remainder(evidence, leftOut),
  ].join('')
}

function enforced(source: PolicyDocument['agents'], agents: ReadonlySet<string>): PolicyDocument['agents'] {
  return Object.fromEntries(
    Object.entries(source).map(([id, agent]) => {
      const { mode: _, until: __, ...rest } = agent
      return [id, agents.has(id) ? rest : agent]
    }),
  )
}

type Rule = PolicyDocument['rules'][number]

/** Ids that no rule has yet: `coder-stripe-1`. */
class RuleNames {
  private readonly taken: Set<string>

  constructor(taken: readonly string[]) {
    this.taken = new Set(taken)
  }

  next({ agent, api }: Suggestion): string {
    for (let n = 1; ; n++) {
      const id = `${agent.slice(0, 24)}-${api.slice(0, 24)}-${n}`
      if (this.taken.has(id)) continue
      this.taken.add(id)
      return id
    }
  }
}

function ruleOf(suggestion: Suggestion, names: RuleNames): Rule {
  const { agent, api, kind, operations, classes, scope, resources } = suggestion
  const selector = {
    api,
    operations: operations.map(({ name }) => name),
    ...(classes === null ? {} : { class: [...classes] }),
    ...(scope === null
      ? {}
      : {
          scope: Object.fromEntries(Object.entries(scope).map(([member, values]) => [member, [...values]])),
        }),
    ...(resources === null ? {} : { resources: resources.map(({ type, id }) => ({ type, id })) }),
  }
  const id = names.next(suggestion)
  return kind === 'above'
    ? { id, hold: selector, to: [agent], approvers: PLACEHOLDER, because: 'A person decides about this.' }
    : { id, allow: selector, to: [agent] }
}

/** Evidence beside every operation, scope value and list of resources of a suggested rule. */
function annotate(rule: unknown, { operations, scope, wide }: Suggestion): void {
  if (!isMap(rule)) return
  const occurrences = operations.flatMap(each => each.seen)
  const note = wide === 0 ? '' : `; ${wide} different resources, too many to list`
  comment(rule, ` ${seen(tallyOccurrences(occurrences))}${note}`)
  const selector = rule.get('allow') ?? rule.get('hold')
  if (!isMap(selector)) return
  const listed = selector.get('operations')
  if (isSeq(listed))
    for (const [index, { seen: at }] of operations.entries())
      beside(listed.items[index], ` ${seen(tallyOccurrences(at))}`)
  const members = selector.get('scope')
  if (isMap(members))
    for (const [member, values] of Object.entries(scope ?? {})) {
      const node = members.get(member)
      if (isSeq(node))
        for (const [index, value] of values.entries()) {
          const at = occurrences.filter(each => each.scope[member] === value)
          beside(node.items[index], ` ${seen(tallyOccurrences(at))}`)
        }
    }
  const named = selector.get('resources')
  if (isSeq(named))
    for (const item of named.items) {
      if (!isMap(item)) continue
      const id = String(item.get('id'))
      const at = occurrences.filter(({ resources }) => resources.some(each => fits(id, each.id)))
      comment(item, ` ${seen(tallyOccurrences(at))}`)
    }
}

function fits(pattern: string, id: string): boolean {
  return pattern.endsWith('*') ? id.startsWith(pattern.slice(0, -1)) : id === pattern
}

function comment(node: unknown, text: string): void {
  if (isMap(node) || isScalar(node)) (node as YamlNode).commentBefore = text
}

function beside(node: unknown, text: string): void {
  if (isScalar(node)) node.comment = text
}

function seen(tally: Tally | null, otherwise = 'nothing'): string {
  if (tally === null) return otherwise
  const { attempts, firstSeq, lastSeq, tasks } = tally
  const receipts = firstSeq === lastSeq ? `receipt ${firstSeq}` : `receipts ${firstSeq} to ${lastSeq}`
  return `${plural(attempts, 'attempt')}, ${receipts}, ${plural(tasks, 'task')}`
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

function head({ all, untold }: LedgerEvidence, rules: number): string {
  return [
    ` Suggested from ${seen(all)}: ${plural(rules, 'rule')} added.`,
    ' Read every line: it says what was done, not what should be done.',
    ...(untold === null
      ? []
      : [` Whether a rule speaks of ${seen(untold)} only their arguments would tell: pass --auditor-key.`]),
  ].join('\n')
}

/**
 * ATTACK: an agent names a resource so that an editor or a terminal shows another one, or lines that look like a rule.
 * A value with such letters stands in quotes, on one line, with each of them as an escape.
 */
function textOf(document: Document): string {
  visit(document, {
    Scalar: (_, node) => {
      if (typeof node.value === 'string' && hidesLetters(node.value)) node.type = 'QUOTE_DOUBLE'
    },
  })
  return escapeHidden(
    document.toString({ lineWidth: 0, doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER }),
  )
}

/** Rules as comments, with their evidence. */
function section(
  made: readonly { readonly suggestion: Suggestion; readonly rule: Rule }[],
  title: string,
): string {
  if (made.length === 0) return ''
  const document = new Document(
    made.map(({ rule }) => rule),
    { aliasDuplicateObjects: false },
  )
  if (isSeq(document.contents))
    for (const [index, { suggestion }] of made.entries()) annotate(document.contents.items[index], suggestion)
  const lines = textOf(document).trimEnd().split('\n')
  return ['', `# ${title}`, ...lines.map(line => `#   ${line}`.trimEnd()), ''].join('\n')
}

function remainder({ unknown }: LedgerEvidence, leftOut: Generalised['leftOut']): string {
  const lines = [
    ...(unknown === null ? [] : [`# Of operations that the catalogs don’t know: ${seen(unknown)}.`]),
    ...(leftOut.length === 0
      ? []
      : [
          `# Left out, because a resource’s name holds a star, may mean others or is too long: ${seen(tallyOccurrences(leftOut))}.`,
        ]),
  ]
  return lines.length === 0 ? '' : `\n${lines.join('\n')}\n`
}
