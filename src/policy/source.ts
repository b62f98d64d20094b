import type { Static, TSchema } from 'typebox'
import {
  type Document,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  visit,
  type Node as YamlNode,
} from 'yaml'
import { utf8 } from '../canon/index.js'
import { type PolicyDocument, PolicySchema } from './document.js'
import { type DocumentPath, type Finding, Findings, type Locate } from './finding.js'
import { checkSchema } from './schema-check.js'

type YamlProblem = Document['errors'][number] | Document['warnings'][number]

const MAX_SOURCE_BYTES = 1 << 20

/** A YAML source that fits its schema. */
export interface Source<T> {
  readonly kind: 'source'
  readonly document: T
  readonly locate: Locate
}

export interface SourceFindings {
  readonly kind: 'findings'
  /** Never empty; by line. */
  readonly findings: readonly Finding[]
}

export type PolicySource = Source<PolicyDocument>

/** Reads a policy's source and checks it against the grammar. Reports everything it finds. Never throws. */
export function parsePolicySource(text: string): PolicySource | SourceFindings {
  return parseSource(PolicySchema, text)
}

/**
 * Reads YAML 1.2 (core schema) and checks it against a schema. Reports everything it finds. Refused beside syntax
 * errors: duplicate keys, anchors, aliases, merge keys, tags, several documents, more than 1 MiB. Never throws.
 */
export function parseSource<S extends TSchema>(schema: S, text: string): Source<Static<S>> | SourceFindings {
  const lines = new LineCounter()
  const whole = new Findings(() => ({ line: 1, column: 1 }))
  if (!text.isWellFormed() || utf8(text).length > MAX_SOURCE_BYTES) {
    whole.add('source_too_large', [], 'The source is larger than 1 MiB, or not Unicode.')
    return { kind: 'findings', findings: whole.sorted() }
  }
  const shielded = shieldTemplates(text)
  const documents = parseAllDocuments(shielded, {
    lineCounter: lines,
    uniqueKeys: true,
    merge: false,
    version: '1.2',
    schema: 'core',
    stringKeys: true,
    logLevel: 'silent',
  })
  if (!Array.isArray(documents) || documents.length === 0) {
    whole.add('yaml_syntax', [], 'The source is empty.')
    return { kind: 'findings', findings: whole.sorted() }
  }
  const document = documents[0] as Document.Parsed as Document
  let offset = 0
  const findings = new Findings(path =>
    path.length === 0 ? position(lines, offset) : locateIn(document.contents, lines, path),
  )
  const at = (
    where: number,
    code: 'yaml_syntax' | 'yaml_feature' | 'hidden_letter',
    message: string,
  ): void => {
    offset = where
    findings.add(code, [], message)
  }
  for (const problem of telling(documents.flatMap(each => [...each.errors, ...each.warnings]))) {
    const feature = problem.code === 'TAG_RESOLVE_FAILED'
    at(
      problem.pos[0],
      feature ? 'yaml_feature' : 'yaml_syntax',
      problem.message.replace(/ at line [\s\S]*$/, ''),
    )
  }
  if (documents.length > 1)
    at(documents[1]?.range?.[0] ?? 0, 'yaml_feature', 'The file holds several documents.')
  refuseHidden(text, document, at)
  refuseFeatures(document, at)
  if (findings.hasErrors) return { kind: 'findings', findings: findings.sorted() }
  offset = 0
  if (shielded !== text) unshieldTemplates(document)
  const value: unknown = document.toJS({ maxAliasCount: 0 })
  checkSchema(schema, value, findings)
  if (findings.hasErrors) return { kind: 'findings', findings: findings.sorted() }
  return {
    kind: 'source',
    document: value as Static<S>,
    locate: path => locateIn(document.contents, lines, path),
  }
}

/** Duplicate keys all; of other syntax errors the first only, since YAML stumbles over everything after it. */
function telling(problems: readonly YamlProblem[]): readonly YamlProblem[] {
  const first = problems.find(problem => problem.code !== 'DUPLICATE_KEY')
  return problems.filter(problem => problem === first || problem.code === 'DUPLICATE_KEY')
}

/** Control letters, and whatever turns the direction of writing around or is shown as nothing. */
const HIDDEN = /[^\P{Cc}\t\n\r]|[\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\uFFF9-\uFFFB]/u

/** Where a script or an emoji needs such a letter: behind one that carries it, a joiner or the choice of a form. */
const CARRIED =
  /[\p{Extended_Pictographic}\p{Emoji_Modifier}][\u200D\uFE0E\uFE0F]+|[0-9#*]\uFE0F\u20E3|\p{sc=Mongolian}[\u180B-\u180D\u180F]|\p{sc=Han}[\uFE00-\uFE0F\u{E0100}-\u{E01EF}]|(?![\p{sc=Latin}\p{sc=Greek}\p{sc=Cyrillic}\p{sc=Inherited}])[\p{L}\p{M}][\u200C\u200D]/gu

/** Looks like a space and is none. */
const OTHER_SPACE = /(?! )\p{Zs}/u

/**
 * ATTACK: a rule that an editor or a review shows as another one (CVE-2021-42574), in a comment as well; and a name that reads like
 * a resource and is not, so that a deny of it denies nothing.
 */
function refuseHidden(
  text: string,
  document: Document,
  at: (offset: number, code: 'hidden_letter', message: string) => void,
): void {
  const start = text.startsWith('\uFEFF') ? 1 : 0
  const found = HIDDEN.exec(text.slice(start).replace(CARRIED, carried => '.'.repeat(carried.length)))
  if (found !== null)
    at(start + found.index, 'hidden_letter', `${codePoint(found[0])} is there, which nobody can see.`)
  visit(document, {
    Scalar: (key, { range }, path) => {
      const [from, to] = range ?? [0, 0]
      const space = OTHER_SPACE.exec(text.slice(from, to))
      if (space === null || (key === 'value' && isProse(path.at(-1)))) return
      at(from + space.index, 'hidden_letter', `${codePoint(space[0])} is there, which looks like a space.`)
    },
  })
}

/** What people read and nothing compares. */
function isProse(pair: unknown): boolean {
  return isPair(pair) && isScalar(pair.key) && pair.key.value === 'because'
}

function codePoint(letter: string): string {
  return `U+${(letter.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')}`
}

const ROUTE = /(\broute:[ \t]+[A-Z]+ )(\/[^\s,"'#]*)/g
const [OPEN, CLOSE] = ['\uE000', '\uE001']

/**
 * Lets an author write `{ route: GET /invoices/{id}, class: read }`, which YAML can't: braces end a plain
 * scalar there. They are stood in for by private letters of the same length, so that positions stay true.
 */
function shieldTemplates(text: string): string {
  if (text.includes(OPEN) || text.includes(CLOSE)) return text
  return text.replace(
    ROUTE,
    (_, head: string, path: string) => head + path.replace(/\{([A-Za-z0-9_.-]+\+?)\}/g, `${OPEN}$1${CLOSE}`),
  )
}

function unshieldTemplates(document: Document): void {
  visit(document, {
    Scalar: (_, node) => {
      if (typeof node.value === 'string') node.value = node.value.replaceAll(OPEN, '{').replaceAll(CLOSE, '}')
    },
  })
}

// ATTACK: aliases that multiply (a "billion laughs"), a merge key or a tag that changes what a reader sees.
function refuseFeatures(
  document: Document,
  at: (offset: number, code: 'yaml_feature', message: string) => void,
): void {
  const where = (node: YamlNode): number => node.range?.[0] ?? 0
  visit(document, {
    Alias: (_, node) => at(where(node), 'yaml_feature', 'An alias is not read.'),
    Node: (_, node) => {
      const { anchor, tag } = node as { anchor?: string; tag?: string }
      if (anchor !== undefined) at(where(node), 'yaml_feature', 'An anchor is not read.')
      if (tag !== undefined) at(where(node), 'yaml_feature', 'A tag is not read.')
    },
    Pair: (_, pair) => {
      if (isScalar(pair.key) && (pair.key.value === '<<' || pair.key.value === '__proto__')) {
        at(where(pair.key), 'yaml_feature', `The key ${pair.key.value} is not read.`)
      }
    },
  })
}

function locateIn(
  root: YamlNode | null,
  lines: LineCounter,
  path: DocumentPath,
): { line: number; column: number } {
  let node: unknown = root
  let offset = root?.range?.[0] ?? 0
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(item => isScalar(item.key) && String(item.key.value) === String(step))
      if (pair === undefined) break
      offset = (pair.key as YamlNode).range?.[0] ?? offset
      node = pair.value
    } else if (isSeq(node)) {
      node = node.items[Number(step)]
      if (node === undefined) break
      offset = (node as YamlNode).range?.[0] ?? offset
    } else break
  }
  return position(lines, offset)
}

function position(lines: LineCounter, offset: number): { line: number; column: number } {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(1, line), column: Math.max(1, col) }
}
