import type { AwsScalar, AwsShape, AwsStructure } from '../../src/protocol/index.js'

/** A scalar somewhere in an operation's arguments. */
export interface Place {
  /** As in `ArgumentRule`: `Delete.Objects[].Key`. */
  readonly path: string
  /** Name of the member: `Key`. */
  readonly name: string
  readonly kind: AwsScalar
  /** Members above it, itself included. */
  readonly depth: number
  /** How many lists lie on the way. */
  readonly lists: number
  /** In a map somewhere on the way, where a path doesn't lead. */
  readonly inMap: boolean
  /** Member of the arguments that it is or stands in. */
  readonly top: string
}

const MAX_DEPTH = 6

/** Every scalar in the arguments, shapes within themselves once. */
export function placesOf(input: AwsStructure, shapes: Readonly<Record<string, AwsShape>>): readonly Place[] {
  const places: Place[] = []
  const walk = (shape: AwsShape, place: Place, seen: readonly string[]): void => {
    if (typeof shape === 'string') places.push({ ...place, kind: shape })
    else if (place.depth > MAX_DEPTH) return
    else if ('ref' in shape) {
      if (!seen.includes(shape.ref)) walk(shapes[shape.ref] as AwsShape, place, [...seen, shape.ref])
    } else if ('list' in shape)
      walk(shape.list, { ...place, path: `${place.path}[]`, lists: place.lists + 1 }, seen)
    else if ('map' in shape) walk(shape.map, { ...place, inMap: true }, seen)
    else enter(shape, place, seen)
  }
  const enter = (shape: AwsStructure, above: Place | null, seen: readonly string[]): void => {
    for (const [name, field] of Object.entries(shape.fields))
      walk(
        field.is,
        {
          path: above === null ? name : `${above.path}.${name}`,
          name,
          kind: 'any',
          depth: (above?.depth ?? 0) + 1,
          lists: above?.lists ?? 0,
          inMap: above?.inMap ?? false,
          top: above?.top ?? name,
        },
        seen,
      )
  }
  enter(input, null, [])
  return places
}
