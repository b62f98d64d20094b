import type { IncomingMessage } from 'node:http'
import type { Header } from '../protocol/index.js'
import { AwsRefusal } from './aws-refusal.js'

/** A request with its raw target: which bytes were signed is lost once a URL was parsed. */
export interface AwsRequest {
  readonly method: string
  /** As it stood in the request line. */
  readonly target: string
  /** The target without its query, still percent-encoded. */
  readonly path: string
  /** Decoded pairs in the order received, duplicates kept. */
  readonly query: readonly (readonly [name: string, value: string])[]
  readonly headers: readonly Header[]
  readonly body: Uint8Array
}

/** One part of an upload, or one object put at once. */
const MAX_BODY_BYTES = 128 * 1024 * 1024

/** Reads a request to its end. Throws `AwsRefusal` when its body is too large or its query isn't percent-encoded UTF-8. */
export async function readAwsRequest(message: IncomingMessage): Promise<AwsRequest> {
  const target = message.url ?? '/'
  const question = target.indexOf('?')
  const headers: Header[] = []
  for (let index = 0; index < message.rawHeaders.length; index += 2) {
    headers.push([String(message.rawHeaders[index]).toLowerCase(), String(message.rawHeaders[index + 1])])
  }
  return {
    method: message.method ?? 'GET',
    target,
    path: question < 0 ? target : target.slice(0, question),
    query: question < 0 ? [] : pairsOf(target.slice(question + 1)),
    headers,
    body: await bodyOf(message),
  }
}

/** Values of all headers of that name, joined as RFC 9110 §5.3 joins them. */
export function headerOf(request: Pick<AwsRequest, 'headers'>, name: string): string | undefined {
  const values = request.headers.filter(([each]) => each === name).map(([, value]) => value)
  return values.length === 0 ? undefined : values.join(', ')
}

/** The one value of a query parameter. Throws `AwsRefusal` where there are several. */
export function queryOf(request: Pick<AwsRequest, 'query'>, name: string): string | undefined {
  const values = request.query.filter(([each]) => each === name)
  if (values.length > 1)
    throw new AwsRefusal('InvalidArgument', `The parameter ${name} was given several times.`)
  return values[0]?.[1]
}

/** Percent-encoded UTF-8 as text. Throws `AwsRefusal` for anything else. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new AwsRefusal('InvalidURI', "Couldn't parse the specified URI.")
  }
}

function pairsOf(query: string): [string, string][] {
  if (query === '') return []
  return query.split('&').map(pair => {
    const equals = pair.indexOf('=')
    return equals < 0
      ? [decoded(pair), '']
      : [decoded(pair.slice(0, equals)), decoded(pair.slice(equals + 1))]
  })
}

async function bodyOf(message: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length
    // Read on to the end all the same: a client that still sends wouldn't see the answer.
    if (size <= MAX_BODY_BYTES) chunks.push(chunk)
    else chunks.length = 0
  }
  if (size > MAX_BODY_BYTES)
    throw new AwsRefusal('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size.')
  return Buffer.concat(chunks)
}
