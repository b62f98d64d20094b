import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import { Octokit } from 'octokit'
import { classify, type Header, type RawRequest } from '../../src/protocol/index.js'
import { argsIn, operationIn, shippedCatalog } from './requests.js'

const catalog = shippedCatalog('github')

interface Method {
  (parameters: Readonly<Record<string, unknown>>): Promise<unknown>
  readonly endpoint: { readonly DEFAULTS: { readonly method: string; readonly url: string } }
}

/** Newer in the SDK than in the description, or older; they are unknown, which is denied. */
const NOT_DESCRIBED = 40

describe('the unmodified octokit package', () => {
  let server: Server
  let octokit: Octokit
  let baseUrl: string
  const received: RawRequest[] = []

  before(async () => {
    server = createServer(async (incoming, answer) => {
      const raw = incoming.rawHeaders
      const headers = raw.flatMap((name, i): Header[] =>
        i % 2 === 0 ? [[name.toLowerCase(), raw[i + 1] as string]] : [],
      )
      const { method, url: target } = incoming as { method: string; url: string }
      received.push({ method, target, headers, body: new Uint8Array(await buffer(incoming)) })
      answer.setHeader('content-type', 'application/json')
      answer.end('{}')
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    octokit = new Octokit({
      baseUrl,
      auth: 'grant',
      throttle: { enabled: false },
      retry: { enabled: false },
      log: { debug() {}, info() {}, warn() {}, error() {} },
    })
  })

  after(() => {
    server.closeAllConnections()
    server.close()
  })

  const sentBy = async (act: () => Promise<unknown>): Promise<RawRequest> => {
    received.length = 0
    await act()
    assert.equal(received.length, 1)
    return received[0] as RawRequest
  }

  it('has every one of its requests resolved to exactly the operation that it means', async () => {
    const known = new Set(catalog.operations().map(({ name }) => shapeOf(name)))
    let exact = 0
    const strangers: string[] = []
    for (const [name, method] of methodsOf(octokit.rest)) {
      const { method: verb, url } = method.endpoint.DEFAULTS
      const raw = await sentBy(() => method({ ...valuesFor(url), baseUrl }))
      assert.equal(
        classify(catalog, raw).kind,
        'operations',
        `${name}: ${JSON.stringify(classify(catalog, raw))}`,
      )
      const operation = operationIn(catalog, raw)
      const meant = shapeOf(`${verb} ${url}`)
      if (!known.has(meant)) {
        strangers.push(`${name} ${meant} → ${operation.name}`)
        continue
      }
      assert.equal(shapeOf(operation.name), meant, name)
      assert.ok(!operation.classes.includes('unknown'), name)
      exact++
    }
    assert.ok(exact > 950, `${exact} exact`)
    assert.ok(strangers.length < NOT_DESCRIBED, strangers.join('\n'))
  })

  it('has branches, files and tags with slashes read whole', async () => {
    const repository = { owner: 'Acme', repo: 'Shop' }
    const protection = await sentBy(() =>
      octokit.rest.repos.getBranchProtection({ ...repository, branch: 'feature/log in' }),
    )
    assert.match(protection.target, /feature%2Flog%20in/)
    assert.deepEqual(argsIn(catalog, protection), { owner: 'Acme', repo: 'Shop', branch: 'feature/log in' })
    const file = await sentBy(() =>
      octokit.rest.repos.getContent({ ...repository, path: 'src/a file.ts', ref: 'main' }),
    )
    assert.deepEqual(argsIn(catalog, file), {
      owner: 'Acme',
      repo: 'Shop',
      path: 'src/a file.ts',
      ref: 'main',
    })
    const ref = await sentBy(() => octokit.rest.git.deleteRef({ ...repository, ref: 'heads/feature/x' }))
    assert.equal(operationIn(catalog, ref).name, 'DELETE /repos/{owner}/{repo}/git/refs/{ref+}')
    assert.equal((argsIn(catalog, ref) as { ref: string }).ref, 'heads/feature/x')
  })

  it('has an issue’s body, labels and their types read as they were meant', async () => {
    const raw = await sentBy(() =>
      octokit.rest.issues.create({ owner: 'acme', repo: 'shop', title: 'Ü', labels: ['bug'], milestone: 3 }),
    )
    const { args, classes, resources, scope } = operationIn(catalog, raw)
    assert.deepEqual(JSON.parse(JSON.stringify(args)), {
      owner: 'acme',
      repo: 'shop',
      title: 'Ü',
      labels: ['bug'],
      milestone: 3,
    })
    assert.deepEqual(classes, ['create'])
    assert.deepEqual(resources, [{ type: 'repository', id: 'acme/shop' }])
    assert.deepEqual({ ...scope }, { owner: 'acme', repo: 'shop' })
  })

  it('uploads an asset through the host that takes it, unread', async () => {
    const raw = await sentBy(() =>
      octokit.rest.repos.uploadReleaseAsset({
        owner: 'acme',
        repo: 'shop',
        release_id: 7,
        name: 'shop.zip',
        data: 'bytes' as never,
        baseUrl,
        headers: { 'content-type': 'application/zip' },
      }),
    )
    const operation = operationIn(catalog, raw)
    assert.equal(operation.name, 'POST /repos/{owner}/{repo}/releases/{release_id}/assets')
    const target = catalog.parseTarget(raw.target)
    assert.ok('segments' in target)
    assert.equal(catalog.originOf({ method: raw.method, target, headers: raw.headers }, []), 'uploads')
  })
})

function methodsOf(rest: object): readonly (readonly [name: string, method: Method])[] {
  return Object.entries(rest).flatMap(([group, methods]) =>
    Object.entries(methods as Record<string, Method>)
      .filter(([, method]) => typeof method === 'function' && method.endpoint !== undefined)
      .map(([name, method]) => [`${group}.${name}`, method] as const),
  )
}

/** A value for every parameter of the path: numbers where the name says so. */
function valuesFor(url: string): Record<string, string> {
  return Object.fromEntries(
    [...url.matchAll(/\{\??([a-z_,-]+)\}/gi)]
      .flatMap(([, names = '']) => names.split(','))
      .map(name => [
        name,
        /(?:_id|_number)$/.test(name) && name !== 'client_id' ? '17' : name === 'path' ? 'a/b c' : 'a-b',
      ]),
  )
}

function shapeOf(name: string): string {
  return name.replace(/\{\?[^}]*\}/g, '').replace(/\{[^}]*\}/g, '{}')
}
