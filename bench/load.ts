import autocannon from 'autocannon'

/** One request that is sent over and over. */
export interface Shot {
  readonly url: string
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

export interface Measured {
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Fires one shot over a number of connections for some seconds. Throws unless every answer was a 2xx: a fast refusal is not throughput. */
export async function fire(shot: Shot, connections: number, seconds: number): Promise<Measured> {
  const result = await autocannon({
    url: shot.url,
    method: shot.method,
    headers: { ...shot.headers },
    ...(shot.body === undefined ? {} : { body: shot.body }),
    connections,
    duration: seconds,
  })
  if (result.non2xx > 0 || result.errors > 0 || result['2xx'] === 0) {
    throw new Error(
      `${shot.url}: ${result['2xx']} answers of 2xx, ${result.non2xx} others, ${result.errors} errors`,
    )
  }
  return {
    requestsPerSecond: result['2xx'] / result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
  }
}

/**
 * Added latency at one connection needs better than autocannon's whole milliseconds: sequential requests on
 * one kept-alive connection, timed one by one.
 */
export async function latencies(shot: Shot, count: number): Promise<{ p50Ms: number; p99Ms: number }> {
  const { Client } = await import('undici')
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
        ...(shot.body === undefined ? {} : { body: shot.body }),
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
