import { equalBytes, hex } from '../../../src/canon/index.js'
import { nativeCrypto } from '../../../src/native/index.js'
import { type Bundle, encodeBundle, parseBundle, storyOf, verifyBundle } from '../../../src/receipt/index.js'
import { keyNamed } from '../../policy/trust-fixture.js'
import { Incident } from '../../receipt/bundle-fixture.js'
import { LogOnPaper } from '../../receipt/log-fixture.js'
import { type FuzzTarget, holds, read, type Seeds, sortedJson } from '../target.js'

type Verify = typeof verifyBundle

interface Told {
  readonly incident: Incident
  readonly bytes: Uint8Array
}

async function told(): Promise<Told> {
  const log = new LogOnPaper(keyNamed('receipt'), keyNamed('checkpoint'))
  const incident = new Incident({ log }).tellBriefly()
  return { incident, bytes: encodeBundle(await incident.bundle()) }
}

/** A bundle that parses is written back byte for byte; one that verifies under the pinned root is a part of the one that was made. */
export function bundleWith(verify: Verify): FuzzTarget['run'] {
  const made = told()
  return async bytes => {
    const { incident, bytes: good } = await made
    const verification = verify(bytes, { crypto: nativeCrypto, trust: incident.trust() })
    holds(verification.sound === (verification.findingCount === 0), 'sound is without findings')
    verify(bytes, { crypto: nativeCrypto, trust: null })
    const bundle = read(() => parseBundle(bytes))
    if (bundle === null) return 'refused'
    holds(equalBytes(encodeBundle(bundle), bytes), 'a bundle is written back byte for byte')
    if (verification.sound) isPartOf(bundle, parseBundle(good))
    storyOf(bundle, payload => hex(nativeCrypto.sha256(payload)))
    return verification.sound ? 'accepted' : 'refused'
  }
}

/** Less may be shown than there is; nothing of it is changed. */
function isPartOf(bundle: Bundle, whole: Bundle): void {
  holds(bundle.checkpoint === whole.checkpoint, 'a sound bundle has the checkpoint that was signed')
  for (const part of ['entries', 'policies', 'catalogs', 'trust', 'disclosures'] as const) {
    const there = new Set((whole[part] as readonly unknown[]).map(sortedJson))
    for (const each of bundle[part])
      holds(there.has(sortedJson(each)), `a sound bundle has ${part} that were made`, each)
  }
}

async function seeds(): Promise<Seeds> {
  const { incident, bytes } = await told()
  const bundle = await incident.bundle()
  const changed = (change: Partial<typeof bundle>): Buffer =>
    Buffer.from(encodeBundle({ ...bundle, ...change }))
  return {
    sound: Buffer.from(bytes),
    'without-trust': changed({ trust: [] }),
    'without-entries': changed({ entries: [] }),
    'without-disclosures': changed({ disclosures: [] }),
    'other-disclosure': changed({ disclosures: [incident.disclosure('target', new Uint8Array([1]))] }),
    'entry-twice': changed({ entries: bundle.entries.flatMap(entry => [entry, entry]) }),
    spaced: Buffer.concat([Buffer.from(bytes), Buffer.from('\n')]),
  }
}

export const target: FuzzTarget = {
  about: 'evidence bundles: written back byte for byte, and sound only as a part of the one that was made',
  words: [
    '"seq":',
    '"proof":[]',
    '"entry":"',
    '"trust":[]',
    '"policies":[]',
    '"catalogs":["{}"]',
    '"disclosures":[]',
    '"checkpoint":"',
    '\\n',
    '— ',
    '"field":"body"',
    '"v":1',
    '=',
    'AAAA',
  ],
  maxBytes: 16_384,
  run: bundleWith(verifyBundle),
  seeds,
}
