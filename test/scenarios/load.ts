import { randomUUID } from 'node:crypto'
import type { Sidecar } from './supervised-sidecar.js'

/** What an agent got for one request: its own id for it, and the status; null where the connection broke. */
export interface Answered {
  readonly id: string
  readonly status: number | null
  readonly code: string | null
}

export interface Load {
  readonly answers: Answered[]
  /** Ends it when every open request is answered. */
  stop(): Promise<void>
}

/** Agents that read invoices as fast as they are answered, each request under an id that names it everywhere. */
export async function startLoad(sidecar: Sidecar, agents = 8): Promise<Load> {
  const authorization = `Bearer ${await sidecar.grant()}`
  const answers: Answered[] = []
  let stopping = false
  const work = Array.from({ length: agents }, async () => {
    while (!stopping) answers.push(await readInvoice(sidecar.url, authorization, `in-${randomUUID()}`))
  })
  return {
    answers,
    stop: async () => {
      stopping = true
      await Promise.all(work)
    },
  }
}

export async function readInvoice(
  url: string,
  authorization: string,
  id: string,
  more: Readonly<Record<string, string>> = {},
): Promise<Answered> {
  try {
    const answer = await fetch(`${url}/billing/invoices/${id}`, { headers: { authorization, ...more } })
    const body = (await answer.json()) as { code?: string }
    return { id, status: answer.status, code: body.code ?? null }
  } catch {
    // A turn of the event loop, so that a gate that is down is not asked in a closed circle.
    await new Promise(resolve => setTimeout(resolve, 5))
    return { id, status: null, code: null }
  }
}
