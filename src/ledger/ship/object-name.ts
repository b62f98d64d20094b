/**
 * Objects of a shipped log, under a prefix and the log's chain:
 *
 *     <chain>/entries/0000000000004096-0000000000004199.jsonl    dump lines of entries 4096 to 4199
 *     <chain>/checkpoint/0000000000004200                        signed note over 4200 entries
 *
 * Sixteen digits hold every safe integer, so that the order of names is the order of the log.
 */
const DIGITS = 16

export function entriesName(chain: string, first: number, last: number): string {
  return `${chain}/entries/${padded(first)}-${padded(last)}.jsonl`
}

export function checkpointName(chain: string, size: number): string {
  return `${chain}/checkpoint/${padded(size)}`
}

export type ShippedObject =
  | { readonly kind: 'entries'; readonly chain: string; readonly first: number; readonly last: number }
  | { readonly kind: 'checkpoint'; readonly chain: string; readonly size: number }

/** What a name says, whatever stands before the chain; undefined for a name of something else. */
export function parseObjectName(name: string): ShippedObject | undefined {
  const found = NAME.exec(name)
  if (found === null) return undefined
  const [, chain = '', first, last, size] = found
  const whole = [first, last, size].map(Number)
  if (size !== undefined)
    return Number.isSafeInteger(whole[2])
      ? { kind: 'checkpoint', chain, size: whole[2] as number }
      : undefined
  const [from, to] = whole as [number, number]
  return Number.isSafeInteger(to) && from <= to
    ? { kind: 'entries', chain, first: from, last: to }
    : undefined
}

const CHAIN = '[a-z0-9.-]+/countersign/[a-z0-9-]+/[1-9][0-9]{0,8}'
const NAME = new RegExp(
  `(?:^|/)(${CHAIN})/(?:entries/([0-9]{${DIGITS}})-([0-9]{${DIGITS}})\\.jsonl|checkpoint/([0-9]{${DIGITS}}))$`,
)

function padded(number: number): string {
  return String(number).padStart(DIGITS, '0')
}
