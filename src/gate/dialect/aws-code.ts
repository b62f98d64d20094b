import type { Refusal } from '../refusal.js'

/** An error as AWS names it: in its XML protocols and, with its own spelling, in the JSON and CBOR ones. */
export interface AwsCode {
  readonly status: number
  readonly xml: string
  readonly json: string
  /** Whose fault it is: `Sender`, `Receiver`. */
  readonly fault: 'Sender' | 'Receiver'
}

/** `ThrottlingException`: what most services append in JSON. */
function sender(status: number, xml: string, json = `${xml}Exception`): AwsCode {
  return { status, xml, json, fault: 'Sender' }
}

const ACCESS_DENIED = sender(403, 'AccessDenied')
const UNSIGNED = sender(403, 'MissingAuthenticationToken')
const TOKEN_INVALID = sender(403, 'InvalidClientTokenId', 'UnrecognizedClientException')
const SIGNATURE_WRONG = sender(403, 'SignatureDoesNotMatch', 'InvalidSignatureException')
const TOO_LARGE = sender(413, 'EntityTooLarge', 'RequestEntityTooLargeException')

/**
 * Refusals for which an SDK or its user would do something of its own.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and the services' CommonErrors pages.
 */
const BY_CODE: Readonly<Record<string, AwsCode>> = {
  grant_expired: sender(403, 'ExpiredToken'),
  grant_missing: UNSIGNED,
  payload_mismatch: sender(400, 'XAmzContentSHA256Mismatch', 'InvalidSignatureException'),
  aws_signature_missing: UNSIGNED,
  aws_signature_malformed: sender(403, 'IncompleteSignature'),
  signature_missing: UNSIGNED,
  signature_access_key: TOKEN_INVALID,
  // A client whose clock is wrong sets it by the Date of the answer, and asks once more.
  signature_expired: sender(403, 'RequestTimeTooSkewed', 'InvalidSignatureException'),
  signature_reused: ACCESS_DENIED,
}
/** Whatever else is wrong with a signature, in the gate's eyes or in the keeper's. */
const SIGNATURE_CODE = /^(?:aws_)?(?:signature|sigv4a|chunk_signature)/

/** By the status that the refusal has elsewhere. */
const BY_STATUS: Readonly<Record<number, AwsCode>> = {
  400: sender(400, 'ValidationError', 'ValidationException'),
  401: TOKEN_INVALID,
  403: ACCESS_DENIED,
  408: sender(400, 'RequestIncomplete'), // SDKs send a 408 again
  413: TOO_LARGE,
  414: TOO_LARGE,
  423: ACCESS_DENIED,
  429: sender(429, 'Throttling'),
}

const UNAVAILABLE: AwsCode = {
  status: 503,
  xml: 'ServiceUnavailable',
  json: 'ServiceUnavailableException',
  fault: 'Receiver',
}

/**
 * AWS's name for a refusal. A decision is `AccessDenied` with 403, which no SDK repeats.
 *
 * INVARIANT: every SDK repeats a 5xx by itself. Where the operation is known to be executed and only its answer is
 * lost, the status is therefore 409: a second `RunInstances` is worse than an unusual status.
 */
export function awsCodeOf(refusal: Refusal): AwsCode {
  const { code, status, executed } = refusal
  if (executed === 'yes') return sender(409, 'AnswerWithheld')
  if (Object.hasOwn(BY_CODE, code)) return BY_CODE[code] as AwsCode
  if (status < 500 && SIGNATURE_CODE.test(code)) return SIGNATURE_WRONG
  const listed = BY_STATUS[status]
  if (listed !== undefined) return listed
  if (status >= 500) return { ...UNAVAILABLE, status }
  return { ...(BY_STATUS[400] as AwsCode), status }
}
