import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import {
  contentId,
  decodeEnvelope,
  fromUtf8,
  type JsonObject,
  parseCanonical,
  parseStrictJson,
} from '../canon/index.js'
import { nativeCrypto } from '../native/index.js'
import {
  type ActivePolicy,
  activate,
  addNever,
  type CompiledResult,
  type CompileOptions,
  compilePolicy,
  type Finding,
  filesOf,
  NeverFile,
  type PolicySource,
  parsePolicySource,
  parseSource,
} from '../policy/index.js'
import type { CatalogDocument } from '../protocol/index.js'
import { openAwsShelf } from './aws-shelf.js'
import { loadShippedCatalogs } from './catalogs.js'
import { visible } from './entry-text.js'
import { UsageError } from './io.js'

/** A policy's source as read from disk, or what is wrong with it. */
export type PolicyFile =
  | { readonly kind: 'source'; readonly source: PolicySource; readonly options: CompileOptions }
  | { readonly kind: 'findings'; readonly findings: readonly Finding[] }

/** Reads a policy's YAML and the files beside it that its APIs name. Throws a UsageError only where the policy itself can't be read. */
export function readPolicyFile(file: string): PolicyFile {
  const source = parsePolicySource(readText(file))
  if (source.kind === 'findings') return source
  const folder = dirname(resolve(file))
  const files = new Map<string, string>()
  for (const name of filesOf(source.document.apis)) {
    // A file that isn't there is the compiler's finding, with its line.
    const text = textBeside(resolve(folder, name))
    if (text !== null) files.set(name, text)
  }
  const options = {
    catalogs: loadShippedCatalogs(),
    aws: openAwsShelf(),
    files,
    crypto: nativeCrypto,
    nowMs: Date.now(),
  }
  return { kind: 'source', source, options }
}

/** More than the largest description of an API has. */
const MAX_BESIDE_BYTES = 64 * 1024 * 1024

/** ATTACK: what is to be looked at names a device, a pipe or a heap of bytes, and whoever looks waits for ever. Null for what is no text of a file. */
export function textBeside(path: string): string | null {
  try {
    const found = statSync(path)
    if (!found.isFile() || found.size > MAX_BESIDE_BYTES) return null
    return fromUtf8(readFileSync(path))
  } catch {
    return null
  }
}

/**
 * Reads and compiles a policy's source, with the statements of a file beside it if one is named; throws a
 * UsageError that lists every finding.
 */
export function compilePolicyFile(
  file: string,
  neverFile?: string,
): CompiledResult & { readonly source: PolicySource } {
  const read = readPolicyFile(file)
  const compiled = read.kind === 'source' ? compilePolicy(read.source, read.options) : read
  if (compiled.kind === 'findings' || read.kind === 'findings') {
    throw uncompilable(file, compiled.kind === 'findings' ? compiled.findings : [])
  }
  const { source, options } = read
  if (neverFile === undefined) return { ...compiled, source }
  const beside = readNeverFile(neverFile)
  const both = beside.kind === 'source' ? addNever(compiled, beside, options) : beside
  if (both.kind === 'findings') throw uncompilable(neverFile, both.findings)
  return { ...both, source }
}

function uncompilable(file: string, findings: readonly Finding[]): UsageError {
  return new UsageError(
    [`${file} can’t be compiled`, ...findings.map(each => describeFinding(file, each))].join('\n'),
    'Mend what is listed; `countersign policy lint` lists it again.',
  )
}

/** Statements of a file beside a policy. */
function readNeverFile(file: string): ReturnType<typeof parseSource<typeof NeverFile>> {
  return parseSource(NeverFile, readText(file))
}

/** One finding in a line: `policy.yaml:12:5: error unknown_key: …`. */
export function describeFinding(file: string, finding: Finding): string {
  const { line, column, severity, code, message, mend } = finding
  return `${file}:${line}:${column}: ${severity} ${code}: ${visible(message)}\n  ${visible(mend)}`
}

/** A policy to ask, whether from its source or from a sealed file whose signatures are not looked at. */
export interface ConsultedPolicy {
  readonly active: ActivePolicy
  /** The compiled policy itself. */
  readonly payload: JsonObject
  /** Ids of its rules, in the order of the file. */
  readonly rules: readonly string[]
  /** Line of a rule in the source; null for a sealed file. */
  lineOf(rule: string): number | null
}

/** Opens a policy for questions only: nothing is enforced with it, so no signature is asked for. */
export function consultPolicy(file: string, neverFile?: string): ConsultedPolicy {
  const bytes = readBytes(file)
  if (bytes[0] === 0x7b) {
    if (neverFile !== undefined)
      throw new UsageError('a sealed policy takes no more statements', 'Pass --never with its source.')
    return consultSealed(file, bytes)
  }
  const { source, payload, cid, catalogs } = compilePolicyFile(file, neverFile)
  return {
    active: activate(payload, cid, catalogs, nativeCrypto),
    payload,
    rules: source.document.rules.map(({ id }) => id),
    lineOf: rule => {
      const index = source.document.rules.findIndex(each => each.id === rule)
      return index < 0 ? null : source.locate(['rules', index]).line
    },
  }
}

function consultSealed(file: string, bytes: Uint8Array): ConsultedPolicy {
  const { payload } = decodeEnvelope(bytes)
  const policy = parseCanonical(payload) as JsonObject
  const catalogs = new Map<string, CatalogDocument>()
  // Nothing has been checked yet; `activate` says what is wrong with it.
  const { apis } = (policy ?? {}) as {
    readonly apis?: Readonly<Record<string, { catalog?: unknown } | null>>
  }
  for (const api of Object.values(apis ?? {})) {
    const digest = api?.catalog
    if (typeof digest !== 'string' || !/^sha256:[0-9a-f]{64}$/.test(digest)) continue
    const path = join(dirname(resolve(file)), 'catalogs', `${digest.slice('sha256:'.length)}.json`)
    if (existsSync(path))
      catalogs.set(digest, parseStrictJson(readFileSync(path)) as unknown as CatalogDocument)
  }
  return {
    active: activate(policy, contentId(nativeCrypto, payload), catalogs, nativeCrypto),
    payload: policy,
    rules: (policy.rules as unknown as readonly { readonly id: string }[]).map(({ id }) => id),
    lineOf: () => null,
  }
}

/** ATTACK: a text in another encoding, in which a name that a deny lists reads well in an editor and fits nothing. */
function readText(file: string): string {
  const bytes = readBytes(file)
  try {
    return fromUtf8(bytes)
  } catch {
    throw new UsageError(`${file} is not UTF-8`, 'Save it in UTF-8.')
  }
}

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch {
    throw new UsageError(`cannot read the policy ${file}`, 'Pass the file that holds it.')
  }
}
