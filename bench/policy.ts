import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { canonicalBytes, contentId, type JsonObject } from '../src/canon/index.js'
import { loadShippedCatalogs } from '../src/cli/catalogs.js'
import { compilePolicyFile } from '../src/cli/policy-file.js'
import { nativeCrypto } from '../src/native/index.js'
import {
  activate,
  type CompiledResult,
  compilePolicy,
  type DecisionInput,
  matrixOf,
  openSurvey,
  parsePolicySource,
} from '../src/policy/index.js'
import { type Catalog, routesCatalog } from '../src/protocol/index.js'
import { median } from './figures.js'

/**
 * What deciding and reading policies cost. `node dist/bench/policy.js [rounds]` alone; `npm run bench` reports it too. The
 * decision is timed in turns, few routes and many, so that both see the same machine.
 */
export interface PolicyFigures {
  /** Time of a decision with 10,000 routes and rules as a multiple of one with 10. */
  readonly manyRoutesRatio: number
  readonly fewRoutesMicros: number
  readonly manyRoutesMicros: number
  /** The slowest sample of config/policies to compile, catalogs included. */
  readonly largestSample: string
  readonly largestSampleMs: number
  /** A matrix of so many operations. */
  readonly matrixOperations: number
  readonly matrixMs: number
}

const [FEW, MANY] = [10, 10_000]
const ROUNDS = 31
const DECISIONS = 4_000
/** As many as AWS has. */
const MATRIX_OPERATIONS = 15_683

/** With `rounds` fewer than usual the ratio is rough; the rest is as ever. */
export function measurePolicy(rounds = ROUNDS): PolicyFigures {
  const [few, many] = [deciderOf(FEW), deciderOf(MANY)]
  const times = { few: [] as number[], many: [] as number[], ratios: [] as number[] }
  for (const decider of [few, many]) decider(DECISIONS * 3)
  for (let round = 0; round < rounds; round++) {
    const [a, b] = [timed(() => few(DECISIONS)), timed(() => many(DECISIONS))]
    times.few.push(a)
    times.many.push(b)
    times.ratios.push(b / a)
  }
  const samples = samplesMs()
  const [largestSample, largestSampleMs] = samples[0] as [string, number]
  return {
    manyRoutesRatio: median(times.ratios),
    fewRoutesMicros: (median(times.few) * 1_000) / DECISIONS,
    manyRoutesMicros: (median(times.many) * 1_000) / DECISIONS,
    largestSample,
    largestSampleMs,
    matrixOperations: MATRIX_OPERATIONS,
    matrixMs: matrixMs(),
  }
}

/** Of a decision with as many routes and rules, medians of rounds in turns. */
export function decisionMicros(
  sizes: readonly number[],
  rounds: number,
): readonly { readonly routes: number; readonly micros: number }[] {
  const deciders = sizes.map(deciderOf)
  for (const decide of deciders) decide(DECISIONS * 3)
  const times = sizes.map(() => [] as number[])
  for (let round = 0; round < rounds; round++)
    for (const [place, decide] of deciders.entries()) times[place]?.push(timed(() => decide(DECISIONS)))
  return sizes.map((routes, place) => ({
    routes,
    micros: (median(times[place] ?? []) * 1_000) / DECISIONS,
  }))
}

export function policyLines(figures: PolicyFigures): readonly string[] {
  const { manyRoutesRatio, fewRoutesMicros, manyRoutesMicros } = figures
  return [
    `decision with ${MANY} routes against ${FEW}: ${manyRoutesRatio.toFixed(2)} × (${fewRoutesMicros.toFixed(1)} µs, ${manyRoutesMicros.toFixed(1)} µs)`,
    `compiling the largest sample, ${figures.largestSample}: ${figures.largestSampleMs.toFixed(0)} ms of processor time`,
    `matrix of ${figures.matrixOperations} operations: ${figures.matrixMs.toFixed(0)} ms of processor time`,
  ]
}

/**
 * A policy with as many routes, a rule by name for each, and a few general ones; decides about the route in the
 * middle. 10,000 rules are more than a source may hold, so they are added to what was compiled.
 */
function deciderOf(routes: number): (count: number) => void {
  const names = Array.from({ length: routes }, (_, i) => `GET /things${i}/{id}`)
  const base = compiledOf(
    policyText('    routes: [{ route: "GET /things/{id}", class: read }]', [
      '  - { id: no-orders, deny: { api: own, operations: ["GET /things/{id}"] }, when: \'scope.id == "9"\' }',
      '  - { id: by-night, hold: { api: own, class: read }, to: coder, during: night, approvers: people }',
    ]),
    'routes',
  )
  const document = routesCatalog(
    'own',
    names.map(route => ({ route, classes: ['read'] as const })),
    { upstream: 'https://own.internal' },
  )
  const digest = contentId(nativeCrypto, canonicalBytes(document))
  const own = (base.payload.apis as Record<string, JsonObject>).own as JsonObject
  const rules = names.map((name, i) => ({
    ...{ id: `rule-${i}`, effect: 'allow', apis: ['own'], to: ['coder'] },
    select: {
      operations: { named: { own: [name] }, globbed: { own: [] }, patterns: [] },
      scope: { id: ['1'] },
    },
  }))
  const payload = {
    ...base.payload,
    apis: { own: { ...own, catalog: digest } },
    rules: [...(base.payload.rules as JsonObject[]), ...rules],
  } as JsonObject
  const policy = activate(payload, base.cid, new Map([[digest, document]]), nativeCrypto)
  const operation = {
    ...{ api: 'own', name: `GET /things${routes / 2}/{id}`, baseClasses: ['read'], classes: ['read'] },
    ...{ scope: { id: '1' }, resources: [{ type: 'things', id: '1' }], args: { id: '1' }, effects: [] },
  } as DecisionInput['operations'][number]
  const input: DecisionInput = {
    agent: { id: 'coder', environment: 'staging', task: 'bench', owner: 'bench' },
    authorizationDetails: null,
    request: { api: 'own', method: 'GET', target: '/things/1' },
    operations: [operation],
    nowMs: Date.parse('2027-01-10T12:00:00Z'),
    lastEntryMs: 0,
    probe: null,
    usage: () => 0,
  }
  return count => {
    for (let i = 0; i < count; i++)
      if (policy.decide(input).effect !== 'allow') throw new Error('the benchmark decides wrongly')
  }
}

function policyText(api: string, rules: readonly string[]): string {
  return `apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: bench, version: 1, expires: 2099-01-01T00:00:00Z, audience: [sandbox] }
apis:
  own:
    upstream: https://own.internal
${api}
agents:
  coder: { environment: staging }
approvers:
  people: { keys: { maria: "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" } }
windows:
  night: { from: "22:00", to: "06:00", zone: Europe/Berlin }
rules:
${rules.join('\n')}
`
}

function compiledOf(text: string, name: string): CompiledResult {
  const source = parsePolicySource(text)
  if (source.kind === 'findings') throw new Error(`${name.slice(0, 40)}: ${source.findings[0]?.message}`)
  const options = { catalogs: loadShippedCatalogs(), files: new Map<string, string>(), crypto: nativeCrypto }
  const compiled = compilePolicy(source, options)
  if (compiled.kind === 'findings') throw new Error(`${name.slice(0, 40)}: ${compiled.findings[0]?.message}`)
  return compiled
}

/** Samples and how long they take to compile, the slowest first. */
function samplesMs(): readonly (readonly [string, number])[] {
  const folder = fileURLToPath(new URL('../../config/policies/', import.meta.url))
  return readdirSync(folder)
    .filter(file => file.endsWith('.yaml'))
    .map((file): readonly [string, number] => [file, timed(() => compilePolicyFile(join(folder, file)))])
    .sort(([, a], [, b]) => b - a)
}

/** The rules of the largest sample on a catalog as large as that of AWS. */
function matrixMs(): number {
  const rules = [
    '  - { id: read, allow: { api: own, class: read }, to: coder }',
    '  - { id: work, allow: { api: own, operations: ["GET /things*"], class: [read, update], scope: { id: ["1", "2"] } }, to: coder, limit: { count: 20, per: 1h } }',
    '  - { id: nines, deny: { api: own, class: read }, when: \'scope.id == "9"\' }',
    '  - { id: nights, hold: { api: own, except: { class: [read] } }, to: coder, during: night, approvers: people }',
    '  - { id: one, allow: { api: own, class: [read, update] }, to: coder, when: \'scope.id == "1" && agent.environment == "staging"\' }',
  ]
  const compiled = compiledOf(
    policyText('    routes: [{ route: "GET /things/{id}", class: read }]', rules),
    'matrix',
  )
  const spec = compiled.apis.get('own')?.operations[0]
  if (spec === undefined) throw new Error('the benchmark has no operation')
  const classes = [['read'], ['update'], ['create'], ['irreversible'], ['privilege', 'update']] as const
  const specs = Array.from({ length: MATRIX_OPERATIONS }, (_, i) => ({
    ...spec,
    name: `things:Operation${i}`,
    classes: classes[i % classes.length] as (typeof classes)[number],
    raisable: ['irreversible', 'opaque', 'sensitive_read'] as const,
    scope: ['account', 'id', 'region'],
  }))
  const catalog = { operations: () => specs } as Pick<Catalog, 'operations'> as Catalog
  return timed(() => {
    const { rows } = matrixOf(openSurvey(compiled.payload, new Map([['own', { catalog }]])), 'coder')
    if (rows.length !== MATRIX_OPERATIONS + 1) throw new Error('the matrix is not whole')
  })
}

/** Processor milliseconds: what else runs on the machine is not measured with it. */
function timed(work: () => unknown): number {
  const start = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1_000
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const line of policyLines(
    measurePolicy(process.argv[2] === undefined ? ROUNDS : Number(process.argv[2])),
  ))
    process.stdout.write(`${line}\n`)
