import { consoleFault } from './error-table.js'

/** The keeper's admin API, whatever it is reached through. Rejects where it can't be reached. */
export interface KeeperPort {
  ask(
    method: 'GET' | 'POST',
    path: string,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly value: unknown }>
}

/** What of the admin API a question of the page comes to. */
export interface AdminQuestion {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: unknown
}

interface Route {
  readonly method: 'GET' | 'POST'
  readonly path: RegExp
  readonly question: (found: RegExpExecArray, body: Members, by: string) => AdminQuestion
}

type Members = Readonly<Record<string, unknown>>

const read =
  (path: string): Route['question'] =>
  () => ({ method: 'GET', path })

/**
 * All that the page may ask the keeper: reading, handing over what a person has signed, halting and freezing. Grants,
 * resuming, thawing, erasures and reloads are not in it; they take orders that are signed elsewhere.
 */
const ROUTES: readonly Route[] = [
  { method: 'GET', path: /^\/api\/status$/, question: read('/v1/status') },
  { method: 'GET', path: /^\/api\/policy$/, question: read('/v1/policy') },
  { method: 'GET', path: /^\/api\/approvals$/, question: read('/v1/approvals') },
  {
    method: 'GET',
    path: /^\/api\/approvals\/([0-9a-f-]{36})$/,
    question: ([, id]) => ({ method: 'GET', path: `/v1/approvals/${id}` }),
  },
  { method: 'GET', path: /^\/api\/grants$/, question: read('/v1/grants') },
  {
    method: 'GET',
    path: /^\/api\/receipts\?from=([0-9]{1,15})&limit=([0-9]{1,3})$/,
    question: ([, from, limit]) => ({ method: 'GET', path: `/v1/receipts?from=${from}&limit=${limit}` }),
  },
  {
    method: 'POST',
    path: /^\/api\/approvals\/([0-9a-f-]{36})\/countersignatures$/,
    question: ([, id], { countersignature }) => ({
      method: 'POST',
      path: `/v1/approvals/${id}/countersignatures`,
      body: { countersignature },
    }),
  },
  {
    method: 'POST',
    path: /^\/api\/halts$/,
    question: (_, { of, because }, by) => ({
      method: 'POST',
      path: '/v1/stops/halt',
      body: { of, by, ...(because === undefined ? {} : { because }) },
    }),
  },
  {
    method: 'POST',
    path: /^\/api\/freezes$/,
    question: (_, { untilMs, because }, by) => ({
      method: 'POST',
      path: '/v1/stops/freeze',
      body: {
        by,
        ...(because === undefined ? {} : { because }),
        ...(untilMs === undefined ? {} : { untilMs }),
      },
    }),
  },
]

/** Throws `console_malformed` for what the page has no business to ask. `by` stands in the receipt of a halt or a freeze. */
export function adminQuestion(method: string, url: string, body: unknown, by: string): AdminQuestion {
  for (const route of ROUTES) {
    const found = route.method === method ? route.path.exec(url) : null
    if (found !== null) return route.question(found, (body ?? {}) as Members, by)
  }
  throw consoleFault('console_malformed', 'no such route')
}
