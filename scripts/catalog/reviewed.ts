import type { OperationClass } from '../../src/protocol/index.js'

/** Operations with the classes that a person gave them: one a line, a name, or a name's beginning before `**`. */
export interface Review {
  readonly classes: readonly OperationClass[]
  readonly operations: string
}

interface Line {
  readonly start: string
  readonly whole: boolean
  readonly classes: readonly OperationClass[]
  used: boolean
}

/** A table of reviews: the whole name wins, then the longest beginning. */
export class Reviews {
  private readonly lines: Line[]

  /** `expand` writes out abbreviations. Throws where a line stands twice. */
  constructor(reviews: readonly Review[], expand: (line: string) => readonly string[]) {
    this.lines = reviews.flatMap(({ classes, operations }) =>
      operations
        .split('\n')
        .map(line => line.trim())
        .filter(line => line !== '')
        .flatMap(expand)
        .map(line => ({
          start: line.replace(/\*\*$/, ''),
          whole: !line.endsWith('**'),
          classes,
          used: false,
        })),
    )
    const seen = new Set<string>()
    for (const { start, whole } of this.lines) {
      if (seen.has(`${start} ${whole}`)) throw new Error(`${start} is reviewed twice`)
      seen.add(`${start} ${whole}`)
    }
  }

  /** Null where nobody reviewed it. */
  classesOf(name: string): readonly OperationClass[] | null {
    const found = this.lines
      .filter(({ start, whole }) => (whole ? name === start : name.startsWith(start)))
      .sort((a, b) => Number(b.whole) - Number(a.whole) || b.start.length - a.start.length)[0]
    if (found === undefined) return null
    found.used = true
    return found.classes
  }

  /** Lines that no name was found by: a typing error, or something that is gone. */
  unused(): readonly string[] {
    return this.lines.filter(({ used }) => !used).map(({ start, whole }) => (whole ? start : `${start}**`))
  }
}
