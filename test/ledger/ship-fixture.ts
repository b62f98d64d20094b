import { createHash, createHmac } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import {
  type Batch,
  type Delivery,
  type Ledger,
  type Shipping,
  type ShippingLimits,
  type ShipTo,
  type Sink,
  startShipping,
} from '../../src/ledger/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { temporaryFolder } from './ledger-fixture.js'

/** A sink in memory whose next answers the test decides. */
export class ShelfSink implements Sink {
  readonly kind = 'http'
  readonly to = 'http://shelf.test'
  readonly acknowledges: boolean
  readonly sent: Batch[] = []
  closed = false
  /** What becomes of a batch; stored unless told. */
  answer: (batch: Batch, signal: AbortSignal) => Promise<Delivery> | Delivery = () => ({ kind: 'stored' })

  constructor(acknowledges = true) {
    this.acknowledges = acknowledges
  }

  async send(batch: Batch, signal: AbortSignal): Promise<Delivery> {
    this.sent.push(batch)
    return this.answer(batch, signal)
  }

  async close(): Promise<void> {
    this.closed = true
  }

  /** Every entry that was sent, by number, however often. */
  get entries(): string[] {
    const found: string[] = []
    for (const { first, entries } of this.sent)
      for (const [place, bytes] of entries.entries()) found[first + place] = Buffer.from(bytes).toString()
    return found
  }
}

export interface Noted {
  readonly level: 'info' | 'warn' | 'error'
  readonly facts: object
  readonly sentence: string
}

/** A folder of its own, which stays until shipping has stopped. */
export function cursorsBeside(folder: string): string {
  return `${folder}.shipped`
}

/** Starts shipping with a log that is kept, and ends it with the test. */
export async function shipping(
  t: TestContext,
  ledger: Ledger,
  folder: string,
  sinks: readonly (Pick<ShipTo, 'sink'> & Partial<ShipTo>)[],
  limits: Partial<ShippingLimits> & { readonly nowMs?: () => number } = {},
): Promise<{ readonly shipping: Shipping; readonly noted: Noted[] }> {
  const noted: Noted[] = []
  const note = (level: Noted['level']) => (facts: object, sentence: string) => {
    noted.push({ level, facts, sentence })
  }
  const started = await startShipping({
    ledger,
    sinks: sinks.map((each, i) => ({ name: `sink-${i}`, required: true, everyMs: 1, ...each })),
    cursors: cursorsBeside(folder),
    crypto: nativeCrypto,
    log: { info: note('info'), warn: note('warn'), error: note('error') },
    nowMs: limits.nowMs ?? Date.now,
    random: () => 0.5,
    limits: { firstRetryMs: 1, longestRetryMs: 20, ...limits },
  })
  t.after(async () => {
    await started.stop(0)
    await rm(cursorsBeside(folder), { recursive: true, force: true, maxRetries: 5 })
  })
  return { shipping: started, noted }
}

/** Resolves when every sink has all that the ledger holds. */
export async function shipped(of: Shipping): Promise<void> {
  await until(() => of.status().every(({ lag }) => lag.entries === 0))
}

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise(setImmediate)
}

type Handler = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void

/** An HTTP server on a port of its own that reads bodies whole. */
export async function server(
  t: TestContext,
  handler: Handler,
): Promise<{ readonly url: string; readonly server: Server }> {
  const listening = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request) chunks.push(chunk)
    } catch {
      return
    }
    handler(request, response, Buffer.concat(chunks))
  })
  await new Promise<void>(resolve => listening.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    listening.closeAllConnections()
    listening.close()
  })
  return { url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}`, server: listening }
}

/** The objects of a bucket, and the headers that each was put with. */
export interface StoredObject {
  readonly body: Buffer
  readonly headers: IncomingMessage['headers']
}

/**
 * An object store as far as shipping and reading go, that holds requests to the headers which object lock needs: what
 * a small S3 server doesn't check.
 */
export class ObjectStore {
  readonly objects = new Map<string, StoredObject>()
  readonly puts: string[] = []
  /** Answers a request instead of the store; true where it did. */
  intercept: (request: IncomingMessage, response: ServerResponse, body: Buffer) => boolean = () => false
  /** Forgets what it says that it has stored. */
  loses: (name: string) => boolean = () => false
  url = ''

  static async listen(t: TestContext): Promise<ObjectStore> {
    const store = new ObjectStore()
    store.url = (await server(t, (request, response, body) => store.answer(request, response, body))).url
    return store
  }

  /** Copies the bucket into a folder, as an auditor's client does; answers the folder. */
  async synchronise(t: TestContext): Promise<string> {
    const folder = await temporaryFolder(t)
    for (const [name, { body }] of this.objects) {
      const file = join(folder, ...name.split('/').slice(1))
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, body)
    }
    return folder
  }

  private answer(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    if (this.intercept(request, response, body)) return
    const { pathname, searchParams } = new URL(request.url ?? '', this.url)
    const name = pathname.slice(1)
    if (request.headers.authorization === undefined) {
      refuse(response, 403, 'AccessDenied')
      return
    }
    if (request.method === 'PUT') {
      this.put(name, request, response, body)
      return
    }
    if (searchParams.get('list-type') === '2') {
      this.list(name, searchParams, response)
      return
    }
    const found = this.objects.get(name)
    if (found === undefined) {
      refuse(response, 404, 'NoSuchKey')
      return
    }
    response.end(found.body)
  }

  private put(name: string, request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    const { headers } = request
    const md5 = createHash('md5').update(body).digest('base64')
    const sha256 = createHash('sha256').update(body).digest()
    if (headers['content-md5'] !== md5 || headers['x-amz-content-sha256'] !== sha256.toString('hex')) {
      refuse(response, 400, 'BadDigest')
      return
    }
    this.puts.push(name)
    if (headers['if-none-match'] === '*' && this.objects.has(name)) {
      refuse(response, 412, 'PreconditionFailed')
      return
    }
    if (!this.loses(name)) this.objects.set(name, { body, headers })
    response.end()
  }

  /** Two keys a page, so that a reader has to go on. */
  private list(bucket: string, query: URLSearchParams, response: ServerResponse): void {
    const prefix = query.get('prefix') ?? ''
    const after = query.get('continuation-token') ?? ''
    const keys = [...this.objects.keys()]
      .filter(key => key.startsWith(`${bucket}/${prefix}`))
      .map(key => key.slice(bucket.length + 1))
      .sort()
      .filter(key => key > after)
    const page = keys.slice(0, 2)
    const more = keys.length > page.length
    response.end(
      `<?xml version="1.0"?><ListBucketResult>${page
        .map(key => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`)
        .join('')}<IsTruncated>${more}</IsTruncated>${
        more ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : ''
      }</ListBucketResult>`,
    )
  }
}

export function refuse(response: ServerResponse, status: number, code: string): void {
  response.statusCode = status
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code></Error>`)
}

/** A signer that says who it is; the store here checks that there is one. */
export const SIGNED = ({ payload }: { readonly payload: string }) =>
  [
    ['authorization', 'AWS4-HMAC-SHA256 test'],
    ['x-amz-content-sha256', payload],
  ] as const

/** A collector by HTTP that keeps what it was sent, per chain, and says where it stands. */
export class Collector {
  readonly chains = new Map<string, string[]>()
  readonly requests: IncomingMessage['headers'][] = []
  intercept: (request: IncomingMessage, response: ServerResponse, body: Buffer) => boolean = () => false
  url = ''

  static async listen(t: TestContext): Promise<Collector> {
    const collector = new Collector()
    const { url } = await server(t, (request, response, body) => collector.answer(request, response, body))
    collector.url = `${url}/v1/receipts`
    return collector
  }

  private answer(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    this.requests.push(request.headers)
    if (this.intercept(request, response, body)) return
    const chain = String(request.headers['countersign-chain'])
    const first = Number(request.headers['countersign-first'])
    const kept = this.chains.get(chain) ?? []
    this.chains.set(chain, kept)
    if (first > kept.length) {
      response.statusCode = 409
      response.end(JSON.stringify({ next: kept.length }))
      return
    }
    const lines = body.toString('utf8').split('\n').slice(0, -1)
    for (const [place, line] of lines.entries()) kept[first + place] = line
    response.statusCode = 204
    response.end()
  }
}

/** What a collector computes to know who sent a batch. */
export function hmacOf(secret: string, headers: IncomingMessage['headers'], body: Uint8Array): string {
  const time = /^t=(\d+),/.exec(String(headers['countersign-signature']))?.[1]
  const lines = [
    'countersign-ship/1',
    time,
    headers['countersign-chain'],
    headers['countersign-first'],
    headers['countersign-last'],
    createHash('sha256').update(body).digest('hex'),
    headers['countersign-checkpoint'],
  ]
  const mac = createHmac('sha256', secret)
    .update(`${lines.join('\n')}\n`)
    .digest('hex')
  return `t=${time},hmac-sha256=${mac}`
}
