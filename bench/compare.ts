import type { Case } from './cases.js'
import { type Contender, isBare, isSidecar } from './contenders.js'
import { median } from './figures.js'
import { fire, type Load } from './load.js'
import { cpuSeconds, proportionalMiB } from './processes.js'

/** How one contender did in one case at one number of connections: medians of the rounds. */
export interface Showing extends Load {
  readonly contender: string
  /** Processor microseconds a request, by process. */
  readonly cpuMicros: Readonly<Record<string, number>>
  /** Throughput as a share of bare `@fastify/http-proxy`'s: the median of the rounds' ratios. */
  readonly toBare: number
}

export interface CaseResult {
  readonly name: string
  readonly connections: number
  readonly showings: readonly Showing[]
}

export interface Plan {
  readonly seconds: number
  readonly rounds: number
  readonly warmUpSeconds: number
}

/**
 * Fires the same requests at each contender in turn, round by round, so that all of them see the same machine. The sidecar
 * comes next to what it is compared with.
 */
export async function compare(
  each: Case,
  connections: number,
  contenders: readonly Contender[],
  plan: Plan,
  tell: (line: string) => void,
): Promise<CaseResult> {
  const rounds = contenders.map(() => [] as Round[])
  for (const contender of contenders) await fire(contender.shot(each), connections, plan.warmUpSeconds)
  for (let round = 1; round <= plan.rounds; round++) {
    for (const [place, contender] of contenders.entries()) {
      tell(`${each.name}, ${connections} connections, round ${round} of ${plan.rounds}: ${contender.name}`)
      rounds[place]?.push(await roundOf(contender, each, connections, plan.seconds))
    }
  }
  const bare = contenders.findIndex(isBare)
  return {
    name: each.name,
    connections,
    showings: contenders.map(({ name }, place) => showing(name, rounds[place] ?? [], rounds[bare] ?? [])),
  }
}

/** Throughput of the sidecar as a share of bare's. */
export function ratioIn({ showings }: CaseResult): number {
  return showings.find(({ contender }) => isSidecar({ name: contender }))?.toBare ?? Number.NaN
}

/**
 * Processor time that bare takes for a request as a share of the sidecar's. Neither the disk nor what else runs on the
 * machine changes it much, so that it can be held to a figure of another day.
 */
export function thriftIn({ showings }: CaseResult): number {
  const spent = (is: typeof isBare) => {
    const showing = showings.find(({ contender }) => is({ name: contender }))
    return showing === undefined ? Number.NaN : sum(Object.values(showing.cpuMicros))
  }
  return spent(isBare) / spent(isSidecar)
}

/** MiB of all of a contender's processes, by what they do; what several of them share is counted once. */
export function memoryOf(contender: Contender): Readonly<Record<string, number>> {
  return byProcess(contender, pids => sum(pids.map(proportionalMiB)))
}

interface Round extends Load {
  readonly cpuMicros: Readonly<Record<string, number>>
}

async function roundOf(
  contender: Contender,
  each: Case,
  connections: number,
  seconds: number,
): Promise<Round> {
  const cpu = () => byProcess(contender, pids => sum(pids.map(cpuSeconds)))
  const shot = contender.shot(each)
  const before = cpu()
  const load = await fire(shot, connections, seconds)
  const requests = load.requestsPerSecond * seconds
  const spent = Object.entries(cpu()).map(([role, after]): [string, number] => [
    role,
    ((after - (before[role] ?? 0)) * 1e6) / requests,
  ])
  return { ...load, cpuMicros: Object.fromEntries(spent) }
}

function showing(contender: string, rounds: readonly Round[], bare: readonly Round[]): Showing {
  const roles = Object.keys(rounds[0]?.cpuMicros ?? {})
  return {
    contender,
    requestsPerSecond: median(rounds.map(round => round.requestsPerSecond)),
    p50Ms: median(rounds.map(round => round.p50Ms)),
    p99Ms: median(rounds.map(round => round.p99Ms)),
    cpuMicros: Object.fromEntries(
      roles.map(role => [role, median(rounds.map(({ cpuMicros }) => cpuMicros[role] ?? 0))]),
    ),
    toBare: median(
      rounds.map(
        ({ requestsPerSecond }, round) => requestsPerSecond / (bare[round]?.requestsPerSecond ?? Number.NaN),
      ),
    ),
  }
}

function byProcess(
  contender: Contender,
  measure: (pids: readonly number[]) => number,
): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(contender.pids()).map(([role, pids]) => [role, measure(pids)]))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}
