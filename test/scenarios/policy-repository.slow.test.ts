import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import process from 'node:process'
import { type TestContext, test } from 'node:test'
import { packageRoot } from '../../src/cli/catalogs.js'
import { countersign } from '../cli/command-line.js'

/*
 * The repository to copy, in a git repository, with its scripts as CI runs them: the shell of this machine, and the real
 * program on the PATH. What people do between them runs in this process, which is many times faster.
 */

const withGit = { skip: spawnSync('git', ['--version']).status !== 0 && 'git is not installed' }

interface Ended {
  readonly code: number
  /** Both streams, the way a log of CI shows them. */
  readonly log: string
}

interface Repository {
  readonly path: (...parts: readonly string[]) => string
  run(program: string, ...argv: readonly string[]): Promise<Ended>
  /** Runs a command that has to succeed. */
  must(program: string, ...argv: readonly string[]): Promise<string>
  /** Replaces a text that has to be there. */
  edit(file: string, from: string, to: string): void
}

/** A copy of the sample, committed to `main`. */
async function repository(t: TestContext, { installed = true } = {}): Promise<Repository> {
  const home = mkdtempSync(join(tmpdir(), 'countersign-repository-'))
  t.after(() => rmSync(home, { recursive: true, force: true }))
  const bin = join(home, 'bin')
  mkdirSync(bin)
  if (installed) symlinkSync(join(packageRoot(), 'dist/bin/main.js'), join(bin, 'countersign'))
  const folder = join(home, 'policies')
  cpSync(join(packageRoot(), 'config/policy-repository'), folder, { recursive: true })
  const identity = { GIT_AUTHOR_NAME: 'maria', GIT_AUTHOR_EMAIL: 'maria@acme.test' }
  const env = {
    ...identity,
    GIT_COMMITTER_NAME: identity.GIT_AUTHOR_NAME,
    GIT_COMMITTER_EMAIL: identity.GIT_AUTHOR_EMAIL,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    HOME: home,
    PATH: [bin, dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter),
  }
  const run = (program: string, ...argv: readonly string[]): Promise<Ended> =>
    new Promise(resolve => {
      execFile(program, argv, { cwd: folder, env }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), log: `${stdout}${stderr}` }),
      )
    })
  const must = async (program: string, ...argv: readonly string[]): Promise<string> => {
    const { code, log } = await run(program, ...argv)
    assert.equal(code, 0, `${program} ${argv.join(' ')}\n${log}`)
    return log
  }
  const path = (...parts: readonly string[]) => join(folder, ...parts)
  const edit = (file: string, from: string, to: string): void => {
    const text = readFileSync(path(file), 'utf8')
    assert.ok(text.includes(from), `${file} has no ${from}`)
    writeFileSync(path(file), text.replace(from, to))
  }
  await must('git', 'init', '--quiet', '--initial-branch=main')
  await commit(must, 'Begin')
  return { path, run, must, edit }
}

async function commit(must: Repository['must'], subject: string): Promise<void> {
  await must('git', 'add', '--all')
  await must('git', 'commit', '--quiet', '--message', subject)
}

/** Runs a command of the program that has to succeed, in this process. */
async function people(...argv: readonly string[]): Promise<string> {
  const { code, out, err } = await countersign(...argv)
  assert.equal(code, 0, `${argv.join(' ')}\n${out}${err}`)
  return out
}

/** What `trust init` leaves, as the README says: the root and its pin in the repository, the keys with their holders. */
async function withTrust({ must, path }: Repository): Promise<void> {
  const thresholds = ['--threshold', 'root=2/3', '--threshold', 'policy=2/3']
  const made = await people('trust', 'init', '--out', path('../keys'), ...thresholds, '--json')
  mkdirSync(path('trust'))
  await must('mv', '../keys/root.json', 'trust/root.json')
  writeFileSync(path('trust/pin'), `${(JSON.parse(made) as { pin: string }).pin}\n`)
}

/** Seals the policy with the keys of some holders, as the version after the last where there is one. */
async function seal(
  { path }: Repository,
  holders: readonly number[],
  ...more: readonly string[]
): Promise<void> {
  const keys = holders.flatMap(holder => ['--key', keyOf(path, holder)])
  await people('policy', 'seal', path('policy.yaml'), ...keys, '-o', path(SEALED), ...more)
}

const keyOf = (path: Repository['path'], holder: number) => path(`../keys/keys/policy-${holder}.jwk`)
const SEALED = 'sealed/policy.sealed.json'
const SMALL_SHARE = ' && args.share <= 50'

/** Lets those on call turn flags as well. */
function widen({ edit }: Repository): void {
  edit('policy.yaml', 'to: [deployer]', 'to: [deployer, on-call]')
}

test('the check passes in the repository as it comes, and writes nothing into it', withGit, async t => {
  const { must } = await repository(t)
  const log = await must('ci/check')
  assert.match(log, /^policy\.yaml: 0 errors, 0 warnings$/m)
  assert.match(log, /^9 cases, 0 failed$/m)
  assert.equal(log.match(/^PROVEN /gm)?.length, 3, log)
  assert.equal(await must('git', 'status', '--porcelain'), '')
})

test('the check says that the program is missing, and not that the policy is wrong', withGit, async t => {
  const { run } = await repository(t, { installed: false })
  for (const script of ['ci/check', 'ci/check-sealed']) {
    const { code, log } = await run(script)
    assert.deepEqual([code, log.trim()], [1, `${script}: there is no countersign on the PATH.`])
  }
})

test('the check fails, and says why, where lint finds something', withGit, async t => {
  const { run, must, edit } = await repository(t)
  edit('policy.yaml', '    because: Money', '    becuase: Money')
  const wrong = await run('ci/check')
  assert.equal(wrong.code, 1)
  assert.match(wrong.log, /^policy\.yaml:\d+:\d+: error unknown_key: /m)
  assert.match(wrong.log, /^ci\/check: policy\.yaml can’t be compiled/m)
  assert.doesNotMatch(wrong.log, /cases, /, 'what comes after is not asked')
  // A warning is enough.
  await must('git', 'checkout', '--quiet', '.')
  edit('policy.yaml', '    because: Orders are cancelled, which leaves a trace, and never deleted.\n', '')
  const warned = await run('ci/check')
  assert.equal(warned.code, 1)
  assert.match(warned.log, /warning missing_because[\s\S]*^ci\/check: policy\.yaml has findings/m)
})

test('the check fails, and says why, where a case fails or a rule has none', withGit, async t => {
  const { run, must, edit } = await repository(t)
  const stopped = /^ci\/check: a case in tests\/ fails, or too little is tested\.$/m
  edit('policy.yaml', SMALL_SHARE, '')
  const failed = await run('ci/check')
  assert.equal(failed.code, 1)
  assert.match(failed.log, /^ {2}FAIL {2}but not for everybody: allow turn-flags$/m)
  assert.match(failed.log, stopped)
  await must('git', 'checkout', '--quiet', '.')
  edit('tests/shop.yaml', '/retry\n    expect: allow\n    rule: retry', '/again\n    expect: deny')
  const untested = await run('ci/check')
  assert.equal(untested.code, 1)
  assert.match(untested.log, /not tested: retry[\s\S]*\d+ % of the rules are tested, 100 % wanted/)
  assert.match(untested.log, stopped)
})

test(
  'the check fails, and says why, where what never must happen can, or nothing says what that is',
  withGit,
  async t => {
    const { run, must, edit, path } = await repository(t)
    edit('policy.yaml', 'class: [read] }\n    to', 'class: [read, sensitive_read] }\n    to')
    const broken = await run('ci/check')
    assert.equal(broken.code, 1)
    assert.match(broken.log, /^BROKEN {2}bank-details-stay$/m)
    assert.match(
      broken.log,
      /reader: shop GET \/customers\/\{customer\}\/bank-details is admitted by rule look/,
    )
    assert.match(broken.log, /^ {6}curl https:\/\/\S+\/customers\/\S+\/bank-details$/m, 'a request that does')
    assert.match(broken.log, /^ci\/check: what must never happen could: /m)
    await must('git', 'checkout', '--quiet', '.')
    const text = readFileSync(path('policy.yaml'), 'utf8')
    writeFileSync(path('policy.yaml'), text.replace(/^never:\n(?: {2}.*\n)+/m, ''))
    const silent = await run('ci/check')
    assert.equal(silent.code, 1)
    assert.match(
      silent.log,
      /states nothing that must never happen[\s\S]*^ci\/check: .*says nothing under never\.$/m,
    )
  },
)

test('a change that widens passes only once enough people have signed what it says', withGit, async t => {
  const policies = await repository(t)
  const { run, must, path } = policies
  await withTrust(policies)
  await seal(policies, [1, 2])
  await commit(must, 'Seal the first policy')

  // Somebody proposes more.
  await must('git', 'checkout', '--quiet', '-b', 'flags-on-call')
  widen(policies)
  const proposed = await run('ci/check')
  assert.equal(proposed.code, 1)
  assert.match(proposed.log, /^The new policy widens 1 operation for on-call\.$/m)
  assert.match(proposed.log, /^\+ on-call, shop: denied → admitted\n {4}PUT \/flags\/\{flag\}$/m)
  assert.match(
    proposed.log,
    /^ci\/check: policy\.yaml allows more than what is signed[\s\S]*a signer seals it in this branch/m,
  )

  // One signer seals; another reads the same difference against what is in force, and signs.
  await seal(policies, [3], '--next')
  assert.match(await must('ci/check'), /^The two policies mean the same\.$/m)
  const alone = await run('ci/check-sealed')
  assert.equal(alone.code, 1)
  assert.match(
    alone.log,
    /version 2[\s\S]*signed by {3}policy-3 \(1 of 2 needed\)[\s\S]*missing {5}policy-1, policy-2/,
  )
  await must('git', 'worktree', 'add', '--quiet', '../before', 'main')
  const read = await run('countersign', 'policy', 'diff', '../before/sealed/policy.sealed.json', SEALED)
  assert.deepEqual(
    [read.code, read.log.split('\n')[0]],
    [1, 'The new policy widens 1 operation for on-call.'],
  )
  const { id } = JSON.parse((await run('countersign', 'policy', 'show', SEALED, '--json')).log) as {
    id: string
  }
  await people('policy', 'sign', path(SEALED), '--key', keyOf(path, 2), '--id', id)
  await must('ci/check-sealed')
})

test('a change that narrows passes unsigned, and is not published before it is sealed', withGit, async t => {
  const policies = await repository(t)
  const { run, must, edit } = policies
  await withTrust(policies)
  assert.match((await run('ci/check-sealed')).log, /^ci\/check-sealed: the sealed policy is not signed/m)
  widen(policies)
  await seal(policies, [1, 2])
  edit('policy.yaml', 'to: [deployer, on-call]', 'to: [deployer]')
  assert.match(
    await must('ci/check'),
    /^The new policy widens nothing; it narrows 1 operation for on-call\.$/m,
  )
  const stale = await run('ci/check-sealed')
  assert.equal(stale.code, 1)
  assert.match(stale.log, /^ci\/check-sealed: sealed\/policy\.sealed\.json allows more than policy\.yaml/m)
})

test('attack: a trust root that nobody pinned makes no signature count', withGit, async t => {
  const policies = await repository(t)
  const { run, must, path } = policies
  await withTrust(policies)
  await people('trust', 'init', '--out', path('../stranger'))
  const key = path('../stranger/keys/policy.jwk')
  await people('policy', 'seal', path('policy.yaml'), '--key', key, '-o', path(SEALED))
  await must('cp', '../stranger/root.json', 'trust/root.json')
  const stranger = await run('ci/check-sealed')
  assert.equal(stranger.code, 1)
  assert.match(stranger.log, /^ci\/check-sealed: the sealed policy is not signed as the trust root asks\.$/m)
  writeFileSync(path('trust/pin'), '')
  assert.match((await run('ci/check-sealed')).log, /^ci\/check-sealed: trust\/pin does not hold/m)
})
