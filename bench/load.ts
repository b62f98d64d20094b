import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import process from 'node:process'
import autocannon from 'autocannon'
import { Client } from 'undici'

/** One request that is sent over and over. */
export interface Shot {
  readonly url: string
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/** What fires the shots: wrk where it is installed, because it takes little of the two cores; autocannon otherwise. */
export function loadGenerator(): 'wrk' | 'autocannon' {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return folders.some(folder => existsSync(join(folder, 'wrk'))) ? 'wrk' : 'autocannon'
}

/** Requests a second over a number of connections. Throws unless every answer was a 2xx: a fast refusal is no throughput. */
export function throughput(shot: Shot, connections: number, seconds: number): Promise<number> {
  return loadGenerator() === 'wrk'
    ? byWrk(shot, connections, seconds)
    : byAutocannon(shot, connections, seconds)
}

async function byAutocannon(shot: Shot, connections: number, seconds: number): Promise<number> {
  const { url, method, headers, body } = shot
  const result = await autocannon({
    url,
    method,
    headers: { ...headers },
    connections,
    duration: seconds,
    ...(body === undefined ? {} : { body }),
  })
  if (result.non2xx > 0 || result.errors > 0 || result['2xx'] === 0) {
    throw new Error(`${url}: ${result['2xx']} good answers, ${result.non2xx} others, ${result.errors} errors`)
  }
  return result['2xx'] / result.duration
}

async function byWrk(shot: Shot, connections: number, seconds: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  const script = join(folder, 'shot.lua')
  const lines = [`wrk.method = ${lua(shot.method)}`]
  for (const [name, value] of Object.entries(shot.headers))
    lines.push(`wrk.headers[${lua(name)}] = ${lua(value)}`)
  if (shot.body !== undefined) lines.push(`wrk.body = ${lua(shot.body)}`)
  writeFileSync(script, lines.join('\n'))
  try {
    const text = await run('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', script, shot.url])
    const bad = /Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1]
    const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1])
    if (bad !== undefined || !(rate > 0))
      throw new Error(`${shot.url}: ${bad ?? 'no'} answers were not 2xx\n${text}`)
    return rate
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

export interface Latency {
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Sequential requests on one kept-alive connection, timed one by one. */
export async function latency(shot: Shot, count: number): Promise<Latency> {
  const url = new URL(shot.url)
  const client = new Client(url.origin)
  const times: number[] = []
  try {
    for (let i = 0; i < count; i++) {
      const start = process.hrtime.bigint()
      const answer = await client.request({
        path: url.pathname,
        method: shot.method,
        headers: shot.headers,
        body: shot.body ?? null,
      })
      await answer.body.dump()
      if (answer.statusCode !== 200) throw new Error(`${shot.url}: status ${answer.statusCode}`)
      times.push(Number(process.hrtime.bigint() - start) / 1e6)
    }
  } finally {
    await client.close()
  }
  times.sort((a, b) => a - b)
  return { p50Ms: times[Math.floor(count * 0.5)] as number, p99Ms: times[Math.floor(count * 0.99)] as number }
}
