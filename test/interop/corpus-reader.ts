import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseStrictJson } from '../../src/canon/index.js'
import type { Case, Held, Other } from './corpus-case.js'

/** A case with all that its reader holds. */
export type HeldCase = Case & Held

/** The file or folder below `test/interop/`, where what is no TypeScript stays. */
export function interopPath(relative: string): string {
  return fileURLToPath(new URL(`../../../test/interop/${relative}`, import.meta.url))
}

export function corpusPath(relative: string): string {
  return interopPath(`corpus/${relative}`)
}

/** The cases as an outsider reads them: from `verdicts.json`. */
export function corpusCases(): readonly HeldCase[] {
  const { usual, cases } = parseStrictJson(readFileSync(corpusPath('verdicts.json'))) as unknown as {
    readonly usual: Held
    readonly cases: readonly Case[]
  }
  return cases.map(each => ({ ...usual, ...each }))
}

/** Those that this verifier has a say about. */
export function casesOf(other: Other): readonly HeldCase[] {
  return corpusCases().filter(({ others }) => others[other] !== undefined)
}

/** The envelopes of a case's entries as they stand there, whatever is wrong with them. */
export function envelopesIn({ kind, file }: Case): readonly string[] {
  const text = readFileSync(corpusPath(file), 'utf8')
  if (kind === 'dump') return text.split('\n').filter(line => line !== '')
  const { entries } = JSON.parse(text) as { readonly entries: readonly { readonly entry: string }[] }
  return entries.map(({ entry }) => entry)
}

/** What a verifier that looks at one signature at a time says about a case: it needs all to hold, each by a key of the log. */
export function saysOfEach(
  { receiptKeys }: Pick<Held, 'receiptKeys'>,
  envelopes: readonly string[],
  holds: (envelope: string, key: string) => boolean,
): 'accept' | 'reject' {
  return envelopes.every(envelope => receiptKeys.some(key => holds(envelope, key))) ? 'accept' : 'reject'
}
