import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parse } from 'yaml'
import { packageVersion } from '../../src/cli/package-version.js'
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
      'deploy/systemd/countersign-keeper.service',
      'deploy/systemd/countersign.sysusers.conf',
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

  it('is what a build without a target makes, and starts the program by its name as nobody’s root', () => {
    const last = dockerfile.split(/^FROM /m).at(-1) ?? ''
    assert.match(last, /^scratch AS sidecar$/m)
    assert.match(last, /^ENTRYPOINT \["countersign"\]$/m)
    assert.match(last, /^USER 65532:65530$/m)
    const command = JSON.parse(/^CMD (\[.*\])$/m.exec(last)?.[1] ?? '[]') as string[]
    assert.equal(objectionTo(command), null)
  })

  it('is there with a shell as well, under the name that the workflow of a policy repository wants', () => {
    const [, , pipeline = ''] = dockerfile.split(/^FROM /m)
    assert.match(pipeline, /^\$\{BUILD_BASE\} AS pipeline$/m)
    assert.match(pipeline, /^RUN ln -s \/app\/dist\/bin\/main\.js \/usr\/local\/bin\/countersign$/m)
    const workflow = read('config/policy-repository/.github/workflows/policy.yml')
    assert.match(workflow, /^ +image: \S+\/countersign-pipeline:\S+$/m)
  })

  it('is labelled with the version of the package', () => {
    const versions = [...dockerfile.matchAll(/^ARG VERSION=(.+)$/gm)].map(([, version]) => version)
    assert.deepEqual(versions, Array(2).fill(packageVersion()))
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

  it('compose.yaml asks gate and keeper how they are without a shell', () => {
    const { services } = parse(read('deploy/compose.yaml')) as {
      services: Record<string, { healthcheck: { test: readonly string[] }; ulimits: { core: number } }>
    }
    const [kind, program, ...words] = services.keeper?.healthcheck.test ?? []
    assert.deepEqual([kind, program, objectionTo(words)], ['CMD', 'countersign', null])
    const ofImage = JSON.parse(/^HEALTHCHECK .*\n? *CMD (\[.*\])$/m.exec(read('Dockerfile'))?.[1] ?? '[]')
    assert.deepEqual(services.gate?.healthcheck.test, ['CMD', ...ofImage])
    for (const { ulimits } of Object.values(services)) assert.equal(ulimits.core, 0)
  })

  it('the units for systemd start commands that there are', () => {
    const units = readdirSync(new URL('deploy/systemd/', ROOT)).filter(name => name.endsWith('.service'))
    assert.equal(units.length, 3)
    for (const unit of units) {
      const start = /^ExecStart=\/usr\/bin\/env countersign (.+)$/m.exec(read(`deploy/systemd/${unit}`))
      assert.equal(objectionTo((start?.[1] ?? '?').split(' ')), null, unit)
    }
  })
})
