import type { Matrix, MatrixRow, MatrixTotals } from '../policy/index.js'
import { visible } from './entry-text.js'
import { longest } from './longest.js'

/** A matrix as lines of text: by API a table, then its totals. */
export function matrixLines(matrix: Matrix, rows: readonly MatrixRow[]): readonly string[] {
  const apis = Object.keys(matrix.byApi).sort()
  return [
    ...apis.flatMap(api => {
      const own = rows.filter(row => row.api === api)
      return [...table(api, own), ...totalLines(matrix.byApi[api] as MatrixTotals), '']
    }),
    ...(apis.length > 1 ? [`all APIs: ${summaryOf(matrix.totals)}`] : []),
  ]
}

/** `12 of 230 mutations admitted, 3 held, 0 irreversible`. */
export function summaryOf({ mutations, irreversibleAdmitted }: MatrixTotals): string {
  const { admitted, operations, held } = mutations
  return `${admitted} of ${operations} mutations admitted, ${held} held, ${irreversibleAdmitted} irreversible`
}

function table(api: string, rows: readonly MatrixRow[]): readonly string[] {
  if (rows.length === 0) return [`${api}: no operation to show`]
  const cells = rows.map(row =>
    [row.operation, row.classes.join(' '), row.verdict, rulesOf(row), detailOf(row)].map(visible),
  )
  const widths = [0, 1, 2, 3].map(at => Math.min(60, longest(cells.map(each => each[at] as string))))
  const line = (each: readonly string[]): string =>
    each
      .map((cell, at) => (at === each.length - 1 ? cell : cell.padEnd(widths[at] as number)))
      .join('  ')
      .trimEnd()
  return [`${api}`, ...cells.map(each => `  ${line(each)}`)]
}

/** Ids of the rules that lead to the verdict. */
export function rulesOf({ by }: MatrixRow): string {
  return [...new Set(by.map(({ rule }) => rule))].join(', ') || 'no rule'
}

/** What has to be true for the verdict, and what else may become of the operation. */
export function detailOf({ by, unless }: MatrixRow): string {
  const conditional = by.filter(each => each.if.length > 0)
  // A rule without a condition decides alone; the others don't narrow it.
  const conditions =
    conditional.length < by.length && by.length > 0
      ? []
      : conditional.map(each => (by.length > 1 ? `${each.rule}: ` : '') + each.if.join(', '))
  return [...new Set([...conditions, ...unless])].join('; ')
}

function totalLines(totals: MatrixTotals): readonly string[] {
  const classes = Object.entries(totals.classes).map(
    ([name, { operations, admitted, held, denied }]) =>
      `  ${name.padEnd(15)} ${String(operations).padStart(6)}   ${admitted} admitted, ${held} held, ${denied} denied`,
  )
  return [`  ${summaryOf(totals)}`, ...classes]
}
