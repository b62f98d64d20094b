import {
  canonicalBytes,
  decodeEnvelope,
  encodeEnvelope,
  equalBytes,
  isSignedBy,
  PAYLOAD_TYPES,
  parseStrictJson,
  signEnvelope,
  utf8,
} from '../../../src/canon/index.js'
import { nativeCrypto } from '../../../src/native/index.js'
import { keyNamed } from '../../policy/trust-fixture.js'
import { equal, type FuzzTarget, holds, latin1, read } from '../target.js'

type IsSigned = typeof isSignedBy

const MARIA = keyNamed('maria')
const ISSUED = [
  signEnvelope(PAYLOAD_TYPES.policy, utf8('{"v":1}'), [MARIA]),
  signEnvelope(PAYLOAD_TYPES.receipt, utf8('{"seq":7}'), [keyNamed('jo'), MARIA]),
  signEnvelope('text/plain', utf8(''), [MARIA]),
]

/** An envelope says one thing, and is signed by a key only where that key signed this payload of this type. */
export function dsseWith(isSigned: IsSigned): FuzzTarget['run'] {
  return bytes => {
    const envelope = read(() => decodeEnvelope(bytes))
    if (envelope === null) return 'refused'
    const written = encodeEnvelope(envelope)
    const again = read(() => decodeEnvelope(written))
    holds(
      again !== null && equalBytes(encodeEnvelope(again), written),
      'an envelope is written and read back',
      latin1(written),
    )
    holds(
      equalBytes(canonicalBytes(parseStrictJson(bytes)), written),
      'it is the canonical form of what was read',
      latin1(written),
    )
    const naive = JSON.parse(new TextDecoder().decode(bytes)) as {
      payload: string
      payloadType: string
      signatures: { keyid: string; sig: string }[]
    }
    equal(
      [envelope.payloadType, Buffer.from(envelope.payload).toString('base64')],
      [naive.payloadType, naive.payload],
      'payload and type are those in the JSON',
    )
    equal(
      envelope.signatures.map(({ keyid, sig }) => [keyid, Buffer.from(sig).toString('base64')]),
      naive.signatures.map(({ keyid, sig }) => [keyid, sig]),
      'signatures are those in the JSON',
    )
    if (!isSigned(nativeCrypto, envelope, MARIA.publicKey)) return 'refused'
    const issued = ISSUED.some(
      each => each.payloadType === envelope.payloadType && equalBytes(each.payload, envelope.payload),
    )
    holds(issued, 'only what was signed is signed', latin1(written))
    return 'accepted'
  }
}

export const target: FuzzTarget = {
  about: 'DSSE envelopes: one reading, and signed only where this payload of this type was',
  words: [
    '{"payload":"',
    '","payloadType":"',
    '","signatures":[',
    '{"keyid":"","sig":"',
    '"}]}',
    '==',
    '=',
    'AAAA',
    PAYLOAD_TYPES.policy,
    PAYLOAD_TYPES.receipt,
    'text/plain',
    '-',
    '_',
    '\n',
  ],
  maxBytes: 1_024,
  run: dsseWith(isSignedBy),
  seeds: () => {
    const [policy, receipt, empty] = ISSUED.map(each => Buffer.from(encodeEnvelope(each)).toString()) as [
      string,
      string,
      string,
    ]
    return {
      policy,
      receipt,
      empty,
      spaced: policy.replaceAll(',', ', '),
      'other-type': policy.replace('policy', 'receipt'),
      'other-payload': policy.replace('eyJ2IjoxfQ==', 'eyJ2IjoyfQ=='),
      'member-twice': policy.replace('{"payload"', '{"payload":"","payload"'),
      'base64-loose': policy.replace('fQ==', 'fR=='),
    }
  },
}
