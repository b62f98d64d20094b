import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import process from 'node:process'

/**
 * Runs one lane of the tests: `quick`, `slow` (`*.slow.test.ts`), or `image` (`test/image`, which builds images). What
 * follows goes to `node --test`, such as `--test-name-pattern`.
 */
const ROOT = 'dist/test'
const GROUPS = 'dist/groups'
/** Files of one room that share a process. */
const GROUP_FILES = 12
/** Whole stories over processes of their own: nothing is gained by loading them into one. */
const ALONE = 'scenarios'
const IMAGE = 'image/'

const [lane, ...more] = process.argv.slice(2)
if (lane !== 'quick' && lane !== 'slow' && lane !== 'image')
  throw new Error('expected a lane: quick, slow or image')

const files = readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.test.js') && laneOf(name) === lane)
  .sort()

/** One more than there are processors where much of the time is waiting: for processes to start, and for time to pass. */
const CONCURRENCY = availableParallelism() + (lane === 'quick' ? 1 : 0)

const child = spawn(
  process.execPath,
  [
    '--test',
    `--test-timeout=${lane === 'image' ? 1_800_000 : 300_000}`,
    `--test-concurrency=${CONCURRENCY}`,
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=./dist/scripts/skipped.js',
    '--test-reporter-destination=stderr',
    ...more,
    ...(lane === 'quick' ? entriesOf(groupsOf(files)) : files.map(name => `${ROOT}/${name}`)),
  ],
  { stdio: 'inherit' },
)
child.once('exit', code => {
  process.exitCode = code ?? 1
})

function laneOf(name: string): typeof lane {
  if (name.startsWith(IMAGE)) return 'image'
  return name.endsWith('.slow.test.js') ? 'slow' : 'quick'
}

/** The longest first, so that none of them is left alone at the end. */
function groupsOf(names: readonly string[]): (readonly string[])[] {
  const rooms = new Map<string, string[]>()
  for (const name of names) {
    const room = name.split('/', 1)[0] as string
    rooms.set(room, [...(rooms.get(room) ?? []), name])
  }
  const alone = (rooms.get(ALONE) ?? []).map(name => [name])
  rooms.delete(ALONE)
  const groups = [...rooms.values()].flatMap(room => dealt(room, Math.ceil(room.length / GROUP_FILES)))
  return [...alone, ...groups.sort((a, b) => b.length - a.length)]
}

/** Dealt like cards, because files that begin alike take alike. */
function dealt(names: readonly string[], count: number): (readonly string[])[] {
  return Array.from({ length: count }, (_, hand) => names.filter((_, place) => place % count === hand))
}

/** A module for each group: `node --test` starts files, and gives them no arguments. */
function entriesOf(groups: readonly (readonly string[])[]): string[] {
  rmSync(GROUPS, { recursive: true, force: true })
  mkdirSync(GROUPS)
  return groups.map((names, place) => {
    const entry = `${GROUPS}/${String(place).padStart(3, '0')}.js`
    const paths = JSON.stringify(names.map(name => `${ROOT}/${name}`))
    writeFileSync(entry, `import { runGroup } from '../scripts/test-group.js'\nawait runGroup(${paths})\n`)
    return entry
  })
}
