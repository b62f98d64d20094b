import { encode } from 'cborg'
import type { Header } from '../../protocol/index.js'
import type { Refusal } from '../refusal.js'
import type { Asked, DialectAnswer, DialectForm } from './answer.js'
import { type AwsCode, awsCodeOf } from './aws-code.js'

/** What an error is written from. */
interface AwsError extends AwsCode {
  readonly message: string
  readonly requestId: string
}

type AwsForm = (error: AwsError, asked: Asked) => Pick<DialectAnswer, 'contentType' | 'headers' | 'body'>

/**
 * AWS's own errors, in the protocol that the request came in, so that every SDK prints the message. The protocol is
 * read off the request alone: it may have been refused before anything was understood of it.
 */
export const awsForm: DialectForm = (refusal, asked) => {
  const code = awsCodeOf(refusal)
  const requestId = requestIdOf(refusal)
  const { headers, ...answer } = formOf(asked)({ ...code, message: refusal.message, requestId }, asked)
  return {
    ...answer,
    status: code.status,
    headers: [...headers, ['x-amzn-RequestId', requestId], ['x-amz-request-id', requestId]],
  }
}

/** The receipt's number, so that what an SDK logs as the request leads to the entry. */
function requestIdOf({ receipt }: Refusal): string {
  return receipt === null ? 'countersign' : `countersign-${receipt.seq}`
}

function formOf(asked: Asked): AwsForm {
  const type = headerOf(asked.headers, 'content-type')?.toLowerCase() ?? ''
  if (headerOf(asked.headers, 'smithy-protocol') === 'rpc-v2-cbor') return cbor
  if (headerOf(asked.headers, 'x-amz-target') !== null || type.startsWith('application/x-amz-json'))
    return json
  const service = signedService(asked)
  if (service === 'ec2') return ec2
  if (S3_NAMES.has(service)) return s3
  if (REST_XML_NAMES.has(service)) return query
  if (type.startsWith('application/x-www-form-urlencoded') || /[?&]Action=/.test(asked.target)) return query
  return restJson
}

/** Signing names. Its errors alone have no frame around them. */
const S3_NAMES: ReadonlySet<string> = new Set(['s3', 's3express', 's3-object-lambda', 's3-outposts'])
/** Their errors are the query protocol's. */
const REST_XML_NAMES: ReadonlySet<string> = new Set(['cloudfront', 'route53'])

/** https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html#operation-error-serialization */
const json: AwsForm = (error, asked) => ({
  contentType: headerOf(asked.headers, 'content-type')?.includes('x-amz-json-1.1')
    ? 'application/x-amz-json-1.1'
    : 'application/x-amz-json-1.0',
  headers: [['x-amzn-ErrorType', error.json], ...queryError(error, asked)],
  body: JSON.stringify({ __type: error.json, message: error.message }),
})

/** https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html#operation-error-serialization */
const restJson: AwsForm = error => ({
  contentType: 'application/json',
  headers: [['x-amzn-ErrorType', error.json]],
  body: JSON.stringify({ message: error.message }),
})

/** https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html#operation-error-serialization */
const cbor: AwsForm = (error, asked) => ({
  contentType: 'application/cbor',
  headers: [['smithy-protocol', 'rpc-v2-cbor'], ...queryError(error, asked)],
  body: encode({ __type: error.json, message: error.message }),
})

/** A client of a service that once spoke query knows its errors by those names. */
function queryError(error: AwsError, { headers }: Asked): readonly (readonly [string, string])[] {
  const wanted = headerOf(headers, 'x-amzn-query-mode') === 'true'
  return wanted ? [['x-amzn-query-error', `${error.xml};${error.fault}`]] : []
}

/** https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#operation-error-serialization, and REST-XML's frame. */
const query: AwsForm = error =>
  xml(
    `<ErrorResponse><Error><Type>${error.fault}</Type>${inner(error)}</Error>${id('RequestId', error)}</ErrorResponse>`,
  )

/** https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html#operation-error-serialization */
const ec2: AwsForm = error =>
  xml(`<Response><Errors><Error>${inner(error)}</Error></Errors>${id('RequestID', error)}</Response>`)

/** https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#RESTErrorResponses */
const s3: AwsForm = error => xml(`<Error>${inner(error)}${id('RequestId', error)}</Error>`)

function xml(root: string): ReturnType<AwsForm> {
  return {
    contentType: 'application/xml',
    headers: [],
    body: `<?xml version="1.0" encoding="UTF-8"?>\n${root}`,
  }
}

function inner(error: AwsError): string {
  return `<Code>${escaped(error.xml)}</Code><Message>${escaped(error.message)}</Message>`
}

function id(element: string, { requestId }: AwsError): string {
  return `<${element}>${escaped(requestId)}</${element}>`
}

/** XML 1.0 §2.4 and §2.2: what is markup, and what may not stand in a document at all. */
function escaped(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '?')
    .replace(/[&<>"']/g, character => ENTITIES[character] as string)
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}

/** Signing name of the service, from whichever credential scope is there; empty where none is. */
function signedService({ headers, target }: Asked): string {
  const authorization = headerOf(headers, 'authorization') ?? ''
  const presigned = /[?&]X-Amz-Credential=([^&]{1,512})/.exec(target)?.[1] ?? ''
  const scope = /Credential=([^ ,]{1,512})/.exec(authorization)?.[1] ?? presigned.replaceAll('%2F', '/')
  return scope.split('/')[3] ?? ''
}

function headerOf(headers: readonly Header[], name: string): string | null {
  for (const header of headers) if (header[0] === name) return header[1]
  return null
}
