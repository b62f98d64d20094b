import { spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { transformSync } from 'esbuild'
import { ROOT } from './root.js'

/*
 * `npm run test:defences`: takes one defence after the other out of a copy of the sources and expects the test that is there
 * for it to fail. A test that still passes would not have noticed the loss. The list is test/attacks/defences.json.
 */
interface Defence {
  readonly family: string
  readonly defence: string
  readonly file: string
  /** Text of the source that is the defence, once in the file unless `at` says which. */
  readonly take: string
  readonly leave: string
  readonly at?: 'last'
  readonly test: string
  /** Names of the subtests that are run; all of them where it is left out. */
  readonly only?: string
  /** The test starts the program, so that it has to be bundled anew. */
  readonly program?: boolean
}

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    list: { type: 'boolean', default: false },
    tested: { type: 'boolean', default: false },
    part: { type: 'string' },
    help: { type: 'boolean' },
  },
})
if (values.help) {
  process.stdout.write(
    `npm run test:defences                      # all of them, some minutes
npm run test:defences -- --only Policy     # those whose family or defence has this in it
npm run test:defences -- --list
npm run test:defences -- --tested          # where the tests have just passed: they aren't run first with all of them in place
npm run test:defences -- --part 1/2        # the first half; unless told four parts on two processors, say, run beside each other
`,
  )
  process.exit(0)
}
const all = JSON.parse(readFileSync(join(ROOT, 'test/attacks/defences.json'), 'utf8')) as readonly Defence[]
const wanted = all.filter(
  ({ family, defence }) => values.only === undefined || `${family}: ${defence}`.includes(values.only),
)
if (wanted.length === 0) throw new Error(`no defence has "${values.only}" in it; --list names them`)
if (values.list) {
  for (const { family, defence, file, test } of wanted)
    process.stdout.write(`${family}: ${defence} (${file}, ${test})\n`)
  process.exit(0)
}

if (values.part === undefined && wanted.length > 1) {
  // Without its bound a test mostly waits.
  const parts = Math.min(wanted.length, 2 * availableParallelism())
  const codes = await Promise.all(
    Array.from({ length: parts }, (_, i) => inProcessOfItsOwn(`${i + 1}/${parts}`)),
  )
  process.exit(Math.max(...codes))
}
const [, place = 1, parts = 1] = (/^([1-9]\d*)\/([1-9]\d*)$/.exec(values.part ?? '1/1') ?? []).map(Number)
const mine = wanted.filter((_, i) => i % parts === place - 1)

/** A bound that is taken out may leave a test waiting for ever. */
const TEST_MS = 120_000
const tree = mkdtempSync(join(tmpdir(), 'countersign-defences-'))
let unnoticed = 0
try {
  copyTree()
  for (const test of new Set(
    (values.tested ? [] : mine).map(({ test, only }) => JSON.stringify([test, only ?? null])),
  )) {
    const [file, only] = JSON.parse(test) as [string, string | null]
    const { passes, output } = run(file, only ?? undefined)
    if (!passes) throw new Error(`${file} fails with every defence in place\n${output}`)
  }
  for (const each of mine) if (!isNoticed(each)) unnoticed++
} finally {
  rmSync(tree, { recursive: true, force: true })
}
process.stdout.write(`${mine.length - unnoticed} of ${mine.length} losses noticed\n`)
process.exitCode = unnoticed === 0 ? 0 : 1

function inProcessOfItsOwn(part: string): Promise<number> {
  const argv = [fileURLToPath(import.meta.url), ...process.argv.slice(2), '--part', part]
  const child = spawn(process.execPath, argv, { stdio: 'inherit' })
  return new Promise(resolve => child.once('exit', code => resolve(code ?? 1)))
}

/** What tests and the bundle read; the rest of the folder is linked. */
function copyTree(): void {
  const copied = ['src', 'dist']
  for (const name of copied) cpSync(join(ROOT, name), join(tree, name), { recursive: true })
  for (const name of readdirSync(ROOT))
    if (!copied.includes(name) && name !== '.git') symlinkSync(join(ROOT, name), join(tree, name))
}

function isNoticed(each: Defence): boolean {
  const source = join(tree, each.file)
  const compiled = join(tree, 'dist', each.file.replace(/\.ts$/, '.js'))
  const before = { source: readFileSync(source, 'utf8'), compiled: readFileSync(compiled, 'utf8') }
  const without = lossOf(each, before.source)
  writeFileSync(source, without)
  writeFileSync(compiled, transformSync(without, { loader: 'ts', format: 'esm', target: 'es2023' }).code)
  if (each.program === true) bundle()
  const { passes } = run(each.test, each.only)
  process.stdout.write(`${passes ? 'UNNOTICED' : 'noticed  '}  ${each.family}: ${each.defence}\n`)
  writeFileSync(source, before.source)
  writeFileSync(compiled, before.compiled)
  if (each.program === true) bundle()
  return !passes
}

function lossOf({ file, take, leave, at }: Defence, source: string): string {
  const place = at === 'last' ? source.lastIndexOf(take) : source.indexOf(take)
  const again = at === 'last' ? -1 : source.indexOf(take, place + 1)
  if (place < 0 || again >= 0)
    throw new Error(
      `${file} has ${place < 0 ? 'no' : 'more than one'} ${JSON.stringify(take)}; mend the list`,
    )
  return source.slice(0, place) + leave + source.slice(place + take.length)
}

function bundle(): void {
  const { status, stderr } = spawnSync(process.execPath, ['dist/scripts/program.js'], {
    cwd: tree,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
}

function run(test: string, only: string | undefined): { passes: boolean; output: string } {
  const file = join('dist', test.replace(/\.ts$/, '.js'))
  const pattern =
    only === undefined ? [] : [`--test-name-pattern=${only.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`]
  const { status, stdout } = spawnSync(
    process.execPath,
    ['--test', `--test-timeout=${TEST_MS}`, ...pattern, file],
    {
      cwd: tree,
      timeout: 2 * TEST_MS,
      encoding: 'utf8',
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
      maxBuffer: 64 * 1024 * 1024,
    },
  )
  // ATTACK: what doesn't even load isn't a loss that was noticed.
  if (/SyntaxError|ERR_MODULE_NOT_FOUND/.test(stdout))
    throw new Error(`${test} doesn't load\n${stdout.slice(-2000)}`)
  // ATTACK: a pattern that fits nothing passes.
  // One that waited for ever is counted as cancelled.
  const ran = /^(?:#|ℹ) (?:pass|fail|cancelled) [1-9]/m.test(stdout)
  if (!ran) throw new Error(`${test} has no test ${only ?? ''}\n${stdout.slice(-2000)}`)
  return { passes: status === 0, output: stdout.slice(-4000) }
}
