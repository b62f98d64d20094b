import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import process from 'node:process'
import { type TestContext, test } from 'node:test'
import { packageRoot } from '../../src/cli/catalogs.js'

/*
 * A newcomer's way through a page: what it says to save is saved, and every command that it prints is run as it is
 * printed, by a shell, in a folder that was empty.
 */

interface Ended {
  readonly code: number
  readonly out: string
}

/** A folder with the program on the PATH, and whatever `npx countersign` finds. */
function emptyFolder(t: TestContext) {
  const home = mkdtempSync(join(tmpdir(), 'countersign-walk-'))
  t.after(() => rmSync(home, { recursive: true, force: true }))
  const folder = join(home, 'folder')
  const bin = join(home, 'bin')
  for (const each of [folder, bin]) mkdirSync(each)
  symlinkSync(join(packageRoot(), 'dist/bin/main.js'), join(bin, 'countersign'))
  const env = { PATH: [bin, dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter), HOME: home }
  const run = (command: string): Promise<Ended> =>
    new Promise(resolve => {
      execFile(
        '/bin/sh',
        ['-c', command],
        { cwd: folder, env, maxBuffer: 1 << 24 },
        (error, stdout, stderr) =>
          resolve({ code: error === null ? 0 : Number(error.code), out: `${stdout}${stderr}` }),
      )
    })
  const save = (file: string, text: string): void => {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  const saved = (file: string) => readFileSync(join(folder, file), 'utf8')
  return { run, save, saved }
}

function page(file: string): string {
  return readFileSync(join(packageRoot(), file), 'utf8')
}

/** The part of a page from one heading to another. */
function part(text: string, from: string, to: string): string {
  const [start, end] = [text.indexOf(`\n${from}\n`), text.indexOf(`\n${to}\n`)]
  assert.ok(start >= 0 && end > start, `${from} … ${to}`)
  return text.slice(start, end)
}

function commandsOf(text: string): readonly string[] {
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block]) =>
    (block as string)
      .replaceAll(/\\\n */g, '')
      .trim()
      .split('\n'),
  )
}

function blocksOf(text: string, language: string): readonly string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    ([, block]) => block as string,
  )
}

test('every command under “Write a policy” of the README does what it says', async t => {
  const { run, save } = emptyFolder(t)
  const text = part(page('README.md'), '## Write a policy', '## Verify the evidence')
  save('policy.yaml', blocksOf(text, 'yaml')[0] as string)
  const says = [
    [0, /^policy\.yaml: 0 errors, 0 warnings\n$/],
    [0, /\d+ of \d+ mutations admitted/],
    [1, /^DENY denied_by_rule by rule never-volumes \(policy\.yaml:\d+\)$/m],
    [0, /^PROVEN {2}nothing-is-lost: cannot happen\n$/],
    [0, /^ed25519:/],
    [0, /^policy\.sealed\.json: policy acme-staging, version 7$/m],
    [0, /^The two policies mean the same\.\nold (sha256:[0-9a-f]{64})\nnew \1\n$/],
  ] as const
  const commands = commandsOf(text)
  assert.equal(commands.length, says.length, commands.join('\n'))
  for (const [i, command] of commands.entries()) {
    const [code, saying] = says[i] as (typeof says)[number]
    const ended = await run(command.replace(/^npx /, ''))
    assert.equal(ended.code, code, `${command}\n${ended.out}`)
    assert.match(ended.out, saying, command)
  }
})

test('every command of docs/policy.md does what it says, one after the other', async t => {
  const { run, save, saved } = emptyFolder(t)
  const text = page('docs/policy.md')
  const language = text.slice(0, text.indexOf('\n## What an operation is\n'))
  const commands = [...commandsOf(language)]
  assert.equal(commandsOf(text).length, commands.length, 'a command that nothing runs')
  /** Runs the next command of the page, which has to be this one. */
  const next = async (starting: string, code: number, saying: RegExp): Promise<void> => {
    const command = commands.shift() ?? ''
    assert.ok(command.startsWith(`countersign ${starting}`), `${command} is not ${starting}`)
    const ended = await run(command)
    assert.equal(ended.code, code, `${command}\n${ended.out}`)
    assert.match(ended.out, saying, command)
  }
  const [policy] = blocksOf(language, 'yaml policy') as [string]
  save('policy.yaml', policy)
  await next(
    'policy lint',
    0,
    /warning allows_destruction: The rule small-refunds[\s\S]*0 errors, 1 warning\n$/,
  )
  await next('policy explain', 1, /^DENY no_matching_rule$/m)
  await next('policy schema >', 0, /^$/)
  await next('policy schema --cases', 0, /^$/)
  for (const file of ['policy.schema.json', 'cases.schema.json'])
    assert.equal((JSON.parse(saved(file)) as { type: string }).type, 'object')
  await next('policy matrix', 0, /^ {2}POST \/v1\/refunds .* admitted {2}small-refunds .*up to 5000 eur/m)
  await next('policy matrix', 0, /^matrix\.html: /)
  // Under “Never”.
  save('policy.yaml', `${policy}${blocksOf(language, 'yaml more')[0]}`)
  await next(
    'policy prove',
    1,
    /^BROKEN {2}money-needs-a-person$[\s\S]*PROVEN {2}no-volume-goes[\s\S]*PROVEN {2}nothing-in/m,
  )
  const rule = (blocksOf(language, 'yaml rules')[0] as string).replaceAll(/^/gm, '  ').trimEnd()
  save('policy.yaml', saved('policy.yaml').replace('rules:\n', `rules:\n${rule}\n`))
  const proven = await run('countersign policy prove policy.yaml')
  assert.deepEqual([proven.code, proven.out.match(/^PROVEN /gm)?.length], [0, 3], proven.out)
  // Under “Differences”: the example’s output is what this prints.
  await next('trust key', 0, /^ed25519:/)
  await next('policy seal', 0, /^policy\.sealed\.json: /m)
  await next('policy diff', 0, /^The two policies mean the same\.$/m)
  // Under “Cases”.
  save('cases/rules.yaml', blocksOf(language, 'yaml cases')[0] as string)
  await next('policy test', 0, /^ {2}rules {8}6 of 6 tested$[\s\S]*^6 cases, 0 failed$/m)
  assert.match(saved('results.xml'), /<testsuite/)
  assert.deepEqual(commands, [])
})
