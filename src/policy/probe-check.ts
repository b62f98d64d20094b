import type { Catalog, ProbeSpec } from '../protocol/index.js'

/**
 * The first operation of a probe that the catalog doesn't have, or that does more than read; null where it only reads.
 * What is sent in the end is classified once more, byte by byte.
 */
export function unreadable(catalog: Catalog, api: string, { about }: ProbeSpec): string | null {
  for (const { steps } of about.values())
    for (const { operation } of steps) {
      const { classes } = catalog.describe(api, { name: operation, args: {} })
      if (!classes.includes('read') || classes.length > 1) return operation
    }
  return null
}
