import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { describe, it } from 'node:test'
import { bundleFromJSON, ValidationError } from '@sigstore/bundle'
import { toSignedEntity, VerificationError, Verifier } from '@sigstore/verify'
import { casesOf, envelopesIn, saysOfEach } from './corpus-reader.js'

/** Sigstore's own verifier, given the log's public key and asked for neither certificates nor a log of its own. */
function holds(envelope: string, key: string): boolean {
  const publicKey = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: key.slice('ed25519:'.length) },
    format: 'jwk',
  })
  const verifier = new Verifier(
    {
      certificateAuthorities: [],
      timestampAuthorities: [],
      tlogs: [],
      ctlogs: [],
      publicKey: () => ({ publicKey, validFor: () => true }),
    },
    { ctlogThreshold: 0, tlogThreshold: 0, timestampThreshold: 0 },
  )
  try {
    verifier.verify(toSignedEntity(sigstoreBundle(envelope)))
    return true
  } catch (error) {
    // What can't be read as an envelope doesn't come as far as the verifier.
    const refusals = [VerificationError, ValidationError, SyntaxError]
    assert.ok(
      refusals.some(refusal => error instanceof refusal),
      String(error),
    )
    return false
  }
}

/** The envelope of an entry is the `dsseEnvelope` of a Sigstore bundle as it is. */
function sigstoreBundle(envelope: string) {
  return bundleFromJSON({
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint: '' }, tlogEntries: [], timestampVerificationData: {} },
    dsseEnvelope: JSON.parse(envelope),
  })
}

describe('@sigstore/verify', () => {
  for (const each of casesOf('sigstore'))
    it(`${each.file}: ${each.others.sigstore}`, () =>
      assert.equal(saysOfEach(each, envelopesIn(each), holds), each.others.sigstore))
})
