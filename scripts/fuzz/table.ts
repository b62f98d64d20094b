import type { Outcome } from './campaign.js'
import type { Progress } from './worker.js'

const HEAD = ['target', 'runs', 'runs/s', 'accepted', 'features', 'corpus', 'findings']

export function progressLine(target: string, { runs, accepted, features, corpus }: Progress): string {
  return `${target}: ${runs} runs, ${accepted} accepted, ${features} features, ${corpus} inputs kept`
}

/** What came of all targets, for people. */
export function table(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ target, runs, seconds, accepted, features, corpus, finding }) => [
    target,
    String(runs),
    String(Math.round(runs / Math.max(seconds, 0.001))),
    String(accepted),
    String(features),
    String(corpus),
    finding === null ? '0' : '1',
  ])
  const all = [HEAD, ...rows]
  const widths = HEAD.map((_, column) => Math.max(...all.map(row => (row[column] as string).length)))
  return all
    .map(row =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number)))
        .join('  '),
    )
    .join('\n')
}
