import { readdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type Finding, parseSource } from '../../policy/index.js'
import type { Header } from '../../protocol/index.js'
import { type ExplainedRequest, parseHeader, parseRequestLine, requestOfCurl } from '../explain.js'
import { UsageError } from '../io.js'
import { type ConsultedPolicy, consultPolicy, describeFinding, textBeside } from '../policy-file.js'
import { type SupposedAnswers, unknownAnswer } from '../supposed-answers.js'
import { type CaseFile, CaseFileSchema, type CaseSource, type RequestSource } from './case-schema.js'
import { parseCurlLine } from './curl-line.js'

/** One request with what must become of it. */
export interface PolicyCase {
  readonly file: string
  readonly line: number
  readonly name: string
  readonly agent: string | undefined
  readonly request: ExplainedRequest
  readonly nowMs: number
  readonly task: string
  readonly owner: string
  /** What the API answers, by probe. */
  readonly answers: SupposedAnswers
  /** Used up, by the id of the limit's rule. */
  readonly usage: Readonly<Record<string, number>>
  readonly expected: Pick<CaseSource, 'expect' | 'rule' | 'code' | 'operations'>
}

/** The cases for one policy. */
export interface CaseGroup {
  /** File of the policy. */
  readonly policy: string
  readonly consulted: ConsultedPolicy
  readonly cases: readonly PolicyCase[]
}

/**
 * Reads files of cases, and folders of them (`*.yaml`, `*.yml`, at any depth), grouped by the policy that they test:
 * `policy` where it is given, each file's own otherwise. Throws a UsageError that lists everything that is wrong.
 */
export function readCases(
  paths: readonly string[],
  policy: string | undefined,
  nowMs: number,
): readonly CaseGroup[] {
  const groups = new Map<string, { readonly consulted: ConsultedPolicy; readonly cases: PolicyCase[] }>()
  const problems: string[] = []
  for (const file of paths.flatMap(filesAt)) {
    const source = parseSource(CaseFileSchema, readText(file))
    if (source.kind === 'findings') {
      problems.push(...source.findings.map(finding => describeFinding(file, finding)))
      continue
    }
    const tested = policy ?? policyOf(file, source.document)
    const group = groups.get(tested) ?? { consulted: consultPolicy(tested), cases: [] }
    groups.set(tested, group)
    const reader = new CaseReader(file, source.document, source.locate, group.consulted, nowMs)
    group.cases.push(...reader.cases())
    problems.push(...reader.problems)
  }
  if (problems.length > 0)
    throw new UsageError(['cases that can’t be read', ...problems].join('\n'), 'Mend what is listed.')
  return [...groups].map(([file, group]) => ({ policy: file, ...group }))
}

function filesAt(path: string): readonly string[] {
  try {
    if (!statSync(path).isDirectory()) return [path]
  } catch {
    throw new UsageError(`there is no ${path}`, 'Pass files of cases, or folders that hold them.')
  }
  // All the way down: cases that are passed over in silence would hold for any policy.
  const files = readdirSync(path, { recursive: true, withFileTypes: true })
    .filter(entry => !entry.isDirectory() && /\.ya?ml$/.test(entry.name))
    .map(entry => join(entry.parentPath, entry.name))
    .sort()
  if (files.length === 0)
    throw new UsageError(`${path} holds no cases`, 'Put files of cases there, ending in .yaml.')
  return files
}

function policyOf(file: string, { policy }: CaseFile): string {
  if (policy !== undefined) {
    const tested = join(dirname(file), policy)
    readText(tested)
    return tested
  }
  throw new UsageError(
    `${file} doesn’t say which policy it tests`,
    'Add `policy: FILE`, or pass --policy FILE.',
  )
}

class CaseReader {
  readonly problems: string[] = []
  private readonly file: string
  private readonly document: CaseFile
  private readonly locate: (path: readonly (string | number)[]) => { line: number; column: number }
  private readonly consulted: ConsultedPolicy
  private readonly nowMs: number

  constructor(
    file: string,
    document: CaseFile,
    locate: CaseReader['locate'],
    consulted: ConsultedPolicy,
    nowMs: number,
  ) {
    this.file = file
    this.document = document
    this.locate = locate
    this.consulted = consulted
    this.nowMs = nowMs
  }

  cases(): readonly PolicyCase[] {
    return this.document.cases.flatMap((source, index) => this.caseOf(source, index))
  }

  private caseOf(source: CaseSource, index: number): readonly PolicyCase[] {
    const path = ['cases', index]
    const { name, expect, rule, code, operations, task = 'test', owner = '', usage = {}, probe = {} } = source
    const agent = source.agent ?? this.document.agent
    this.checkNames(source, agent, path)
    this.checkAnswers(source, path)
    const now = this.timeOf(source.now, [...path, 'now']) ?? this.timeOf(this.document.now, ['now'])
    const common = {
      file: this.file,
      line: this.locate(path).line,
      agent,
      nowMs: now ?? this.nowMs,
      task,
      owner,
      usage,
      answers: answersOf(probe),
      expected: {
        expect,
        ...(rule === undefined ? {} : { rule }),
        ...(code === undefined ? {} : { code }),
        ...(operations === undefined ? {} : { operations }),
      },
    }
    const requests = this.requestsOf(source, path)
    return requests.map((request, place) => ({
      ...common,
      name: requests.length === 1 ? name : `${name} (${place + 1})`,
      request,
    }))
  }

  private checkNames(
    source: CaseSource,
    agent: string | undefined,
    path: readonly (string | number)[],
  ): void {
    const { active, rules } = this.consulted
    if (agent === undefined ? active.agents.size !== 1 : !active.agents.has(agent)) {
      const known = [...active.agents.keys()].join(', ')
      this.report(
        'undefined_name',
        source.agent === undefined ? path : [...path, 'agent'],
        agent === undefined ? 'The policy has several agents.' : `The policy has no agent "${agent}".`,
        `Write \`agent:\` with one of: ${known}.`,
      )
    }
    for (const id of Object.keys(source.usage ?? {}))
      if (!rules.includes(id))
        this.report(
          'undefined_name',
          [...path, 'usage', id],
          `The policy has no rule "${id}".`,
          'Name a rule with a limit.',
        )
  }

  private checkAnswers(source: CaseSource, path: readonly (string | number)[]): void {
    const unknown = unknownAnswer(this.consulted.active, answersOf(source.probe ?? {}))
    if (unknown !== null)
      this.report(
        'undefined_name',
        [...path, 'probe'],
        `No API of the policy has ${unknown}.`,
        'docs/policy.md lists the probes of each API and their facts.',
      )
  }

  private timeOf(text: string | undefined, path: readonly (string | number)[]): number | null {
    if (text === undefined) return null
    const ms = Date.parse(text)
    if (/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{3})?Z$/.test(text) && !Number.isNaN(ms)) return ms
    this.report('wrong_value', path, `"${text}" is not a time in UTC.`, 'Write 2027-02-01T12:00:00Z.')
    return null
  }

  private requestsOf(source: CaseSource, path: readonly (string | number)[]): readonly ExplainedRequest[] {
    const { request, recorded } = source
    try {
      if (request !== undefined && recorded === undefined) return [this.requestOf(request)]
      if (recorded !== undefined && request === undefined) return this.recordedIn(recorded)
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      const at = request === undefined ? 'recorded' : 'request'
      this.report('wrong_value', [...path, at], `${error.message}.`, error.mend)
      return []
    }
    this.report(
      'missing_key',
      path,
      'A case has one of `request` and `recorded`.',
      'Write `request: curl …`, or `recorded: FILE`.',
    )
    return []
  }

  private requestOf(source: string | RequestSource): ExplainedRequest {
    if (typeof source === 'string') {
      const { url, flags } = parseCurlLine(source, name => this.beside(name))
      return requestOfCurl(this.consulted.active, url, flags, undefined)
    }
    const { api, method, target, headers = [], body } = source
    const lines: Header[] = headers.map(parseHeader)
    return {
      api,
      method,
      target,
      headers: lines,
      body: body === undefined ? null : Buffer.from(body, 'utf8'),
    }
  }

  private recordedIn(name: string): readonly ExplainedRequest[] {
    const lines = this.beside(name)
      .split(/\r?\n/)
      .filter(line => line.trim() !== '')
    if (lines.length === 0) throw new UsageError(`${name} holds no requests`, 'Write one a line.')
    return lines.map((line, index) => {
      const request = parseRequestLine(line)
      if (request === null)
        throw new UsageError(
          `line ${index + 1} of ${name} is not a request`,
          'Write {"api","method","target","headers","body"} as `countersign policy explain --requests FILE` reads it.',
        )
      return request
    })
  }

  /** A file that a case names, relative to the file of cases. */
  private beside(name: string): string {
    return readText(resolve(dirname(this.file), name))
  }

  private report(
    code: Finding['code'],
    path: readonly (string | number)[],
    message: string,
    mend: string,
  ): void {
    const place = this.locate(path)
    this.problems.push(
      describeFinding(this.file, { code, severity: 'error', ...place, path: path.join('.'), message, mend }),
    )
  }
}

function answersOf(probe: NonNullable<CaseSource['probe']>): SupposedAnswers {
  return Object.fromEntries(
    Object.entries(probe).flatMap(([name, facts]) => (facts === 'unanswered' ? [] : [[name, facts]])),
  )
}

function readText(file: string): string {
  const text = textBeside(file)
  if (text !== null) return text
  throw new UsageError(`cannot read ${file}`, 'Name a file that is there, relative to the file of cases.')
}
