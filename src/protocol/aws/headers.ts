/*
 * Which headers mean something to AWS's services. What is forwarded is in the catalog's profile; what an operation
 * doesn't declare and yet would be forwarded makes a request opaque.
 */

/** Request headers of every catalog of AWS; a name that ends in `*` stands for all that begin so. */
export const AWS_REQUEST_HEADERS: readonly string[] = [
  'amz-sdk-invocation-id',
  'amz-sdk-request',
  'cache-control',
  'content-disposition',
  'content-language',
  'content-md5',
  'expires',
  'range',
  'smithy-protocol',
  'x-amz-*',
  'x-amzn-*',
]

/** Response headers of every catalog of AWS. */
export const AWS_RESPONSE_HEADERS: readonly string[] = [
  'content-md5',
  'smithy-protocol',
  'x-amz-*',
  'x-amzn-*',
]

/** What clients send with any operation: about the message, the client or the signature. */
const SHARED: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'amz-sdk-invocation-id',
  'amz-sdk-request',
  'authorization',
  'cache-control',
  'connection',
  'content-encoding',
  'content-length',
  'content-md5',
  'content-type',
  'date',
  'expect',
  'host',
  'pragma',
  'smithy-protocol',
  'te',
  'transfer-encoding',
  'user-agent',
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-decoded-content-length',
  'x-amz-glacier-version',
  'x-amz-sdk-checksum-algorithm',
  'x-amz-security-token',
  'x-amz-target',
  'x-amz-trailer',
  'x-amz-user-agent',
  'x-amzn-query-mode',
  'x-amzn-trace-id',
])

/** True where a header changes nothing of what an operation does, or is never forwarded. */
export function isSharedHeader(name: string): boolean {
  if (SHARED.has(name) || name.startsWith('x-amz-checksum-')) return true
  // A browser's, a proxy's: not in the profile, and so not forwarded.
  return !name.startsWith('x-amz-') && !name.startsWith('x-amzn-') && !AWS_REQUEST_HEADERS.includes(name)
}
