import type { CaseResult } from './compare.js'
import { svgDocument, text } from './svg.js'

/** What of a run is drawn. */
export interface Comparison {
  readonly machine: { readonly cores: number; readonly load: string }
  readonly results: readonly CaseResult[]
}

const WIDTH = 760
const ROW = 20
const LEFT = 190
const RIGHT = 150
const HEAD = 64
const GAP = 46
const OURS = '#0969da'
const OTHERS = '#8c959f'

/** Throughput to bare `@fastify/http-proxy`, case by case, as an SVG document that needs nothing else to be looked at. */
export function drawBars({ machine, results }: Comparison): string {
  const heights = results.map(({ showings }) => GAP + ROW * showings.length)
  const height = HEAD + heights.reduce((sum, each) => sum + each, 0) + 16
  let top = HEAD
  const rows = results.flatMap((result, place) => {
    const drawn = drawCase(result, top)
    top += heights[place] as number
    return drawn
  })
  const subtitle = `Requests a second, to those of bare @fastify/http-proxy; ${machine.cores} cores for everything, ${machine.load}.`
  return svgDocument('Throughput side by side', { width: WIDTH, height }, [text(20, 48, subtitle), ...rows])
}

function drawCase({ name, connections, showings }: CaseResult, top: number): string[] {
  const most = Math.max(1, ...showings.map(({ toBare }) => toBare))
  const width = (ratio: number) => ((WIDTH - LEFT - RIGHT) * ratio) / most
  const one = LEFT + width(1)
  const below = top + 28 + ROW * showings.length
  return [
    text(
      20,
      top + 18,
      `${name}, ${connections === 1 ? 'one connection' : `${connections} connections`}`,
      'font-weight="600"',
    ),
    ...showings.flatMap(({ contender, toBare, requestsPerSecond, p50Ms }, place) => {
      const y = top + 28 + ROW * place
      const bar = width(toBare)
      return [
        text(LEFT - 8, y + 13, contender, 'text-anchor="end"'),
        `<rect x="${LEFT}" y="${y + 2}" width="${bar.toFixed(1)}" height="${ROW - 5}" fill="${contender === 'countersign' ? OURS : OTHERS}"/>`,
        text(
          LEFT + bar + 6,
          y + 13,
          `${toBare.toFixed(2)} × · ${requestsPerSecond.toFixed(0)}/s · p50 ${p50Ms.toFixed(1)} ms`,
        ),
      ]
    }),
    `<line x1="${one.toFixed(1)}" y1="${top + 26}" x2="${one.toFixed(1)}" y2="${below}" stroke="#cf222e" stroke-dasharray="4 3"/>`,
  ]
}
