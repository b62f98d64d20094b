import type { Random } from './random.js'

/** Two texts that were compared and differ. */
export type Compared = readonly [left: string, right: string]

/** What a mutation may draw on. */
export interface Material {
  readonly random: Random
  readonly maxBytes: number
  /** Words of the target, and those that stand in the code that it runs. */
  readonly words: readonly Buffer[]
  /** Any other input of the corpus. */
  readonly another: () => Buffer
  /** What the run of the input before compared. */
  readonly compared: readonly Compared[]
}

type Mutation = (input: Buffer, material: Material) => Buffer

/** Changes an input in one to eight ways. */
export function mutated(input: Buffer, material: Material): Buffer {
  const { random, maxBytes } = material
  let output = input
  for (let steps = 1 << random.below(4); steps > 0; steps--) output = random.of(MUTATIONS)(output, material)
  return output.length > maxBytes ? output.subarray(0, maxBytes) : output
}

/** Bytes on which grammars turn. */
const SIGNS = Buffer.from(
  '\0\t\n\r "#%&\'()*+,-./0123456789:;<=>?@AZ[\\]_az{|}~\x7f\x80\xbf\xc0\xe2\xff',
  'latin1',
)
const NUMBERS = [
  '0',
  '-1',
  '1',
  '255',
  '256',
  '65535',
  '65536',
  '2147483648',
  '9007199254740992',
  '1e999',
  '-0',
  '00',
]

const MUTATIONS: readonly Mutation[] = [
  (input, { random }) => withByte(input, random, byte => byte ^ (1 << random.below(8))),
  (input, { random }) => withByte(input, random, () => random.of([...SIGNS])),
  (input, { random }) => withByte(input, random, byte => (byte + random.of([1, 255, 16, 32])) & 0xff),
  (input, { random }) =>
    spliced(input, random.below(input.length + 1), 0, Buffer.from([random.of([...SIGNS])])),
  (input, { random }) => spliced(input, random.below(input.length + 1), 0, Buffer.from([random.below(256)])),
  (input, { random }) => spliced(input, random.below(input.length), 1 + random.below(4), NOTHING),
  (input, { random }) => {
    const [at, length] = range(input, random)
    return spliced(input, at, length, NOTHING)
  },
  (input, { random }) => {
    const [at, length] = range(input, random)
    return spliced(input, random.below(input.length + 1), 0, input.subarray(at, at + length))
  },
  (input, { random }) => {
    const [at, length] = range(input, random)
    const times = 2 + random.below(32)
    return spliced(
      input,
      at,
      0,
      Buffer.concat(Array.from({ length: times }, () => input.subarray(at, at + Math.min(length, 64)))),
    )
  },
  (input, { random, words }) => spliced(input, random.below(input.length + 1), 0, random.of(words)),
  (input, { random, words }) => spliced(input, random.below(input.length + 1), 0, random.of(words)),
  (input, { random, words }) => {
    const word = random.of(words)
    return spliced(input, random.below(input.length), word.length, word)
  },
  withRun,
  withRun,
  withPartOf,
  (input, { random, another }) => {
    const other = another()
    return Buffer.concat([
      input.subarray(0, random.below(input.length + 1)),
      other.subarray(random.below(other.length + 1)),
    ])
  },
  withCompared,
  withCompared,
  withCompared,
  withNumber,
  withLines,
]

/** A run of letters or digits becomes a word, or the run of another place. */
function withRun(input: Buffer, { random, words }: Material): Buffer {
  const runs = runsIn(input, /[A-Za-z0-9_-]+/g)
  if (runs.length === 0) return input
  const [at, length] = random.of(runs)
  const [from, size] = random.of(runs)
  return spliced(input, at, length, random.oneIn(2) ? random.of(words) : input.subarray(from, from + size))
}

function withPartOf(input: Buffer, { random, another }: Material): Buffer {
  const other = another()
  const [from, size] = range(other, random)
  const at = random.below(input.length + 1)
  return spliced(input, at, random.oneIn(2) ? size : 0, other.subarray(from, from + size))
}

/** Writes what the code had wanted to see where the input has what it saw. */
function withCompared(input: Buffer, { random, compared }: Material): Buffer {
  if (compared.length === 0) return input
  const pair = random.of(compared)
  const [seen, wanted] = random.oneIn(2) ? pair : [pair[1], pair[0]]
  const at = seen === '' ? -1 : input.indexOf(seen)
  if (at < 0) {
    const sign = random.oneIn(2) ? '' : String.fromCharCode(random.of([...SIGNS]))
    return spliced(input, random.below(input.length + 1), 0, Buffer.from(sign + wanted, 'utf8'))
  }
  return spliced(input, at, Buffer.byteLength(seen), Buffer.from(wanted))
}

function withNumber(input: Buffer, { random }: Material): Buffer {
  const runs = runsIn(input, /[0-9]+/g)
  if (runs.length === 0) return input
  const [at, length] = random.of(runs)
  const value = Number(input.subarray(at, at + length).toString('latin1'))
  const near = Number.isSafeInteger(value)
    ? [String(value + 1), String(Math.max(0, value - 1)), String(value * 2)]
    : []
  return spliced(input, at, length, Buffer.from(random.of([...NUMBERS, ...near])))
}

/** Lines change places, come twice or go. */
function withLines(input: Buffer, { random }: Material): Buffer {
  const lines = input.toString('latin1').split('\n')
  const [one, two] = [random.below(lines.length), random.below(lines.length)]
  const line = lines[one] as string
  if (random.oneIn(3)) lines.splice(two, 0, line)
  else if (random.oneIn(2)) lines.splice(one, 1)
  else [lines[one], lines[two]] = [lines[two] as string, line]
  return Buffer.from(lines.join('\n'), 'latin1')
}

function withByte(input: Buffer, random: Random, change: (byte: number) => number): Buffer {
  if (input.length === 0) return input
  const output = Buffer.from(input)
  const at = random.below(output.length)
  output[at] = change(output[at] as number)
  return output
}

function spliced(input: Buffer, at: number, length: number, put: Uint8Array): Buffer {
  return Buffer.concat([input.subarray(0, at), put, input.subarray(Math.min(at + length, input.length))])
}

function range(input: Buffer, random: Random): readonly [at: number, length: number] {
  const at = random.below(input.length)
  const most = input.length - at
  return [at, random.oneIn(4) ? random.below(most + 1) : Math.min(most, 1 + random.below(16))]
}

function runsIn(input: Buffer, run: RegExp): readonly (readonly [at: number, length: number])[] {
  return [...input.toString('latin1').matchAll(run)].map(match => [match.index, match[0].length])
}

const NOTHING = Buffer.alloc(0)
