import type { IFlattenedRuleSet } from 'dependency-cruiser'
import { FIRST_IMPURE_FLOOR, FLOORS, PURE_PACKAGES, STRANGERS } from './floors.js'

type ForbiddenRules = NonNullable<IFlattenedRuleSet['forbidden']>

/** What dependency-cruiser has to forbid for the floors to hold. */
export function forbiddenImports(): ForbiddenRules {
  return [
    ...FLOORS.flatMap((rooms, floor) => rooms.map(room => lowerFloorsOnly(room, floor))),
    ...STRANGERS.map(({ room, to, because }) => ({
      name: `${room}-knows-neither-${to.join('-nor-')}`,
      comment: because,
      severity: 'error' as const,
      from: { path: within([room]) },
      to: { path: within(to) },
    })),
    {
      name: 'through-the-index',
      comment: 'Another room is entered through its index.ts.',
      severity: 'error',
      from: { path: '^src/([^/]+)/' },
      to: { path: '^src/[^/]+/', pathNot: ['^src/$1/', '^src/[^/]+/index\\.ts$'] },
    },
    {
      name: 'pure-floors',
      comment: 'Time, randomness and I/O are passed in, so that the verifier also runs in a browser.',
      severity: 'error',
      from: { path: within(FLOORS.slice(0, FIRST_IMPURE_FLOOR).flat()) },
      to: { pathNot: ['^src/', `(^|/)node_modules/(${PURE_PACKAGES.map(literal).join('|')})/`] },
    },
    {
      name: 'no-cycle',
      comment: 'Modules that load each other see each other half made. Types alone load nothing.',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'resolvable',
      comment: 'An import that leads nowhere hides what is behind it from every other rule.',
      severity: 'error',
      from: { path: '^src/' },
      to: { couldNotResolve: true },
    },
  ]
}

function lowerFloorsOnly(room: string, floor: number): ForbiddenRules[number] {
  const reachable = [room, ...FLOORS.slice(0, floor).flat()]
  return {
    name: `${room}-imports-lower-floors`,
    comment: `The room ${room} is on floor ${floor}.`,
    severity: 'error',
    from: { path: within([room]) },
    to: { path: '^(src|test|scripts|bench)/', pathNot: within(reachable) },
  }
}

function within(rooms: readonly string[]): string {
  return `^src/(${rooms.map(literal).join('|')})/`
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
}
