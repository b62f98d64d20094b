import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import process from 'node:process'

/**
 * Runs one lane of the tests: `quick`, or `slow` (`*.slow.test.ts`). What
 * follows goes to `node --test`, such as `--test-name-pattern`.
 */
const ROOT = 'dist/test'
const [lane, ...more] = process.argv.slice(2)
if (lane !== 'quick' && lane !== 'slow') throw new Error('expected a lane: quick or slow')

const files = readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.test.js') && name.endsWith('.slow.test.js') === (lane === 'slow'))
  .sort()
  .map(name => `${ROOT}/${name}`)

const child = spawn(
  process.execPath,
  [
    '--test',
    '--test-timeout=300000',
    `--test-concurrency=${availableParallelism()}`,
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=./dist/scripts/skipped.js',
    '--test-reporter-destination=stderr',
    ...more,
    ...files,
  ],
  { stdio: 'inherit' },
)
child.once('exit', code => {
  process.exitCode = code ?? 1
})
