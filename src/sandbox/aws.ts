import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { authRefusal } from './aws-auth-faults.js'
import type { AwsService } from './aws-call.js'
import { cloudformationService } from './aws-cloudformation.js'
import { cloudwatchService } from './aws-cloudwatch.js'
import { type AwsAnswer, type AwsDialect, refusalAnswer } from './aws-dialect.js'
import { ec2Service } from './aws-ec2.js'
import { iamService } from './aws-iam.js'
import { kmsService } from './aws-kms.js'
import { lambdaService } from './aws-lambda.js'
import { rdsService } from './aws-rds.js'
import { AwsRefusal } from './aws-refusal.js'
import { type AwsRequest, headerOf, readAwsRequest } from './aws-request.js'
import { s3Service } from './aws-s3.js'
import { type AwsAccess, createAwsWorld } from './aws-seed.js'
import { claimOf, verifySignature } from './aws-signature.js'
import { sqsService } from './aws-sqs.js'
import { stsService } from './aws-sts.js'
import type { AwsWorld } from './aws-world.js'

export interface AwsStandIn {
  readonly server: Server
  readonly world: AwsWorld
}

/** By the signing name in the credential's scope: the address is one for all of them. */
const SERVICES: ReadonlyMap<string, AwsService> = new Map([
  ['cloudformation', cloudformationService],
  ['ec2', ec2Service],
  ['iam', iamService],
  ['kms', kmsService],
  ['lambda', lambdaService],
  ['monitoring', cloudwatchService],
  ['rds', rdsService],
  ['s3', s3Service],
  ['sqs', sqsService],
  ['sts', stsService],
])

/** Signed for IAM and STS in every region of the partition. */
const GLOBAL_REGION = 'us-east-1'

/** One AWS account behind one address: every request's signature is verified, and what it asks for is held against IAM policies. */
export function awsStandIn(access: AwsAccess, now: () => Date): AwsStandIn {
  const world = createAwsWorld(access, now)
  const server = createServer((message, response) => {
    serve(world, message, now)
      .then(answer => send(response, answer))
      .catch(() => response.destroy())
  })
  return { server, world }
}

async function serve(world: AwsWorld, message: IncomingMessage, now: () => Date): Promise<AwsAnswer> {
  let dialect: AwsDialect = 'query'
  try {
    const request = await readAwsRequest(message)
    dialect = guessDialect(request)
    const claim = claimOf(request)
    if (typeof claim === 'string') throw authRefusal(claim, dialect)
    const { region, service: name } = claim.scope
    const service = SERVICES.get(name)
    if (service === undefined)
      throw new AwsRefusal('UnknownOperationException', 'This stand-in does not have that service.', 404)
    dialect = service.dialect(request)
    if (region !== world.region && (service.regional || region !== GLOBAL_REGION))
      throw authRefusal('wrong region', dialect)
    const caller = verifySignature(request, claim, world.identity, dialect, now())
    return service.handle({ world, request, caller, region, dialect, now })
  } catch (error) {
    return refusalAnswer(error instanceof AwsRefusal ? error : internalFailure(), dialect)
  }
}

function internalFailure(): AwsRefusal {
  return new AwsRefusal(
    'InternalFailure',
    'The request processing has failed because of an unknown error.',
    500,
  )
}

/** For the answer to a request that names no service: the form of what it looks like. */
function guessDialect(request: AwsRequest): AwsDialect {
  if (headerOf(request, 'smithy-protocol') === 'rpc-v2-cbor') return 'cbor'
  if (headerOf(request, 'x-amz-target') !== undefined) return 'json'
  return request.path === '/' && request.method === 'POST' ? 'query' : 's3'
}

function send(response: ServerResponse, { status, headers, body }: AwsAnswer): void {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  // 204 and 304 have no length, RFC 9110 §8.6.
  const hasLength = status !== 204 && status !== 304
  const { 'content-length': length = String(bytes.length), ...others } = headers
  // ATTACK: an object's `Content-Disposition: …"é.pdf"` behind a length, which Node takes for bytes then, and throws over.
  response.writeHead(status, { ...others, ...(hasLength ? { 'content-length': length } : {}) })
  response.end(bytes)
}
