import { AwsRefusal } from './aws-refusal.js'

type Tree = Readonly<Record<string, unknown>>

/**
 * Parameters of one operation, whatever carried them: a form (`Filter.1.Value.1=x`), JSON or CBOR. Reading one that
 * is missing or of another kind throws `AwsRefusal`.
 */
export class AwsInput {
  private readonly tree: Tree

  constructor(tree: Tree) {
    this.tree = tree
  }

  has(name: string): boolean {
    return this.tree[name] !== undefined
  }

  /** Throws `AwsRefusal` for any other parameter: what isn't acted on would be promised by the answer all the same. */
  takesOnly(...names: readonly string[]): void {
    const strange = Object.keys(this.tree).find(name => !['Action', 'Version', ...names].includes(name))
    if (strange !== undefined)
      throw invalid(`This stand-in does not take the parameter ${strange.slice(0, 80)}.`)
  }

  text(name: string): string | undefined {
    const value = this.tree[name]
    if (value === undefined || value === null) return undefined
    if (typeof value === 'string') return value
    if (typeof value === 'number' || typeof value === 'boolean') return String(value)
    throw invalid(`The parameter ${name} is not a text.`)
  }

  required(name: string): string {
    const value = this.text(name)
    if (value === undefined || value === '') throw missing(name)
    return value
  }

  integer(name: string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    if (!/^-?\d{1,15}$/.test(text)) throw invalid(`The parameter ${name} is not an integer.`)
    return Number(text)
  }

  number(name: string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    if (text === '' || !Number.isFinite(Number(text))) throw invalid(`The parameter ${name} is not a number.`)
    return Number(text)
  }

  flag(name: string): boolean | undefined {
    const text = this.text(name)?.toLowerCase()
    if (text === undefined) return undefined
    if (text !== 'true' && text !== 'false') throw invalid(`The parameter ${name} is not true or false.`)
    return text === 'true'
  }

  /** Bytes as CBOR has them, or base64. */
  bytes(name: string): Buffer {
    const value = this.tree[name]
    if (value instanceof Uint8Array) return Buffer.from(value)
    return Buffer.from(this.required(name), 'base64')
  }

  date(name: string): Date | undefined {
    const value = this.tree[name]
    if (value instanceof Date || value === undefined) return value
    const date = typeof value === 'number' ? new Date(value * 1000) : new Date(String(value))
    if (Number.isNaN(date.getTime())) throw invalid(`The parameter ${name} is not a time.`)
    return date
  }

  /** Values of a list of texts. */
  texts(name: string): string[] {
    return this.elements(name).map((_value, index, all) => {
      const text = new AwsInput({ [name]: all[index] }).text(name)
      if (text === undefined) throw invalid(`The list ${name} has an empty place.`)
      return text
    })
  }

  /** Values of a list of structures. */
  list(name: string): AwsInput[] {
    return this.elements(name).map(value => new AwsInput(treeOf(value, name)))
  }

  structure(name: string): AwsInput | undefined {
    const value = this.tree[name]
    return value === undefined ? undefined : new AwsInput(treeOf(value, name))
  }

  /** Members of a map from text to text, as JSON and CBOR have it. */
  map(name: string): Record<string, string> {
    const value = this.tree[name]
    if (value === undefined) return {}
    const members = new AwsInput(treeOf(value, name))
    return Object.fromEntries(Object.keys(members.tree).map(member => [member, members.text(member) ?? '']))
  }

  private elements(name: string): unknown[] {
    const value = this.tree[name]
    if (value === undefined || value === null || value === '') return []
    if (Array.isArray(value)) return value
    const numbered = unwrapped(treeOf(value, name))
    const places = Object.keys(numbered).map(Number)
    if (!places.every(place => Number.isInteger(place) && place > 0))
      throw invalid(`The parameter ${name} is not a list.`)
    return places.sort((a, b) => a - b).map(place => numbered[String(place)])
  }
}

/**
 * A form as a tree: `A.member.1.B=x` → `{ A: { member: { 1: { B: 'x' } } } }`. Throws `AwsRefusal` for a name that is
 * given twice, or both as a value and as a structure: which one counts would be a guess.
 */
export function treeOfForm(pairs: readonly (readonly [string, string])[]): Tree {
  const root: Record<string, unknown> = Object.create(null)
  for (const [name, value] of pairs) {
    const steps = name.split('.')
    const last = steps.pop() as string
    let node = root
    for (const step of steps) {
      node[step] ??= Object.create(null)
      if (typeof node[step] !== 'object') throw ambiguous(name)
      node = node[step] as Record<string, unknown>
    }
    if (node[last] !== undefined) throw ambiguous(name)
    node[last] = value
  }
  return root
}

/** `{ member: { 1: … } }` → `{ 1: … }`; services name the wrapper differently. */
function unwrapped(tree: Tree): Tree {
  const names = Object.keys(tree)
  const wrapper =
    names.length === 1 && !/^\d+$/.test(names[0] as string) ? tree[names[0] as string] : undefined
  return typeof wrapper === 'object' && wrapper !== null ? (wrapper as Tree) : tree
}

function treeOf(value: unknown, name: string): Tree {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(`The parameter ${name} is not a structure.`)
  return value as Tree
}

function missing(name: string): AwsRefusal {
  return new AwsRefusal('MissingParameter', `The request must contain the parameter ${name}`)
}

function invalid(message: string): AwsRefusal {
  return new AwsRefusal('InvalidParameterValue', message)
}

function ambiguous(name: string): AwsRefusal {
  return new AwsRefusal('MalformedQueryString', `The parameter ${name.slice(0, 80)} was given several times.`)
}
