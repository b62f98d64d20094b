import { type ErrorTable, errorsOf } from './errors.js'

/** Codes thrown by the canon room; held against docs/errors.md by a test. */
export const canonErrors = {
  json_syntax: {
    status: 400,
    sentence: 'The text is not JSON.',
    mend: 'Send one JSON value in UTF-8 without a byte order mark.',
  },
  json_duplicate_key: {
    status: 400,
    sentence: 'A JSON object names the same member twice.',
    mend: 'Name each member once.',
  },
  json_depth: { status: 400, sentence: 'The JSON is nested too deeply.', mend: 'Flatten the value.' },
  json_number: {
    status: 400,
    sentence: 'A JSON number is outside what I-JSON (RFC 7493) can carry.',
    mend: 'Use an integer within ±(2^53−1), or a string.',
  },
  json_unicode: {
    status: 400,
    sentence: 'The text is not well-formed Unicode.',
    mend: 'Send UTF-8 without lone surrogates.',
  },
  not_canonical: {
    status: null,
    sentence: 'The bytes are not in canonical form (RFC 8785).',
    mend: 'Re-create the file with the countersign tool; do not edit it.',
  },
  base64_invalid: {
    status: null,
    sentence: 'The text is not canonical base64.',
    mend: 'Re-create the file with the countersign tool; do not edit it.',
  },
  envelope_malformed: {
    status: null,
    sentence: 'The file is not a DSSE envelope.',
    mend: 'Pass the sealed file, not its source.',
  },
  key_invalid: {
    status: null,
    sentence: 'The key is not an acceptable public key.',
    mend: 'Generate a new key with `countersign trust init`.',
  },
} as const satisfies ErrorTable

export const canonFault = errorsOf(canonErrors)
