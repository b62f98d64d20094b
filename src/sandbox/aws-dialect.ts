import { randomUUID } from 'node:crypto'
import { encodeCbor } from './aws-cbor.js'
import type { AwsRefusal } from './aws-refusal.js'
import { xmlDocument } from './aws-xml.js'

/** The form in which a request is answered; refusals take the same one. */
export type AwsDialect = 'query' | 'ec2' | 's3' | 'json' | 'rest-json' | 'cbor'

export interface AwsAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | string
}

/** Result of an operation as JSON and CBOR carry it; a `Date` becomes seconds, bytes become base64 or stay bytes. */
export type PlainValue =
  | string
  | number
  | boolean
  | Date
  | Uint8Array
  | null
  | undefined
  | readonly PlainValue[]
  | { readonly [name: string]: PlainValue }

export function xmlAnswer(body: string, status = 200): AwsAnswer {
  const requestId = randomUUID()
  return { status, headers: { 'content-type': 'text/xml', 'x-amzn-requestid': requestId }, body }
}

export function jsonAnswer(value: PlainValue, status = 200, type = 'application/json'): AwsAnswer {
  return {
    status,
    headers: { 'content-type': type, 'x-amzn-requestid': randomUUID() },
    body: JSON.stringify(jsonOf(value)),
  }
}

export function cborAnswer(value: PlainValue, status = 200): AwsAnswer {
  return {
    status,
    headers: {
      'content-type': 'application/cbor',
      'smithy-protocol': 'rpc-v2-cbor',
      'x-amzn-requestid': randomUUID(),
    },
    body: encodeCbor(value),
  }
}

/** A refusal as the dialect's own parser reads it. */
export function refusalAnswer(refusal: AwsRefusal, dialect: AwsDialect): AwsAnswer {
  const { code, message, status } = refusal
  const requestId = randomUUID()
  switch (dialect) {
    case 'query': {
      const error = {
        Type: status < 500 ? 'Sender' : 'Receiver',
        Code: refusal.queryCode ?? code,
        Message: message,
      }
      return xmlAnswer(xmlDocument('ErrorResponse', null, { Error: error, RequestId: requestId }), status)
    }
    case 'ec2': {
      const errors = { Error: { Code: code, Message: message } }
      return xmlAnswer(xmlDocument('Response', null, { Errors: errors, RequestID: requestId }), status)
    }
    case 's3':
      return {
        status,
        headers: { 'content-type': 'application/xml', 'x-amz-request-id': requestId },
        body: xmlDocument('Error', null, { Code: code, Message: message, RequestId: requestId }),
      }
    case 'json': {
      const answer = jsonAnswer({ __type: code, message }, status, 'application/x-amz-json-1.1')
      if (refusal.queryCode === null) return answer
      return {
        ...answer,
        headers: { ...answer.headers, 'x-amzn-query-error': `${refusal.queryCode};Sender` },
      }
    }
    case 'rest-json': {
      const answer = jsonAnswer({ Type: 'User', message, Message: message }, status)
      return { ...answer, headers: { ...answer.headers, 'x-amzn-errortype': code } }
    }
    case 'cbor':
      return cborAnswer({ __type: code, message }, status)
  }
}

function jsonOf(value: PlainValue): unknown {
  if (value instanceof Date) return value.getTime() / 1000
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Array.isArray(value)) return value.map(jsonOf)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, jsonOf(each)]))
}
