import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { packageRoot } from '../../src/cli/catalogs.js'

const FOLDER = join(packageRoot(), 'deploy/systemd')
const MAIN = fileURLToPath(new URL('../../bin/main.js', import.meta.url))
const UNITS = readdirSync(FOLDER).filter(name => name.endsWith('.service'))
/** The most that systemd's own rating may say, 0 to 10: lower is more closed. */
const EXPOSURE = {
  'countersign.service': 2.7,
  'countersign-gate.service': 1.5,
  'countersign-keeper.service': 1.5,
}

const run = (command: string, ...args: readonly string[]) => spawnSync(command, args, { encoding: 'utf8' })
const absent = (command: string) =>
  run(command, '--version').status === 0 ? false : `${command} is not installed`

describe('the units for systemd', { skip: absent('systemd-analyze') }, () => {
  for (const unit of UNITS) {
    it(`${unit} is one that systemd takes without a word`, () => {
      const { status, stdout, stderr } = run('systemd-analyze', 'verify', '--man=no', join(FOLDER, unit))
      assert.deepEqual([status, stdout, stderr], [0, '', ''])
    })

    it(`${unit} is no more open than it has to be`, () => {
      const most = EXPOSURE[unit as keyof typeof EXPOSURE]
      const { status, stdout } = run(
        'systemd-analyze',
        'security',
        '--no-pager',
        '--offline=true',
        `--threshold=${Math.round(most * 10)}`,
        join(FOLDER, unit),
      )
      assert.equal(status, 0, stdout)
    })
  }
})

const asRoot = process.getuid?.() === 0 ? absent('systemd-sysusers') : 'only root can make users'

describe('users and folders for systemd', { skip: asRoot }, () => {
  it('make two users in one group, and give the keeper’s files to the keeper alone', t => {
    const root = mkdtempSync(join(tmpdir(), 'countersign-root-'))
    t.after(() => rmSync(root, { recursive: true, force: true }))
    mkdirSync(join(root, 'etc'))
    const made = run('systemd-sysusers', `--root=${root}`, join(FOLDER, 'countersign.sysusers.conf'))
    assert.equal(made.status, 0, made.stderr)
    const accounts = fieldsOf(readFileSync(join(root, 'etc/passwd'), 'utf8'))
    const gid = fieldsOf(readFileSync(join(root, 'etc/group'), 'utf8')).get('countersign')?.[2]
    const [keeper, gate] = ['keeper', 'gate'].map(name => accounts.get(`countersign-${name}`))
    assert.ok(keeper && gate && gid)
    assert.notEqual(keeper[2], gate[2])
    assert.deepEqual([keeper[3], gate[3]], [gid, gid])
    assert.match(keeper[6] ?? '', /nologin$/)

    assert.equal(run(process.execPath, MAIN, 'init', join(root, 'etc/countersign')).status, 0)
    const settled = run(
      'systemd-tmpfiles',
      `--root=${root}`,
      '--create',
      join(FOLDER, 'countersign.tmpfiles.conf'),
    )
    assert.equal(settled.status, 0, settled.stderr)
    const about = (path: string) => {
      const { uid, gid: group, mode } = statSync(join(root, 'etc/countersign', path))
      return `${(mode & 0o777).toString(8)} ${uid}:${group}`
    }
    assert.deepEqual(
      ['', 'countersign.yaml', 'keeper', 'keeper/vault.jwe', 'keeper/keys/receipt.jwk'].map(about),
      [
        `750 0:${gid}`,
        `640 0:${gid}`,
        `700 ${keeper[2]}:${gid}`,
        `600 ${keeper[2]}:${gid}`,
        `600 ${keeper[2]}:${gid}`,
      ],
    )
    assert.deepEqual(['trust/keys', 'trust/keys/root.jwk', 'auditor/private.jwk'].map(about), [
      '700 0:0',
      '600 0:0',
      '600 0:0',
    ])
  })
})

/** Lines of /etc/passwd or /etc/group, by name. */
function fieldsOf(text: string): ReadonlyMap<string, readonly string[]> {
  return new Map(text.split('\n').map(line => [line.split(':')[0] as string, line.split(':')]))
}
