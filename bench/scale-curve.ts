import { drawCurve } from './curve.js'

export interface WholeSidecar {
  readonly entries: number
  readonly startSeconds: number
  readonly idleMiB: number
  readonly requestsPerSecond: number
  /** Under load: the median of many looks, and the most that the keeper ever had. */
  readonly loadedMiB: number
  readonly peakMiB: number
  readonly fullCheck: { readonly state: string; readonly seconds: number; readonly peakMiB: number } | null
}

/** Of the rounds. */
interface Spread {
  readonly median: number
  readonly low: number
  readonly high: number
}

/** What of bench/results/scale.json is drawn. */
export interface ScaleFigures {
  readonly machine: { readonly cores: number; readonly model: string; readonly node: string }
  readonly rounds: number
  readonly concurrency: number
  readonly ratios: { readonly cpuPerEntry: number; readonly timePerEntry: number }
  readonly sizes: readonly {
    readonly entries: number
    readonly openSeconds: number
    readonly entriesPerSecond: Spread
    readonly cpuMicrosPerEntry: Spread
    readonly attemptP50Ms: Spread
    readonly peakMiB: number
  }[]
  readonly sidecar: { readonly empty: WholeSidecar; readonly full: WholeSidecar }
}

/** The curve of a run, as an SVG document. */
export function curveOf({ machine, rounds: count, ratios, sizes: each, sidecar }: ScaleFigures): string {
  const points = (of: (size: ScaleFigures['sizes'][number]) => Spread) =>
    each.map(size => {
      const { median: y, low, high } = of(size)
      return { x: size.entries, y, low, high }
    })
  const whole = [sidecar.empty, sidecar.full]
  return drawCurve(
    'A ledger by its size',
    [
      `${machine.cores} × ${machine.model}, Node ${machine.node}; medians and ranges of ${count} rounds, in turns.`,
      `An entry of the longest to one of the empty ledger: processor ${ratios.cpuPerEntry.toFixed(2)} ×, time ${ratios.timePerEntry.toFixed(2)} ×.`,
    ],
    'entries in the ledger',
    [
      {
        title: 'Appending, each entry signed and on disk',
        unit: 'entries a second',
        series: [{ name: 'entries a second', colour: '#0969da', points: points(s => s.entriesPerSecond) }],
      },
      {
        title: 'Processor time of an entry',
        unit: 'µs',
        series: [{ name: 'all threads', colour: '#8250df', points: points(s => s.cpuMicrosPerEntry) }],
      },
      {
        title: 'Start',
        unit: 'seconds',
        bound: { y: 2, name: 'at most' },
        series: [
          {
            name: 'opening the ledger',
            colour: '#1a7f37',
            points: each.map(size => ({ x: size.entries, y: size.openSeconds })),
          },
          {
            name: 'the whole sidecar',
            colour: '#0969da',
            points: whole.map(({ entries: x, startSeconds: y }) => ({ x, y })),
          },
        ],
      },
      {
        title: 'Resident memory of the keeper, under load through the gate',
        unit: 'MiB',
        bound: { y: 250, name: 'at most' },
        series: [
          {
            name: 'median',
            colour: '#9a6700',
            points: whole.map(({ entries: x, loadedMiB: y }) => ({ x, y })),
          },
          {
            name: 'the most it ever had',
            colour: '#bc4c00',
            points: whole.map(({ entries: x, peakMiB: y }) => ({ x, y })),
          },
        ],
      },
    ],
  )
}
