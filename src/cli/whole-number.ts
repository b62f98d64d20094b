import { InvalidArgumentError } from 'commander'

/** An option's number: from 0 to 2^53 − 1, digits and nothing else. */
export function wholeNumber(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new InvalidArgumentError('expected a whole number')
  return value
}
