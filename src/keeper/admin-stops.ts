import type { FastifyInstance } from 'fastify'
import type { Activation } from './activation.js'
import { orderOf } from './admin-body.js'
import { keeperFault } from './error-table.js'
import type { Grants } from './grants.js'
import type { HaltScope, Stops } from './stops.js'

export interface StopsAdmin {
  readonly stops: Stops
  readonly grants: Pick<Grants, 'list'>
  readonly activation: Pick<Activation, 'inForce'>
}

/** Stopping takes the socket alone, going on an order of the `operate` role. */
export function routeStops(app: FastifyInstance, { stops, grants, activation }: StopsAdmin): void {
  /** A name that nobody has is halted all the same; who has misspelt it is told so. */
  const isKnown = (of: HaltScope): boolean => {
    if (of.scope === 'all') return true
    if (of.scope === 'task') return grants.list().some(({ task }) => task === of.task)
    return activation.inForce()?.agents.has(of.agent) === true
  }
  app.get('/v1/stops', () => stops.list())
  app.post('/v1/stops/halt', async request => {
    const { of, by, because, cut } = wordsOf(request.body)
    if (typeof cut !== 'boolean') throw keeperFault('admin_malformed', 'expected true or false')
    const scope = haltScopeOf(of)
    const known = isKnown(scope)
    return { ...(await stops.halt(scope, { by, because, cut })), known }
  })
  app.post('/v1/stops/resume', async request => ({
    halt: await stops.resume(orderOf(request.body, 'operate_order_malformed')),
  }))
  app.post('/v1/stops/freeze', async request => {
    const { by, because, untilMs } = wordsOf(request.body)
    if (untilMs !== null && !(Number.isSafeInteger(untilMs) && (untilMs as number) > 0))
      throw keeperFault('admin_malformed', 'expected Unix milliseconds')
    return { freeze: await stops.freeze(by, because, untilMs as number | null) }
  })
  app.post('/v1/stops/thaw', async request => ({
    freeze: await stops.thaw(orderOf(request.body, 'operate_order_malformed')),
  }))
}

/** Written in receipts and shown to people: no control, format or unassigned character. */
const PLAIN_TEXT = /^[^\p{C}]{1,500}$/u

function plainText(value: unknown): string {
  if (typeof value === 'string' && PLAIN_TEXT.test(value)) return value
  throw keeperFault('admin_malformed', 'expected 1 to 500 plain characters')
}

function wordsOf(body: unknown) {
  const { of, by, because, untilMs = null, cut = false } = (body ?? {}) as Readonly<Record<string, unknown>>
  return { of, by: plainText(by), because: because === undefined ? null : plainText(because), untilMs, cut }
}

function haltScopeOf(value: unknown): HaltScope {
  const { scope, agent, task } = (value ?? {}) as Readonly<Record<string, unknown>>
  if (scope === 'agent') return { scope, agent: plainText(agent) }
  if (scope === 'task') return { scope, task: plainText(task) }
  if (scope === 'all') return { scope }
  throw keeperFault('admin_malformed', 'expected the scope agent, task or all')
}
