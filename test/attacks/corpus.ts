import { readFileSync } from 'node:fs'

/**
 * One attack: the bytes on the wire, Latin-1, and how it is refused. `{BEARER}` stands for a header with a good grant,
 * `{GRANT}` for the grant alone, `{LENGTH}` for the length of what comes behind the head, and `⟦1000 x#⟧` for a text that
 * often, its number for `#`. Others are filled in by name.
 */
export interface AttackCase {
  readonly name: string
  readonly request: string
  readonly status: number
  /** Code of the recorded refusal; null where the bytes are no request at all, or break off as one. */
  readonly code: string | null
}

/** Compiled tests lie in dist/test/attacks. */
export function attacks(family: string): readonly AttackCase[] {
  const file = new URL(`../../../test/attacks/${family}.json`, import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8')) as readonly AttackCase[]
}

/** What an attack sends, byte for byte. */
export function bytesOf({ request }: AttackCase, fillings: Readonly<Record<string, string>>): Buffer {
  const repeated = request.replace(/⟦(\d+) ([^⟧]*)⟧/g, (_, count: string, text: string) =>
    Array.from({ length: Number(count) }, (_each, i) => text.replaceAll('#', String(i))).join(''),
  )
  const filled = repeated.replace(/\{([A-Z_]+)\}/g, (whole, name: string) => fillings[name] ?? whole)
  const length = filled.length - filled.indexOf('\r\n\r\n') - 4
  return Buffer.from(filled.replace('{LENGTH}', String(length)), 'latin1')
}
