import { escaped, INK, line, round, svgDocument, text } from './svg.js'

/** One line of a panel: its points from left to right, each with the range in which its rounds lay. */
export interface Series {
  readonly name: string
  readonly colour: string
  readonly points: readonly {
    readonly x: number
    readonly y: number
    readonly low?: number
    readonly high?: number
  }[]
}

export interface Panel {
  readonly title: string
  readonly unit: string
  readonly series: readonly Series[]
  /** A value that is not to be passed. */
  readonly bound?: { readonly y: number; readonly name: string }
}

const WIDTH = 760
const PANEL = 250
const MARGIN = { left: 86, right: 40, top: 44, bottom: 46 }
const HEAD = 82
const FAINT = '#d0d7de'

/** Panels over one axis of sizes, as an SVG document that needs nothing else to be looked at. */
export function drawCurve(
  title: string,
  subtitle: readonly string[],
  axis: string,
  panels: readonly Panel[],
): string {
  const height = HEAD + PANEL * panels.length
  const most = Math.max(
    1,
    ...panels.flatMap(({ series }) => series.flatMap(each => each.points.map(p => p.x))),
  )
  return svgDocument(title, { width: WIDTH, height }, [
    ...subtitle.map((words, place) => text(20, 48 + 17 * place, words)),
    ...panels.flatMap((panel, place) => drawPanel(panel, HEAD + PANEL * place, most, axis)),
  ])
}

function drawPanel({ title, unit, series, bound }: Panel, top: number, most: number, axis: string): string[] {
  const [left, right] = [MARGIN.left, WIDTH - MARGIN.right]
  const [above, below] = [top + MARGIN.top, top + PANEL - MARGIN.bottom]
  const values = series.flatMap(({ points }) => points.flatMap(({ y, high = y }) => [y, high]))
  const { step, end } = ticksOver(Math.max(1e-9, bound?.y ?? 0, ...values))
  const x = (value: number) => left + ((right - left) * value) / most
  const y = (value: number) => below - ((below - above) * value) / end
  const levels = Array.from({ length: Math.round(end / step) + 1 }, (_, i) => i * step)
  const places = apart(
    series.flatMap(({ points }) => points.map(point => point.x)),
    most * 0.08,
  )
  return [
    text(20, top + 18, title, 'font-weight="600"'),
    ...legend(series, top + 18),
    ...levels.flatMap(level => [
      line(left, y(level), right, y(level), FAINT),
      text(left - 8, y(level) + 4, number(level), 'text-anchor="end"'),
    ]),
    ...places.flatMap(place => [
      line(x(place), below, x(place), below + 5, INK),
      text(x(place), below + 18, number(place), 'text-anchor="middle"'),
    ]),
    text(
      20,
      (above + below) / 2,
      unit,
      `text-anchor="middle" transform="rotate(-90 20 ${(above + below) / 2})"`,
    ),
    text((left + right) / 2, below + 36, axis, 'text-anchor="middle"'),
    line(left, below, right, below, INK),
    ...(bound === undefined
      ? []
      : [
          `<line x1="${left}" y1="${round(y(bound.y))}" x2="${right}" y2="${round(y(bound.y))}" stroke="#cf222e" stroke-dasharray="6 4"/>`,
          text(right, y(bound.y) - 5, bound.name, 'text-anchor="end" fill="#cf222e"'),
        ]),
    ...series.flatMap(({ colour, points }) => [
      `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${points.map(point => `${round(x(point.x))},${round(y(point.y))}`).join(' ')}"/>`,
      ...points.flatMap(({ x: at, y: value, low = value, high = value }) => [
        line(x(at), y(low), x(at), y(high), colour),
        `<circle cx="${round(x(at))}" cy="${round(y(value))}" r="3.5" fill="${colour}"><title>${number(value)} ${escaped(unit)} at ${number(at)}</title></circle>`,
      ]),
    ]),
  ]
}

/** Those with room for their label; what is nearly the same stands for both. */
function apart(places: readonly number[], least: number): number[] {
  const kept: number[] = []
  for (const place of [...places].sort((a, b) => a - b))
    if (place - (kept.at(-1) ?? -least) >= least) kept.push(place)
  return kept
}

function legend(series: readonly Series[], y: number): string[] {
  let at = WIDTH - MARGIN.right
  return [...series].reverse().flatMap(({ name, colour }) => {
    const parts = [
      text(at, y, name, 'text-anchor="end"'),
      `<rect x="${at - name.length * 7 - 18}" y="${y - 9}" width="11" height="11" fill="${colour}"/>`,
    ]
    at -= name.length * 7 + 34
    return parts
  })
}

/** Round steps, four to eight of them, the last at or above the largest value. */
function ticksOver(largest: number): { step: number; end: number } {
  const rough = largest / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 2.5, 5, 10].find(factor => factor * power >= rough) as number)
  return { step, end: step * Math.ceil(largest / step) }
}

function number(value: number): string {
  if (value >= 1e6) return `${trimmed(value / 1e6)} M`
  return value >= 1e4 ? `${trimmed(value / 1e3)} k` : trimmed(value)
}

function trimmed(value: number): string {
  return String(Number(value.toPrecision(3)))
}
