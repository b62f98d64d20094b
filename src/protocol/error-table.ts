import { type ErrorTable, errorsOf } from '../canon/index.js'

const canonicalTarget = 'Send the target exactly as the API’s own SDK would write it.'
const signer = 'Use the signer of an AWS SDK or of the AWS CLI.'
const oneSelector = 'Say it once, in the place where the API documents it.'

/** Codes of the protocol room: requests that can't be classified, and catalogs that can't be opened. Held against docs/errors.md by a test. */
export const protocolErrors = {
  method_invalid: {
    status: 400,
    sentence: 'The method is not an upper-case HTTP method.',
    mend: 'Use GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS.',
  },
  target_too_long: {
    status: 414,
    sentence: 'The request target is longer than 8 KiB.',
    mend: 'Move the parameters into the body, or ask for less at once.',
  },
  target_not_origin_form: {
    status: 400,
    sentence: 'The request target doesn’t start with a single slash.',
    mend: 'Send a path below the API’s base URL, not a URL with a host.',
  },
  target_empty_segment: {
    status: 400,
    sentence: 'The path has an empty segment.',
    mend: 'Write single slashes, and fill in every path parameter.',
  },
  target_dot_segment: {
    status: 400,
    sentence: 'The path has a segment of dots, plain or behind an encoded slash.',
    mend: 'Write the path that is meant, without “.” and “..”.',
  },
  target_backslash: {
    status: 400,
    sentence: 'The target holds a backslash, plain or encoded in the path.',
    mend: canonicalTarget,
  },
  target_control: {
    status: 400,
    sentence: 'The target holds a control character or a space, plain or encoded.',
    mend: canonicalTarget,
  },
  target_not_ascii: {
    status: 400,
    sentence: 'The target holds raw characters beyond ASCII.',
    mend: 'Percent-encode them as UTF-8.',
  },
  target_fragment: {
    status: 400,
    sentence: 'The target holds a “#”.',
    mend: 'Leave the fragment out, or write %23.',
  },
  target_semicolon: {
    status: 400,
    sentence: 'The target holds a raw “;”, which servers read in different ways.',
    mend: 'Write %3B.',
  },
  target_character: {
    status: 400,
    sentence: 'The target holds a character that a canonical writer would percent-encode.',
    mend: canonicalTarget,
  },
  target_percent: {
    status: 400,
    sentence: 'A “%” in the target is not followed by two upper-case hexadecimal digits.',
    mend: canonicalTarget,
  },
  target_encoded_plain: {
    status: 400,
    sentence: 'The target percent-encodes a character that needs no encoding.',
    mend: 'Write letters, digits, “-”, “.”, “_” and “~” plainly.',
  },
  target_encoded_slash: {
    status: 400,
    sentence: 'A path segment holds an encoded slash where this operation takes one name.',
    mend: 'Pass an id without “/”.',
  },
  target_plus: {
    status: 400,
    sentence: 'The target holds a raw “+”, which is a space to some servers.',
    mend: 'Write %2B for a plus and %20 for a space.',
  },
  target_double_encoding: {
    status: 400,
    sentence: 'The path is percent-encoded twice.',
    mend: 'Encode each path parameter once.',
  },
  target_not_utf8: {
    status: 400,
    sentence: 'The percent-encoded bytes of the target are not UTF-8.',
    mend: 'Encode text as UTF-8.',
  },
  header_name: {
    status: 400,
    sentence: 'A header’s name is not a plain token; underscores are not accepted.',
    mend: 'Use letters, digits and hyphens.',
  },
  header_duplicate: {
    status: 400,
    sentence: 'A header that may appear once was sent twice.',
    mend: oneSelector,
  },
  header_reserved: {
    status: 400,
    sentence: 'Headers that start with Countersign- are the sidecar’s own.',
    mend: 'Send only Countersign-Grant, or none.',
  },
  method_override: {
    status: 400,
    sentence: 'The request asks for another method than it is sent with.',
    mend: 'Send the request with the method that is meant.',
  },
  content_type_invalid: {
    status: 400,
    sentence: 'The Content-Type doesn’t parse.',
    mend: 'Send one media type with well-formed parameters and charset UTF-8.',
  },
  content_type_mismatch: {
    status: 400,
    sentence: 'The Content-Type is not one that this operation takes.',
    mend: 'Send the body in the form that the API documents for this operation.',
  },
  content_encoding: {
    status: 400,
    sentence: 'The Content-Encoding is not one of gzip, deflate and br, or this operation takes none.',
    mend: 'Send the body unencoded.',
  },
  body_unexpected: {
    status: 400,
    sentence: 'This operation takes no body.',
    mend: 'Send the parameters in the path or the query, as the API documents them.',
  },
  body_not_inspected: {
    status: 400,
    sentence: 'The body decides what the request does, and it was not read.',
    mend: 'Send a body within the inspection limit.',
  },
  body_too_large: {
    status: 413,
    sentence: 'The body is larger than can be inspected, and the decision depends on it.',
    mend: 'Send less in one request.',
  },
  parameter_syntax: {
    status: 400,
    sentence: 'The query or the form body doesn’t parse.',
    mend: 'Send name=value pairs joined by “&”, percent-encoded as UTF-8.',
  },
  parameter_structure: {
    status: 400,
    sentence: 'Parameters with brackets contradict each other or leave gaps.',
    mend: 'Write a[b]=…, a[0]=…, a[1]=… or a[]=…, and one of these per name.',
  },
  parameter_duplicate: {
    status: 400,
    sentence: 'A parameter is given twice.',
    mend: oneSelector,
  },
  parameter_ambiguous: {
    status: 400,
    sentence: 'A parameter is given in two places, or in two spellings of one name.',
    mend: oneSelector,
  },
  body_not_object: {
    status: 400,
    sentence: 'The JSON body is not an object.',
    mend: 'Send the parameters as members of one JSON object.',
  },
  multipart_invalid: {
    status: 400,
    sentence: 'The multipart body is not in the canonical form that SDKs write.',
    mend: 'Send form-data parts with a name, an optional file name and Content-Type, and nothing around them.',
  },
  account_invalid: {
    status: 400,
    sentence: 'The header that names another account is malformed, or the request names two accounts.',
    mend: 'Name one account, or none.',
  },
  graphql_path: {
    status: 404,
    sentence: 'The path is not the GraphQL endpoint of this API.',
    mend: 'Send GraphQL to the one path that the API documents.',
  },
  graphql_url_query: {
    status: 400,
    sentence: 'The GraphQL endpoint was called with a query string.',
    mend: 'Send query, variables and operationName in the JSON body only.',
  },
  graphql_method: {
    status: 405,
    sentence: 'GraphQL is taken by POST only.',
    mend: 'Send POST with a JSON body.',
  },
  graphql_batch: {
    status: 400,
    sentence: 'A batch of GraphQL requests was sent.',
    mend: 'Send one request at a time.',
  },
  graphql_persisted_query: {
    status: 400,
    sentence: 'The request names a stored query instead of carrying one.',
    mend: 'Send the text of the query; turn persisted queries off in the client.',
  },
  graphql_member: {
    status: 400,
    sentence: 'The body has a member that GraphQL over HTTP doesn’t have, or one of the wrong type.',
    mend: 'Send query (a string), variables (an object) and operationName (a string), spelled like this.',
  },
  graphql_syntax: {
    status: 400,
    sentence: 'The query is not an executable GraphQL document.',
    mend: 'Send operations and fragments in the syntax of October 2021.',
  },
  graphql_too_complex: {
    status: 400,
    sentence: 'The query is too large to be read within bounds.',
    mend: 'Send at most 500 root fields, 10,000 tokens and 1 MiB of arguments, nested at most 64 deep.',
  },
  graphql_duplicate: {
    status: 400,
    sentence: 'The query gives one name to two definitions, or an argument twice.',
    mend: oneSelector,
  },
  graphql_operation_name: {
    status: 400,
    sentence: 'The request doesn’t say which one of the operations in its document to run.',
    mend: 'Send one operation, or its exact name in operationName.',
  },
  graphql_subscription: {
    status: 400,
    sentence: 'Subscriptions are not served.',
    mend: 'Ask with a query, repeatedly if need be.',
  },
  graphql_directive: {
    status: 400,
    sentence: 'The query uses a directive other than @skip and @include on selections.',
    mend: 'Leave the directive out.',
  },
  graphql_fragment: {
    status: 400,
    sentence: 'A fragment is missing or contains itself.',
    mend: 'Define every fragment that is spread, without cycles.',
  },
  graphql_variable: {
    status: 400,
    sentence: 'The query uses a variable that its operation doesn’t define.',
    mend: 'Define every variable in the operation that is run.',
  },
  graphql_number: {
    status: 400,
    sentence: 'The query holds a number that a double can’t carry exactly.',
    mend: 'Send an integer within ±(2^53−1), or a string.',
  },
  graphql_schema: {
    status: null,
    sentence: 'The GraphQL schema can’t be turned into a catalog.',
    mend: 'Pass the schema as valid SDL, and correct what is named.',
  },
  aws_signature_missing: {
    status: 400,
    sentence: 'The request carries no AWS signature, and the service and the region are said nowhere else.',
    mend: 'Use an AWS SDK or the AWS CLI with the credentials that the sidecar serves.',
  },
  aws_signature_malformed: {
    status: 400,
    sentence: 'The AWS signature is not written as AWS’s own signers write it.',
    mend: signer,
  },
  aws_signature_twice: {
    status: 400,
    sentence: 'The request is signed in two places, or a part of the signature is given twice.',
    mend: 'Sign in the Authorization header or in the query, not in both.',
  },
  aws_signature_algorithm: {
    status: 400,
    sentence: 'The request is signed with another algorithm than AWS4-HMAC-SHA256.',
    mend: signer,
  },
  aws_sigv4a: {
    status: 400,
    sentence: 'The request is signed for several regions (SigV4A), which is not taken.',
    mend: 'Call one region, and no multi-region access point or global endpoint.',
  },
  aws_signature_date: {
    status: 400,
    sentence: 'The signature’s date is missing, malformed or not that of its credential scope.',
    mend: signer,
  },
  aws_signature_headers: {
    status: 400,
    sentence: 'The signature doesn’t cover the headers that it has to.',
    mend: 'Sign host and every x-amz- header that is sent, and nothing that isn’t.',
  },
  aws_payload_hash: {
    status: 400,
    sentence: 'X-Amz-Content-Sha256 is missing, or it is none that this operation takes.',
    mend: 'Sign the payload’s hash, UNSIGNED-PAYLOAD or one of AWS’s streaming forms.',
  },
  aws_service: {
    status: 400,
    sentence: 'The signature or the target is for an AWS service that the policy doesn’t list.',
    mend: 'Call a service of the policy, or ask your operator to list this one.',
  },
  aws_region: {
    status: 400,
    sentence: 'The request is signed for a region that the policy doesn’t list.',
    mend: 'Set the client’s region to one of the policy.',
  },
  aws_version: {
    status: 400,
    sentence: 'The request asks for a version of the AWS API that the catalog doesn’t have.',
    mend: 'Use a current AWS SDK or AWS CLI.',
  },
  aws_selector: {
    status: 400,
    sentence: 'The request doesn’t name one AWS operation, in one place.',
    mend: oneSelector,
  },
  aws_ambiguous: {
    status: 400,
    sentence: 'The request is the same for several operations or services that the policy lists.',
    mend: 'Ask your operator for a policy that lists only the one that is meant.',
  },
  aws_account: {
    status: 400,
    sentence: 'The request names another AWS account than the endpoint belongs to.',
    mend: 'Pass the account of the policy’s role as AccountId.',
  },
  aws_chunked: {
    status: 400,
    sentence:
      'AWS’s own chunks are announced in a way that doesn’t add up, or for an operation that takes none.',
    mend: 'Use an AWS SDK’s upload, with one checksum trailer at most.',
  },
  aws_xml: {
    status: 400,
    sentence: 'The XML body is not plain data as AWS’s SDKs write it.',
    mend: 'Send elements and text only: no document type, entities, comments or prefixes.',
  },
  aws_cbor: {
    status: 400,
    sentence: 'The CBOR body is malformed, nested too deep or holds a key twice.',
    mend: 'Use an AWS SDK.',
  },
  aws_service_unknown: {
    status: null,
    sentence: 'The catalog has no such AWS service, or the partition doesn’t.',
    mend: 'Name services as the AWS CLI does; `countersign catalog search` lists them.',
  },
  aws_region_unknown: {
    status: null,
    sentence: 'A region is not one of the role’s partition.',
    mend: 'Write regions such as eu-west-1, of the partition that the role’s ARN names.',
  },
  classifier_fault: {
    status: 500,
    sentence: 'The request could not be classified.',
    mend: 'Report this request to the operator; it was not sent.',
  },
  catalog_malformed: {
    status: null,
    sentence: 'The catalog is not well-formed.',
    mend: 'Generate the catalog again, or correct the member that is named.',
  },
  catalog_protocol: {
    status: null,
    sentence: 'The catalog is for a protocol that this version doesn’t know.',
    mend: 'Use a catalog of this version, or upgrade.',
  },
  catalog_template: {
    status: null,
    sentence: 'A route’s template is malformed.',
    mend: 'Write METHOD /literal/{parameter}/{rest+}; a parameter fills a whole segment.',
  },
  catalog_ambiguous: {
    status: null,
    sentence: 'Two routes match the same requests.',
    mend: 'Keep one of them, or make one strictly more specific.',
  },
  openapi_unsupported: {
    status: null,
    sentence: 'The OpenAPI document can’t be turned into routes.',
    mend: 'Use OpenAPI 3.x with local references and whole-segment parameters, or write `routes:`.',
  },
} as const satisfies ErrorTable

export type ProtocolCode = keyof typeof protocolErrors

export const protocolFault = errorsOf(protocolErrors)
