import { setTimeout as elapsed } from 'node:timers/promises'
import { Agent, type Dispatcher, request } from 'undici'
import type { IssuedGrant } from '../../src/cli/grant-session.js'
import { signedHeaders } from '../signed.js'

/** One kind of request in the mix: how many of it at a time, how long between two, and what each has to end with. */
interface Kind {
  readonly name: string
  readonly workers: number
  readonly pauseMs: number
  /** A status; `cut` where the answer has to break off; null for an agent that leaves, whatever it still gets. */
  readonly expects: number | 'cut' | null
  readonly path: string
  readonly method?: Dispatcher.HttpMethod
  readonly type?: string
  readonly body?: () => string | Buffer
  readonly variant?: 'signed' | 'no grant' | 'own connection' | 'agent leaves'
}

const JSON_TYPE = 'application/json'
const MB = 1_000_000
const LARGE = JSON.stringify({ rows: 'x'.repeat(MB - 11) })
const UPLOAD = Buffer.alloc(4 * MB, 1)
const AWS_FORM = 'Action=DescribeInstances&Version=2016-11-15'
const PROJECT = '3f1c2a54-6f0e-4c52-9a5e-0d8f6a1b7c01'

const KINDS: readonly Kind[] = [
  { name: 'read', workers: 4, pauseMs: 50, expects: 200, path: '/billing/invoices/in_1' },
  {
    ...{ name: 'GraphQL', workers: 1, pauseMs: 50, expects: 200, path: '/railway/graphql/v2' },
    ...{ method: 'POST', type: JSON_TYPE },
    body: () => JSON.stringify({ query: `{ project(id: "${PROJECT}") { name } }` }),
  },
  {
    ...{ name: 'signed for AWS', workers: 1, pauseMs: 50, expects: 200, path: '/aws/', method: 'POST' },
    ...{ type: 'application/x-www-form-urlencoded', variant: 'signed' },
    body: () => AWS_FORM,
  },
  {
    ...{ name: 'denied', workers: 1, pauseMs: 100, expects: 403, path: '/billing/invoices/in_1/void' },
    method: 'POST',
  },
  { name: 'held', workers: 1, pauseMs: 500, expects: 403, path: '/billing/refunds/re_1', method: 'POST' },
  {
    name: 'without a grant',
    workers: 1,
    pauseMs: 100,
    expects: 401,
    path: '/billing/invoices/in_1',
    variant: 'no grant',
  },
  {
    name: 'own connection',
    workers: 1,
    pauseMs: 100,
    expects: 200,
    path: '/billing/invoices/in_1',
    variant: 'own connection',
  },
  { name: 'large answer', workers: 1, pauseMs: 200, expects: 200, path: '/billing/exports/ex_1' },
  {
    ...{ name: 'large body', workers: 1, pauseMs: 1_000, expects: 200, path: '/billing/imports/im_1' },
    ...{ method: 'POST', type: JSON_TYPE, body: () => LARGE },
  },
  {
    ...{ name: 'upload', workers: 1, pauseMs: 500, expects: 200, path: '/billing/uploads/up_1' },
    ...{ method: 'PUT', type: 'application/octet-stream', body: () => UPLOAD },
  },
  { name: 'slow', workers: 8, pauseMs: 10, expects: 200, path: '/billing/slow/s_1' },
  { name: 'broken upstream', workers: 1, pauseMs: 200, expects: 'cut', path: '/billing/broken/b_1' },
  {
    name: 'agent leaves',
    workers: 2,
    pauseMs: 100,
    expects: null,
    path: '/billing/slow/s_2',
    variant: 'agent leaves',
  },
]

export interface Grants {
  readonly bearer: string
  readonly keys: IssuedGrant
}

/** How often each kind ended as it has to, and whatever else came, by kind and ending. */
export interface Tally {
  readonly expected: Map<string, number>
  readonly unexpected: Map<string, number>
}

export interface Mix {
  readonly tally: Tally
  /** Resolves when every open request has ended and every connection is closed. */
  stop(): Promise<void>
}

export function startMix(gate: string, grants: Grants): Mix {
  const tally: Tally = { expected: new Map(), unexpected: new Map() }
  const agent = new Agent({ keepAliveTimeout: 30_000 })
  let stopping = false
  const work = async (kind: Kind): Promise<void> => {
    while (!stopping) {
      const ended = await once(gate, kind, grants, agent)
      const expected = kind.expects === null || ended === kind.expects
      const counts = expected ? tally.expected : tally.unexpected
      const name = expected ? kind.name : `${kind.name}: ${ended}`
      counts.set(name, (counts.get(name) ?? 0) + 1)
      await elapsed(kind.pauseMs)
    }
  }
  const working = KINDS.flatMap(kind => Array.from({ length: kind.workers }, () => work(kind)))
  return {
    tally,
    stop: async () => {
      stopping = true
      await Promise.all(working)
      await agent.close()
    },
  }
}

const LEAVES_MS = 50

async function once(gate: string, kind: Kind, grants: Grants, agent: Agent): Promise<number | string> {
  const { path, method = 'GET', type, body, variant } = kind
  const url = `${gate}${path}`
  const sent = body?.()
  const own = variant === 'own connection' ? new Agent() : null
  const authorization =
    variant === 'signed'
      ? signedHeaders(method, url, 'ec2', type ?? '', String(sent), grants.keys)
      : variant === 'no grant'
        ? {}
        : { authorization: `Bearer ${grants.bearer}` }
  try {
    const answer = await request(url, {
      method,
      headers: { ...(type === undefined ? {} : { 'content-type': type }), ...authorization },
      dispatcher: own ?? agent,
      ...(sent === undefined ? {} : { body: sent }),
      ...(variant === 'agent leaves' ? { signal: AbortSignal.timeout(LEAVES_MS) } : {}),
    })
    // `dump` would take an answer that breaks off for a whole one.
    for await (const _part of answer.body);
    return answer.statusCode
  } catch (error) {
    const { code, name } = error as NodeJS.ErrnoException
    return ['UND_ERR_SOCKET', 'ECONNRESET', 'UND_ERR_ABORTED'].includes(code ?? '') || name === 'TimeoutError'
      ? 'cut'
      : (code ?? name)
  } finally {
    await own?.close()
  }
}
