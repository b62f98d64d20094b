import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import autocannon from 'autocannon'
import { Client } from 'undici'
import { quantile } from './figures.js'
import { installed } from './processes.js'

/** One request that is sent over and over. */
export interface Shot {
  readonly url: string
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

export interface Latency {
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface Load extends Latency {
  readonly requestsPerSecond: number
}

/** What fires the shots: wrk where it is installed, because it takes little of the two cores; autocannon otherwise. */
export function loadGenerator(): 'wrk' | 'autocannon' {
  return installed('wrk') ? 'wrk' : 'autocannon'
}

/** Requests over a number of connections. Throws where an answer wasn't a 2xx: a fast refusal is no throughput. None in time is a rate of 0. */
export function fire(shot: Shot, connections: number, seconds: number): Promise<Load> {
  return loadGenerator() === 'wrk'
    ? byWrk(shot, connections, seconds)
    : byAutocannon(shot, connections, seconds)
}

async function byAutocannon(shot: Shot, connections: number, seconds: number): Promise<Load> {
  const { url, method, headers, body } = shot
  const result = await autocannon({
    url,
    method,
    headers: { ...headers },
    connections,
    duration: seconds,
    ...(body === undefined ? {} : { body }),
  })
  if (result.non2xx > 0 || result.errors > 0) {
    throw new Error(`${url}: ${result['2xx']} good answers, ${result.non2xx} others, ${result.errors} errors`)
  }
  // It counts whole milliseconds, and the median of fast answers would be 0: the mean has fractions.
  const { average: p50Ms, p99: p99Ms } = result.latency
  return { requestsPerSecond: result['2xx'] / result.duration, p50Ms, p99Ms }
}

async function byWrk(shot: Shot, connections: number, seconds: number): Promise<Load> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  const script = join(folder, 'shot.lua')
  const lines = [`wrk.method = ${lua(shot.method)}`]
  for (const [name, value] of Object.entries(shot.headers))
    lines.push(`wrk.headers[${lua(name)}] = ${lua(value)}`)
  if (shot.body !== undefined) lines.push(`wrk.body = ${lua(shot.body)}`)
  lines.push(
    'function done(_, latency) print(string.format("p50 %d p99 %d", latency:percentile(50), latency:percentile(99))) end',
  )
  writeFileSync(script, lines.join('\n'))
  try {
    const text = await run('wrk', [
      ...['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '30s'],
      ...['-s', script, shot.url],
    ])
    const bad = /Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? /Socket errors: (.+)/.exec(text)?.[1]
    const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1])
    const [p50, p99] = (/^p50 (\d+) p99 (\d+)$/m.exec(text) ?? []).slice(1).map(Number)
    if (bad !== undefined || !(rate >= 0) || p50 === undefined || p99 === undefined)
      throw new Error(`${shot.url}: ${bad ?? 'no'} answers were not 2xx\n${text}`)
    return { requestsPerSecond: rate, p50Ms: p50 / 1_000, p99Ms: p99 / 1_000 }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function lua(text: string): string {
  return JSON.stringify(text)
}

function run(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', chunk => {
    text += chunk
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', () => resolve(text))
  })
}

/** Requests in a row to one server, before it is another's turn. */
const BLOCK = 50

/** Sequential requests on one kept-alive connection, timed one by one. */
export async function latency(shot: Shot, count: number): Promise<Latency> {
  const [only] = await latencies([shot], count)
  return only as Latency
}

/** The same to several servers in turns, so that all of them see the same machine; `count` to each. */
export async function latencies(shots: readonly Shot[], count: number): Promise<readonly Latency[]> {
  const runs = shots.map(shot => ({
    shot,
    client: new Client(new URL(shot.url).origin),
    times: [] as number[],
  }))
  try {
    for (let done = 0; done < count; done += BLOCK)
      for (const { shot, client, times } of runs)
        for (let i = done; i < Math.min(count, done + BLOCK); i++) times.push(await timed(client, shot))
  } finally {
    for (const { client } of runs) await client.close()
  }
  return runs.map(({ times }) => {
    const sorted = times.sort((a, b) => a - b)
    return { p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99) }
  })
}

async function timed(client: Client, { url, method, headers, body }: Shot): Promise<number> {
  const start = process.hrtime.bigint()
  const answer = await client.request({ path: new URL(url).pathname, method, headers, body: body ?? null })
  await answer.body.dump({ limit: Number.POSITIVE_INFINITY })
  if (answer.statusCode !== 200) throw new Error(`${url}: status ${answer.statusCode}`)
  return Number(process.hrtime.bigint() - start) / 1e6
}
