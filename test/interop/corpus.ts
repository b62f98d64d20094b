import { formatPublicKey, fromUtf8 } from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'
import { rotateTrustRoot } from '../../src/policy/index.js'
import { acceptedEvidence, nine, noteAt } from './accepted-evidence.js'
import { USUAL, type WrittenCase } from './corpus-case.js'
import { corpusRoot, RECEIPT, sealedVersion, witnessPolicy } from './corpus-log.js'
import { refusedBundles } from './refused-bundles.js'
import { refusedDumps, refusedProofs } from './refused-dumps.js'
import { refusedEntries } from './refused-entries.js'

/** Every file of the corpus by its path, `verdicts.json` included. The same bytes whenever and wherever it runs. */
export async function corpusFiles(): Promise<ReadonlyMap<string, string>> {
  const cases = [
    ...(await acceptedEvidence()),
    ...(await refusedEntries()),
    ...(await refusedBundles()),
    ...refusedDumps(),
    ...(await refusedProofs()),
  ]
  const files = new Map(cases.flatMap(filesOf))
  const log = nine()
  for (const seq of [0, 8]) files.set(`proofs/entry-${seq}.json`, fromUtf8(log.entries[seq] as Uint8Array))
  for (const size of [4, 6, 9]) files.set(`proofs/at-${size}.checkpoint`, await noteAt(log, size))
  const revoked = { keys: [formatPublicKey(RECEIPT.publicKey)], ids: [] }
  const first = sealedVersion(corpusRoot())
  files.set('trust-root.json', `[\n${first}\n]\n`)
  const second = sealedVersion(rotateTrustRoot(corpusRoot(), { revoked }, nativeCrypto))
  files.set('trust-root-revoking.json', `[\n${first},\n${second}\n]\n`)
  files.set('witnesses.txt', witnessPolicy())
  files.set('verdicts.json', verdicts(cases))
  return files
}

/** One line for each case. */
function verdicts(cases: readonly WrittenCase[]): string {
  const listed = cases.map(({ text: _, checkpoint: __, ...verdict }) => JSON.stringify(verdict))
  return `{"usual":${JSON.stringify(USUAL)},"cases":[\n${listed.join(',\n')}\n]}\n`
}

function filesOf({ file, text, checkpoint }: WrittenCase): readonly (readonly [string, string])[] {
  return [[file, text], ...(checkpoint === undefined ? [] : [[`${file}.checkpoint`, checkpoint] as const])]
}
