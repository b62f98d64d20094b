/** The middle one; of an even number the upper of the two. */
export function median(numbers: readonly number[]): number {
  return quantile(
    [...numbers].sort((a, b) => a - b),
    0.5,
  )
}

/** The figure below which a share of them lies; `sorted` from the least on. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number
}

/** Four digits that count. */
export function rounded(figure: number): number {
  return Number(figure.toPrecision(4))
}

/** The same for every number of a document: a replacer of `JSON.stringify`. */
export function roundedNumbers(_name: string, value: unknown): unknown {
  return typeof value === 'number' ? rounded(value) : value
}
