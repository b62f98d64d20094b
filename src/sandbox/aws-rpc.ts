import { randomUUID } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { parseStrictJson } from '../canon/index.js'
import { type AwsCall, type AwsService, authorize, type Need, record } from './aws-call.js'
import { decodeCbor } from './aws-cbor.js'
import {
  type AwsAnswer,
  type AwsDialect,
  cborAnswer,
  jsonAnswer,
  type PlainValue,
  xmlAnswer,
} from './aws-dialect.js'
import { AwsInput, treeOfForm } from './aws-input.js'
import { AwsRefusal } from './aws-refusal.js'
import { type AwsRequest, headerOf } from './aws-request.js'
import { type XmlValue, xmlDocument } from './aws-xml.js'

/** An operation that is called by its name, in whichever protocol. */
export interface RpcOperation {
  /** What IAM has to allow. It may look things up in the world, and changes nothing. */
  needs(input: AwsInput, call: AwsCall): readonly Need[]
  run(input: AwsInput, call: AwsCall): PlainValue
  /** The result as XML has it, where that differs from JSON. */
  readonly xml?: (result: never) => XmlValue
}

export interface RpcService {
  /** Signing name. */
  readonly name: string
  readonly regional: boolean
  /** The form protocol, where the service speaks it. */
  readonly form: {
    readonly dialect: 'query' | 'ec2'
    readonly xmlns: string
    readonly version: string
  } | null
  /** Prefix of `X-Amz-Target` and name in the path of CBOR, where the service speaks those. */
  readonly target: string | null
  readonly operations: Readonly<Record<string, RpcOperation>>
}

/** A form that is unpacked may be this large at most. */
const MAX_UNPACKED_BYTES = 16 * 1024 * 1024

/** Serves operations that are called by name: by `Action`, by `X-Amz-Target`, or in the path of Smithy's RPC v2. */
export function rpcService(service: RpcService): AwsService {
  return {
    regional: service.regional,
    dialect: request => dialectOf(service, request),
    handle: call => handle(service, call),
  }
}

function dialectOf({ form, target }: RpcService, request: AwsRequest): AwsDialect {
  if (target !== null) {
    if (headerOf(request, 'smithy-protocol') === 'rpc-v2-cbor') return 'cbor'
    if (headerOf(request, 'x-amz-target') !== undefined || form === null) return 'json'
  }
  return form?.dialect ?? 'json'
}

function handle(service: RpcService, call: AwsCall): AwsAnswer {
  const { name, input } = namedCall(service, call)
  const operation = Object.hasOwn(service.operations, name) ? service.operations[name] : undefined
  if (operation === undefined) throw unknownOperation(call.dialect, name)
  const needs = operation.needs(input, call)
  authorize(call, needs)
  if (call.dialect === 'ec2' && input.flag('DryRun') === true)
    throw new AwsRefusal('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.', 412)
  const result = operation.run(input, call)
  record(call, service.name, name, needs)
  return answerOf(service, call.dialect, name, operation, result)
}

function namedCall(service: RpcService, { request, dialect }: AwsCall): { name: string; input: AwsInput } {
  const body = unpacked(request)
  switch (dialect) {
    case 'cbor': {
      const name = new RegExp(`^/service/${service.target}/operation/([A-Za-z0-9]+)$`).exec(request.path)?.[1]
      return { name: name ?? '', input: new AwsInput(structure(body.length === 0 ? {} : decodeCbor(body))) }
    }
    case 'json': {
      const [prefix, name, ...more] = (headerOf(request, 'x-amz-target') ?? '').split('.')
      const known = prefix === service.target && more.length === 0 ? name : undefined
      return { name: known ?? '', input: new AwsInput(structure(jsonOf(body))) }
    }
    default: {
      const pairs = [...request.query, ...formOf(body)].filter(([name]) => !name.startsWith('X-Amz-'))
      const input = new AwsInput(treeOfForm(pairs))
      const name = input.text('Action')
      if (name === undefined)
        throw new AwsRefusal('MissingAction', 'The request must contain the parameter Action', 400)
      if (input.text('Version') !== service.form?.version) throw unknownOperation(dialect, name)
      return { name, input }
    }
  }
}

function answerOf(
  service: RpcService,
  dialect: AwsDialect,
  name: string,
  operation: RpcOperation,
  result: PlainValue,
): AwsAnswer {
  if (dialect === 'cbor') return cborAnswer(result ?? {})
  if (dialect === 'json') return jsonAnswer(result ?? {}, 200, 'application/x-amz-json-1.1')
  const toXml = (operation.xml ?? (same => same)) as (result: PlainValue) => XmlValue
  const value = toXml(result)
  const members = typeof value === 'object' && value !== null ? value : {}
  const requestId = randomUUID()
  const xmlns = service.form?.xmlns ?? null
  return xmlAnswer(
    dialect === 'ec2'
      ? xmlDocument(`${name}Response`, xmlns, { requestId, ...members })
      : xmlDocument(`${name}Response`, xmlns, {
          [`${name}Result`]: value === null || value === undefined ? undefined : value,
          ResponseMetadata: { RequestId: requestId },
        }),
  )
}

function unpacked(request: AwsRequest): Uint8Array {
  const encoding = headerOf(request, 'content-encoding')
  if (encoding === undefined) return request.body
  if (encoding !== 'gzip') throw unreadable('The content encoding is not known.')
  try {
    return gunzipSync(request.body, { maxOutputLength: MAX_UNPACKED_BYTES })
  } catch {
    throw unreadable('The body is not valid gzip.')
  }
}

function formOf(body: Uint8Array): [string, string][] {
  const text = utf8Of(body)
  if (text === '') return []
  return text.split('&').map(pair => {
    const equals = pair.indexOf('=')
    const [name, value] = equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)]
    return [formText(name), formText(value)]
  })
}

function formText(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw unreadable('The form is not percent-encoded UTF-8.')
  }
}

function jsonOf(body: Uint8Array): unknown {
  if (body.length === 0) return {}
  try {
    return parseStrictJson(body)
  } catch {
    throw unreadable('The body is not valid JSON.')
  }
}

function utf8Of(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch {
    throw unreadable('The body is not UTF-8.')
  }
}

function structure(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw unreadable('The body is not a structure.')
  return value as Record<string, unknown>
}

function unreadable(message: string): AwsRefusal {
  return new AwsRefusal('SerializationException', message)
}

function unknownOperation(dialect: AwsDialect, name: string): AwsRefusal {
  return dialect === 'json' || dialect === 'cbor'
    ? new AwsRefusal('UnknownOperationException', 'This service has no such operation.', 400)
    : new AwsRefusal(
        'InvalidAction',
        `The action ${name.slice(0, 80)} is not valid for this web service.`,
        400,
      )
}
