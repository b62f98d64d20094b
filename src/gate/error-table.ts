import { type ErrorTable, errorsOf } from '../canon/index.js'

/** What the gate refuses by itself, what goes wrong on the way upstream, and faults of its listeners. Held against docs/errors.md by a test. */
export const gateErrors = {
  unknown_api: {
    status: 404,
    sentence: 'The address names no API of the policy.',
    mend: 'Begin the path with the name of an API that your operator configured.',
  },
  method_refused: {
    status: 405,
    sentence: 'The method is not one that is forwarded.',
    mend: 'Use GET, HEAD, OPTIONS, POST, PUT, PATCH or DELETE.',
  },
  connection_option: {
    status: 400,
    sentence: 'The Connection header names another header.',
    mend: 'Send Connection with keep-alive or close only.',
  },
  transfer_coding: {
    status: 400,
    sentence: 'The request uses a transfer coding other than chunked.',
    mend: 'Send a Content-Length, or Transfer-Encoding: chunked alone.',
  },
  http_version: {
    status: 505,
    sentence: 'The request line names a version of HTTP other than 1.0 and 1.1.',
    mend: 'Use plain HTTP/1.1 requests.',
  },
  expectation_refused: {
    status: 417,
    sentence: 'The request expects something other than 100-continue.',
    mend: 'Drop the Expect header.',
  },
  upgrade_refused: {
    status: 400,
    sentence: 'Protocol upgrades (WebSocket, h2c) are not forwarded, because their frames cannot be decided.',
    mend: 'Use plain HTTP/1.1 requests.',
  },
  body_incomplete: {
    status: 400,
    sentence: 'The body ended before it was complete.',
    mend: 'Send the whole body.',
  },
  body_slow: {
    status: 408,
    sentence: 'The body did not arrive in time.',
    mend: 'Send the body without pauses.',
  },
  content_encoding_malformed: {
    status: 400,
    sentence: 'The body could not be decoded as its Content-Encoding says.',
    mend: 'Send the body without Content-Encoding.',
  },
  payload_mismatch: {
    status: 400,
    sentence: 'The body is not the one that its hash or checksum was made of.',
    mend: 'Send the bytes that were hashed and signed, once more from the start.',
  },
  aws_chunk_malformed: {
    status: 400,
    sentence: 'The body is not framed in chunks as aws-chunked wants it.',
    mend: 'Let the AWS SDK frame the body, or send it without aws-chunked.',
  },
  aws_chunk_signature: {
    status: 403,
    sentence: 'The signature of a chunk of the body does not follow from the one before.',
    mend: 'Let the AWS SDK sign the body, and change nothing of it on the way.',
  },
  aws_trailer_unknown: {
    status: 400,
    sentence: 'The trailer that is announced is no checksum that can be verified here.',
    mend: 'Use one of the checksums CRC32, CRC32C, CRC64NVME, SHA1 and SHA256.',
  },
  grant_missing: {
    status: 401,
    sentence: 'The request carries no grant.',
    mend: 'Send the grant your operator issued, in Authorization: Bearer, in Countersign-Grant or as the session token of an AWS client.',
  },
  foreign_credential: {
    status: 403,
    sentence: 'The request carries a credential that is not its grant.',
    mend: 'Do not use keys or tokens that you found; send only the grant, in one place.',
  },
  approval_ended: {
    status: 403,
    sentence: 'While this request waited for a person, its approval expired, or the same call passed on it.',
    mend: 'Ask your operator before you repeat the call: it asks people anew.',
  },
  upstream_unknown: {
    status: 503,
    sentence: 'The policy names no upstream for this operation.',
    mend: 'Tell the operator to add the origin to the policy.',
  },
  no_policy: {
    status: 503,
    sentence: 'No policy is in force.',
    mend: 'Tell the operator; the sidecar forwards nothing until a sealed policy is active.',
  },
  policy_moving: {
    status: 503,
    sentence: 'The policy changed while the request was decided.',
    mend: 'Repeat the request once.',
  },
  gate_busy: {
    status: 503,
    sentence: 'Too many requests are open.',
    mend: 'Repeat the request later, with fewer at once.',
  },
  gate_closing: {
    status: 503,
    sentence: 'The sidecar is stopping.',
    mend: 'Repeat the request after it has started again.',
  },
  gate_fault: {
    status: 500,
    sentence: 'The sidecar met a fault of its own.',
    mend: 'Tell the operator to look at the log of the gate.',
  },
  upstream_unreachable: {
    status: 502,
    sentence: 'The upstream could not be reached.',
    mend: 'Try again later; if it persists, tell the operator.',
  },
  upstream_broken: {
    status: 502,
    sentence: 'The upstream broke the connection or did not speak HTTP.',
    mend: 'Find out with a read whether the operation took effect before you repeat it.',
  },
  upstream_timeout: {
    status: 504,
    sentence: 'The upstream did not answer in time.',
    mend: 'Find out with a read whether the operation took effect before you repeat it.',
  },
  upstream_encoding: {
    status: 502,
    sentence:
      'The upstream encoded its answer although it was asked not to, or wrote it in a charset that can’t be searched, so it could not be checked.',
    mend: 'Tell the operator; the operation itself was sent and answered.',
  },
  credential_echoed: {
    status: 502,
    sentence: 'The upstream repeated the credential in its answer, so the answer is withheld.',
    mend: 'Tell the operator; the operation itself was sent and answered.',
  },
  mark_unconfirmed: {
    status: 503,
    sentence: 'The policy wants the outcome recorded before the answer, and the keeper did not confirm it.',
    mend: 'Find out with a read what the operation did, and tell the operator.',
  },
  listen_invalid: {
    status: null,
    sentence: 'An address to listen on is malformed.',
    mend: 'Write host:port, [ipv6]:port or unix:/path/to/socket.',
  },
  listen_failed: {
    status: null,
    sentence: 'The gate cannot listen on an address.',
    mend: 'Free the address, or configure another.',
  },
} as const satisfies ErrorTable

export type GateCode = keyof typeof gateErrors
export const gateFault = errorsOf(gateErrors)
