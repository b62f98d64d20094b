import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { contentId, fromUtf8, parseStrictJson } from '../canon/index.js'
import { nativeCrypto } from '../native/index.js'
import type { AwsShelf } from '../protocol/index.js'
import { packageRoot } from './catalogs.js'
import { cliFault } from './error-table.js'

/** `index.json` of the shelf: `{"v":1,"source":{…},"probes":{…},"services":{"ec2":"sha256:…",…}}`. */
interface ShelfIndex {
  readonly source: AwsShelf['source']
  readonly probes: NonNullable<AwsShelf['probes']>
  readonly services: Readonly<Record<string, string>>
}

/**
 * The AWS services that this version ships (config/catalogs/aws). A service's file is read when a policy names it, and
 * held against the index; throws `catalog_unreadable` where it is another.
 */
export function openAwsShelf(): AwsShelf {
  const folder = join(packageRoot(), 'config', 'catalogs', 'aws')
  const { source, probes, services } = parseStrictJson(
    readFileSync(join(folder, 'index.json')),
  ) as unknown as ShelfIndex
  return {
    source,
    probes,
    services: Object.keys(services),
    read: id => {
      if (!Object.hasOwn(services, id)) return undefined
      const bytes = readFileSync(join(folder, `${id}.json`))
      if (contentId(nativeCrypto, bytes) !== services[id])
        throw cliFault('catalog_unreadable', `${join(folder, id)}.json`)
      return fromUtf8(bytes)
    },
  }
}
