import { readdir, readFile, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { SaxesParser } from 'saxes'
import { ledgerFault } from '../error-table.js'
import { beginningOf, type Exchange, exchangeFault } from '../ship/exchange.js'
import { type S3Place, type S3Sign, s3Fault, s3Get, targetOf } from '../ship/s3.js'

/** Where shipped objects lie. */
export interface CopyFiles {
  readonly where: string
  /** Names of all objects, in any order, `/` between folders. */
  names(): Promise<readonly string[]>
  /** Undefined where it is longer than any shipped object. */
  read(name: string): Promise<Buffer | undefined>
  close(): Promise<void>
}

/** Sixteen of the largest batches. */
const MAX_OBJECT_BYTES = 64 * 1024 * 1024
const MAX_PAGE_BYTES = 8 * 1024 * 1024
/** Pages of a list in a row without a name that was not there before. */
const MAX_BARREN_PAGES = 100
/** Of all names: some five million objects. */
const MAX_NAME_BYTES = 512 * 1024 * 1024
const TRIES = 3
const TRY_MS = 60_000

/** A folder that somebody has synchronised from a bucket. */
export function folderFiles(folder: string): CopyFiles {
  return {
    where: folder,
    names: async () => {
      const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch(
        (error: NodeJS.ErrnoException) => {
          throw ledgerFault('copy_malformed', `${folder} can’t be read whole (${error.code})`)
        },
      )
      return found
        .filter(entry => entry.isFile())
        .map(entry => join(entry.parentPath, entry.name).slice(join(folder, sep).length).split(sep).join('/'))
    },
    read: async name => {
      const { size } = await stat(join(folder, name))
      return size > MAX_OBJECT_BYTES ? undefined : readFile(join(folder, name))
    },
    close: async () => {},
  }
}

/** A bucket, read with SigV4: ListObjectsV2 and GetObject, each tried three times. */
export function objectFiles(
  place: S3Place,
  exchange: Exchange,
  sign: S3Sign,
  maxNameBytes = MAX_NAME_BYTES,
): CopyFiles {
  const below = place.prefix === '' ? '' : `${place.prefix}/`

  async function get(target: string, maxBytes: number): Promise<Buffer | undefined> {
    for (let tries = 1; ; tries++) {
      try {
        return await getOnce(target, maxBytes)
      } catch (error) {
        if (tries >= TRIES || (error as { code?: unknown }).code === 'ship_refused') throw error
      }
    }
  }

  async function getOnce(target: string, maxBytes: number): Promise<Buffer | undefined> {
    const answer = await s3Get(place, exchange, sign, target, AbortSignal.timeout(TRY_MS))
    if (answer.status !== 200) throw s3Fault(answer, await beginningOf(answer))
    const chunks: Buffer[] = []
    let length = 0
    try {
      for await (const chunk of answer.body) {
        length += chunk.length
        if (length > maxBytes) return undefined
        chunks.push(chunk)
      }
    } catch (error) {
      throw exchangeFault(error)
    }
    return Buffer.concat(chunks)
  }

  return {
    where: `${place.endpoint}${targetOf(place, '')}`.replace(/\/$/, ''),
    names: async () => {
      const names = new Set<string>()
      const seen = new Set<string>()
      let barren = 0
      let nameBytes = 0
      let token: string | null = ''
      while (token !== null) {
        const query: string = [
          'list-type=2',
          `prefix=${encodeURIComponent(below)}`,
          ...(token === '' ? [] : [`continuation-token=${encodeURIComponent(token)}`]),
        ].join('&')
        const text = await get(`/${place.bucket}?${query}`, MAX_PAGE_BYTES)
        const page = listed(text?.toString('utf8') ?? '')
        const before = names.size
        for (const key of page.keys) {
          if (!key.startsWith(below) || names.has(key.slice(below.length))) continue
          names.add(key.slice(below.length))
          nameBytes += key.length
        }
        // ATTACK: a store that goes on to invent objects, until the memory of whoever asks is full.
        if (nameBytes > maxNameBytes)
          throw ledgerFault(
            'ship_answer',
            `${names.size} objects, and more: name a prefix below which there are fewer`,
          )
        // ATTACK: a store that leads from page to page for ever. An honest one may have some without anything new.
        barren = names.size > before ? 0 : barren + 1
        const goesBack = page.next !== null && seen.has(page.next)
        if (goesBack || barren > MAX_BARREN_PAGES)
          throw ledgerFault('ship_answer', 'a list of objects that doesn’t go on')
        token = page.next
        if (token !== null) seen.add(token)
      }
      return [...names]
    },
    read: name => get(targetOf(place, name), MAX_OBJECT_BYTES),
    close: () => exchange.close(),
  }
}

interface Page {
  readonly keys: readonly string[]
  /** Continuation token of the next page; null at the end. */
  readonly next: string | null
}

/** `<ListBucketResult>` of ListObjectsV2: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html */
function listed(xml: string): Page {
  const keys: string[] = []
  const facts = new Map<string, string>()
  const path: string[] = []
  const parser = new SaxesParser()
  parser.on('opentag', ({ name }) => {
    path.push(name)
  })
  parser.on('text', text => {
    const where = path.join('/')
    if (where === 'ListBucketResult/Contents/Key') keys.push(text)
    else if (path.length === 2) facts.set(path[1] as string, text)
  })
  parser.on('closetag', () => {
    path.pop()
  })
  try {
    parser.write(xml).close()
  } catch {
    throw ledgerFault('ship_answer', 'not the XML of a list of objects')
  }
  const more = facts.get('IsTruncated')
  if (more === 'false') return { keys, next: null }
  const next = facts.get('NextContinuationToken')
  if (more !== 'true' || next === undefined || next === '')
    throw ledgerFault('ship_answer', 'a list of objects that doesn’t say whether it ends')
  return { keys, next }
}
