import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parse } from 'yaml'
import { objectionTo } from './commands.js'

const ROOT = new URL('../../../', import.meta.url)
const read = (file: string) => readFileSync(new URL(file, ROOT), 'utf8')

describe('the package', () => {
  let files: readonly string[] = []
  before(async () => {
    const { stdout } = await promisify(execFile)('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: fileURLToPath(ROOT),
      maxBuffer: 16 << 20,
    })
    const [packed] = JSON.parse(stdout) as readonly [{ files: readonly { path: string }[] }]
    files = packed.files.map(({ path }) => path)
  })

  it('holds the program, catalogs, templates, schemas, pages and deployment files', () => {
    for (const file of [
      'dist/bin/main.js',
      'dist/bin/console/page.html',
      'dist/bin/console/page.js',
      'dist/bin/console/style.css',
      'config/catalogs/railway.json',
      'config/catalogs/stripe.json',
      'config/policies/sandbox.yaml',
      'config/policies/staging.yaml',
      'config/policies/tests/sandbox.yaml',
      'config/policy-repository/ci/check',
      'config/policy-repository/policy.yaml',
      'config/schema/cases.v1.json',
      'config/schema/config.v1.json',
      'config/schema/policy.v1.json',
      'deploy/compose.yaml',
      'deploy/systemd/countersign.service',
      'docs/dependencies.md',
      'docs/errors.md',
      'docs/policy.md',
      'docs/receipts.md',
      'docs/verify.html',
      ...['README.md', 'ARCHITECTURE.md', 'SECURITY.md', 'CHANGELOG.md', 'LICENSE', 'package.json'],
    ])
      assert.ok(files.includes(file), file)
  })

  it('holds nothing else: no tests, no sources, no keys', () => {
    const meant =
      /^(dist\/bin\/(.+\.js|licences\.txt|console\/(page\.html|style\.css))|config\/.+\.(json|jsonl|yaml)|config\/policy-repository\/.+|deploy\/.+|docs\/.+\.md|docs\/verify\.html|docs\/console\.png|[A-Z]+(\.md)?|package\.json)$/
    assert.deepEqual(
      files.filter(file => !meant.test(file) || /\.(jwk|key|jwe)$/.test(file)),
      [],
    )
  })
})

describe('the image', () => {
  const dockerfile = read('Dockerfile')
  const sources = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, list]) =>
    (list as string).split(' '),
  )

  it('copies only what is there and what .dockerignore lets in', () => {
    const ignored = read('.dockerignore').split('\n')
    const there = readdirSync(ROOT)
    assert.ok(sources.length > 5)
    for (const source of sources) {
      assert.ok(there.includes(source), source)
      assert.ok(ignored.includes(`!${source}`), source)
    }
  })

  it('has the program under its name on the PATH, for the scripts of a policy repository', () => {
    const [, made, last] = dockerfile.split(/^FROM /m)
    const program = /^ENTRYPOINT \["node", "(.+)"\]$/m.exec(last ?? '')?.[1]
    assert.ok(made?.includes(`ln -s ${program} /bin-links/countersign`))
    assert.match(last ?? '', /^COPY --from=build \/bin-links\/ \/usr\/local\/bin\/$/m)
    assert.match(last ?? '', /^ENV .*\bPATH=\S*\/usr\/local\/bin:/m)
  })

  it('runs as nobody’s root, and starts a command that there is', () => {
    assert.match(dockerfile.split(/^FROM /m).at(-1) ?? '', /^USER 65532:65530$/m)
    const command = JSON.parse(/^CMD (\[.*\])$/m.exec(dockerfile)?.[1] ?? '[]') as string[]
    assert.equal(objectionTo(command), null)
  })
})

describe('deploy/', () => {
  it('compose.yaml gives gate and keeper two users, a read-only root and no capability', () => {
    const { services } = parse(read('deploy/compose.yaml')) as {
      services: Record<string, { user: string; read_only: boolean; cap_drop: string[]; command: string[] }>
    }
    assert.deepEqual(Object.keys(services).sort(), ['gate', 'keeper'])
    assert.notEqual(services.gate?.user.split(':')[0], services.keeper?.user.split(':')[0])
    assert.equal(services.gate?.user.split(':')[1], services.keeper?.user.split(':')[1])
    for (const { command, read_only, cap_drop } of Object.values(services)) {
      assert.equal(objectionTo(command), null)
      assert.deepEqual([read_only, cap_drop], [true, ['ALL']])
    }
  })

  it('compose.yaml hands the gate the configuration and the socket, and nothing else', () => {
    const { services } = parse(read('deploy/compose.yaml')) as {
      services: { gate: { volumes: readonly string[] } }
    }
    assert.deepEqual(
      services.gate.volumes.map(volume => volume.split(':')[1]),
      ['/etc/countersign/countersign.yaml', '/etc/countersign/run'],
    )
  })

  it('countersign.service starts a command that there is', () => {
    const start = /^ExecStart=\/usr\/bin\/env countersign (.+)$/m.exec(
      read('deploy/systemd/countersign.service'),
    )
    assert.equal(objectionTo((start?.[1] ?? '').split(' ')), null)
  })
})
