import { createHash } from 'node:crypto'
import { decodeEnvelope, parseStrictJson, utf8 } from '../../src/canon/index.js'
import { AwsChunks } from '../../src/gate/aws-chunks.js'
import { FrameReader } from '../../src/link/index.js'
import {
  openCountersignature,
  openPolicy,
  openTrustChain,
  parsePolicySource,
} from '../../src/policy/index.js'
import {
  classify,
  parseContentType,
  parseTarget,
  type RawRequest,
  requestSignature,
} from '../../src/protocol/index.js'
import { openInputs, verifyBundle } from '../../src/receipt/index.js'
import { classifySigned } from '../protocol/aws-fixture.js'
import type { FuzzTarget } from './target.js'
import { awsWith } from './targets/aws.js'
import { awsChunksWith } from './targets/aws-chunks.js'
import { bundleWith } from './targets/bundle.js'
import { checkpointWith } from './targets/checkpoint.js'
import { countersignatureWith } from './targets/countersignature.js'
import { dsseWith } from './targets/dsse.js'
import { entryWith } from './targets/entry.js'
import { grantWith } from './targets/grant.js'
import { graphqlWith } from './targets/graphql.js'
import { headersWith } from './targets/headers.js'
import { inputsWith } from './targets/inputs.js'
import { linkWith } from './targets/link.js'
import { policySealedWith } from './targets/policy-sealed.js'
import { policySourceWith } from './targets/policy-source.js'
import { restWith } from './targets/rest.js'
import { sigv4With } from './targets/sigv4.js'
import { strictJsonWith } from './targets/strict-json.js'
import { targetWith } from './targets/target.js'
import { trustRootWith } from './targets/trust-root.js'

/** A mistake that somebody could make, and the seed by which the target must find it. */
interface Control {
  readonly mistake: string
  readonly seed: string
  readonly run: FuzzTarget['run']
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
/** A change of every text in a request's body. */
const withBody = (request: RawRequest, change: (body: string) => string): RawRequest =>
  request.body === null ? request : { ...request, body: utf8(change(text(request.body))) }
/** Takes an envelope for the one that it was made of: nobody looks at its signatures. */
const unsigned = (bytes: Uint8Array): Uint8Array => decodeEnvelope(bytes).payload

/** For each target an implementation with a mistake in it. */
export const CONTROLS: Readonly<Record<string, Control>> = {
  aws: {
    mistake: 'of two Actions the one in the body counts',
    seed: 'action-twice',
    run: awsWith((catalog, request) =>
      classifySigned(catalog, { ...request, target: request.target.split('?', 1)[0] as string }),
    ),
  },
  'aws-chunks': {
    mistake: 'a chunk goes out before its signature was looked at',
    seed: 'signed-swapped',
    run: awsChunksWith((check, _signing, holding) => {
      const chunks = new AwsChunks({ ...check, signed: false }, null, holding)
      return { take: (part, emit) => chunks.take(bare(part), emit), end: () => chunks.end() }
    }),
  },
  bundle: {
    mistake: 'a finding about a disclosure isn’t one',
    seed: 'other-disclosure',
    run: bundleWith((bytes, options) => ({
      ...verifyBundle(bytes, options),
      sound: true,
      findingCount: 0,
      findings: [],
    })),
  },
  checkpoint: {
    mistake: 'a signature by the right key counts under whatever text',
    seed: 'other-size',
    run: checkpointWith(() => true),
  },
  countersignature: {
    mistake: 'a word about another statement counts',
    seed: 'payload-elsewhere',
    run: countersignatureWith((bytes, options) => {
      const { statement } = parseStrictJson(unsigned(bytes)) as unknown as {
        statement: typeof options.statement
      }
      return openCountersignature(bytes, { ...options, statement })
    }),
  },
  dsse: { mistake: 'the key id is believed', seed: 'other-payload', run: dsseWith(() => true) },
  entry: {
    mistake: 'a payload in another spelling opens',
    seed: 'spaced',
    run: entryWith(bytes => {
      const { payload, signatures } = decodeEnvelope(bytes)
      const { keyid, sig } = signatures[0] as (typeof signatures)[number]
      return { entry: JSON.parse(text(payload)), payload, keyid, signature: sig, signed: payload }
    }),
  },
  grant: {
    mistake: 'a token with white space around it is the same token',
    seed: 'spaced',
    run: bytes => {
      const grant = {
        agent: 'coder',
        environment: 'staging',
        task: 't',
        owner: 'o',
        jti: 'j',
        expiresMs: 0,
        authorizationDetails: null,
      }
      return grantWith({
        verify: async token =>
          /\s$/.test(token) ? { kind: 'grant', grant } : { kind: 'refused', code: 'grant_malformed' },
      })(bytes)
    },
  },
  graphql: {
    mistake: 'what is skipped doesn’t count',
    seed: 'skipped',
    run: graphqlWith((catalog, request) =>
      classify(
        catalog,
        withBody(request, body => body.replace(/userDelete\(id: 1\) @skip\(if: true\) \{ id \}/, '')),
      ),
    ),
  },
  headers: {
    mistake: 'what is behind a tab belongs to the type',
    seed: 'type-tab',
    run: headersWith(value => parseContentType(value) ?? { type: value, charset: null, boundary: null }),
  },
  inputs: {
    mistake: 'what was written is read back as strictly as what strangers write',
    seed: 'finding-exponent',
    run: inputsWith(bytes => {
      parseStrictJson(bytes)
      return openInputs(bytes)
    }),
  },
  link: {
    mistake: 'a frame has to come in one piece',
    seed: 'gate',
    run: linkWith(max => {
      const whole = new FrameReader(max)
      return {
        get unfinished() {
          return whole.unfinished
        },
        push: (chunk, onFrame) => {
          if (chunk.length > 5) whole.push(chunk, onFrame)
        },
      }
    }),
  },
  'policy-sealed': {
    mistake: 'a policy that has expired opens',
    seed: 'payload-expired',
    run: policySealedWith((bytes, options) => openPolicy(bytes, { ...options, nowMs: 0 })),
  },
  'policy-source': {
    mistake: 'a fault in a reader goes through to whoever asked',
    seed: 'aliases',
    run: policySourceWith(source => {
      if (source.includes('*')) throw new RangeError('too many aliases')
      return parsePolicySource(source)
    }),
  },
  rest: {
    mistake: 'a semicolon parts parameters',
    seed: 'semicolon',
    run: restWith((catalog, request) =>
      classify(
        catalog,
        withBody(request, body => body.replaceAll(';', '&')),
      ),
    ),
  },
  sigv4: {
    mistake: 'the payload isn’t part of what is signed',
    seed: 'form',
    run: sigv4With((request, ...more) =>
      requestSignature({ ...request, payload: createHash('sha256').digest('hex') }, ...more),
    ),
  },
  'strict-json': {
    mistake: 'of two members of one name the last counts',
    seed: 'duplicate',
    run: strictJsonWith(input => JSON.parse(typeof input === 'string' ? input : text(input))),
  },
  target: {
    mistake: 'an encoded dot is a letter like any other',
    seed: 'dots-encoded',
    run: targetWith(raw => {
      const [path = '', query = null] = raw.split(/\?(.*)/s)
      return raw.includes('%2e') ? { raw, path, query, segments: path.slice(1).split('/') } : parseTarget(raw)
    }),
  },
  'trust-root': {
    mistake: 'a signature isn’t verified where its key is known',
    seed: 'other-second',
    run: trustRootWith((chain, pin, crypto) => openTrustChain(chain, pin, { ...crypto, verify: () => true })),
  },
}

/** Chunks as if they weren't signed. */
function bare(part: Buffer): Buffer {
  return Buffer.from(part.toString('latin1').replaceAll(/;chunk-signature=[0-9a-f]{64}/g, ''), 'latin1')
}
