import type { AwsDialect } from './aws-dialect.js'
import { AwsRefusal } from './aws-refusal.js'

/** Why a request isn't believed. */
export type AuthFault =
  | 'missing'
  | 'malformed'
  | 'unknown key'
  | 'wrong token'
  | 'expired'
  | 'skewed'
  | 'unsigned header'
  | 'payload'
  | 'signature'
  | 'wrong region'

type Family = 'query' | 'ec2' | 's3' | 'json'

const MESSAGES: Readonly<Record<AuthFault, string>> = {
  missing: 'Request is missing Authentication Token',
  malformed: 'Authorization header or query parameters are not a well-formed Signature Version 4.',
  'unknown key': 'The security token included in the request is invalid.',
  'wrong token': 'The security token included in the request is invalid.',
  expired: 'The security token included in the request is expired',
  skewed: 'Signature expired or not yet valid: the request time is too far from the server time.',
  'unsigned header': 'Headers that have to be signed are not.',
  payload: 'The provided x-amz-content-sha256 header does not match what was computed.',
  signature:
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
  'wrong region': 'Credential should be scoped to a valid region.',
}

/** Code and status of each fault, as each family of services words it. */
const CODES: Readonly<Record<AuthFault, Readonly<Record<Family, readonly [code: string, status: number]>>>> =
  {
    missing: {
      query: ['MissingAuthenticationToken', 403],
      ec2: ['MissingAuthenticationToken', 403],
      s3: ['AccessDenied', 403],
      json: ['MissingAuthenticationTokenException', 400],
    },
    malformed: {
      query: ['IncompleteSignature', 400],
      ec2: ['IncompleteSignature', 400],
      s3: ['AuthorizationHeaderMalformed', 400],
      json: ['IncompleteSignatureException', 400],
    },
    'unknown key': {
      query: ['InvalidClientTokenId', 403],
      ec2: ['AuthFailure', 401],
      s3: ['InvalidAccessKeyId', 403],
      json: ['UnrecognizedClientException', 400],
    },
    'wrong token': {
      query: ['InvalidClientTokenId', 403],
      ec2: ['AuthFailure', 401],
      s3: ['InvalidToken', 400],
      json: ['UnrecognizedClientException', 400],
    },
    expired: {
      query: ['ExpiredToken', 403],
      ec2: ['RequestExpired', 400],
      s3: ['ExpiredToken', 400],
      json: ['ExpiredTokenException', 400],
    },
    skewed: {
      query: ['SignatureDoesNotMatch', 403],
      ec2: ['RequestExpired', 400],
      s3: ['RequestTimeTooSkewed', 403],
      json: ['InvalidSignatureException', 400],
    },
    'unsigned header': {
      query: ['SignatureDoesNotMatch', 403],
      ec2: ['SignatureDoesNotMatch', 403],
      s3: ['AccessDenied', 403],
      json: ['InvalidSignatureException', 400],
    },
    payload: {
      query: ['SignatureDoesNotMatch', 403],
      ec2: ['SignatureDoesNotMatch', 403],
      s3: ['XAmzContentSHA256Mismatch', 400],
      json: ['InvalidSignatureException', 400],
    },
    signature: {
      query: ['SignatureDoesNotMatch', 403],
      ec2: ['SignatureDoesNotMatch', 403],
      s3: ['SignatureDoesNotMatch', 403],
      json: ['InvalidSignatureException', 400],
    },
    'wrong region': {
      query: ['SignatureDoesNotMatch', 403],
      ec2: ['AuthFailure', 401],
      s3: ['AuthorizationHeaderMalformed', 400],
      json: ['InvalidSignatureException', 400],
    },
  }

/** The refusal of a request that isn't believed, in its service's own terms. */
export function authRefusal(fault: AuthFault, dialect: AwsDialect): AwsRefusal {
  const [code, status] = CODES[fault][familyOf(dialect)]
  return new AwsRefusal(code, MESSAGES[fault], status)
}

function familyOf(dialect: AwsDialect): Family {
  return dialect === 'rest-json' || dialect === 'cbor' ? 'json' : dialect
}
