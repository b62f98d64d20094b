import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openCatalog } from '../../src/protocol/index.js'
import { JSON_TYPE, operationIn, refusalOf, request, shippedCatalog } from './requests.js'

const catalog = shippedCatalog('github')
const graphql = shippedCatalog('github-graphql')
const HERE = '/repos/acme/shop'

function classesOf(line: string, body?: object): string {
  const [method = '', target = ''] = line.split(' ')
  const raw =
    body === undefined
      ? request(method, target)
      : request(method, target, { headers: [JSON_TYPE], body: JSON.stringify(body) })
  return operationIn(catalog, raw).classes.join(' ')
}

function mutation(field: string, input: object) {
  const query = `mutation($input: ${field[0]?.toUpperCase()}${field.slice(1)}Input!) { ${field}(input: $input) { clientMutationId } }`
  return operationIn(
    graphql,
    request('POST', '/graphql', {
      headers: [JSON_TYPE],
      body: JSON.stringify({ query, variables: { input } }),
    }),
  )
}

describe('the catalog of GitHub’s REST API', () => {
  it('holds every operation of the description that can be told from its siblings', () => {
    const specs = catalog.operations()
    assert.equal(specs.length, 1218)
    assert.ok(specs.every(({ classes }) => !classes.includes('unknown')))
    const reading = specs.filter(({ classes }) => classes.length === 1 && classes[0] === 'read')
    assert.deepEqual(
      reading.map(({ name }) => name).filter(name => !name.startsWith('GET ')),
      [
        'POST /markdown',
        'POST /markdown/raw',
        'POST /orgs/{org}/attestations/bulk-list',
        'POST /repos/{owner}/{repo}/releases/generate-notes',
        'POST /users/{username}/attestations/bulk-list',
      ],
    )
  })

  it('knows what can’t be undone, what hands out access and what returns secrets', () => {
    assert.equal(classesOf(`DELETE ${HERE}`), 'irreversible')
    assert.equal(classesOf(`POST ${HERE}/transfer`, { new_owner: 'eve' }), 'irreversible privilege')
    assert.equal(classesOf(`DELETE ${HERE}/branches/main/protection`), 'destructive privilege')
    assert.equal(classesOf(`PUT ${HERE}/collaborators/eve`, { permission: 'admin' }), 'privilege update')
    assert.equal(classesOf(`POST ${HERE}/keys`, { key: 'ssh-ed25519 …' }), 'create privilege')
    assert.equal(
      classesOf(`POST ${HERE}/hooks`, { config: { url: 'https://eve.example' } }),
      'create privilege',
    )
    assert.equal(
      classesOf(`POST ${HERE}/actions/workflows/deploy.yml/dispatches`, { ref: 'main' }),
      'create opaque',
    )
    assert.equal(
      classesOf(`POST ${HERE}/actions/runners/registration-token`),
      'create privilege sensitive_read',
    )
    assert.equal(classesOf(`GET ${HERE}/secret-scanning/alerts/3`), 'sensitive_read')
    assert.equal(classesOf(`GET ${HERE}/actions/runs/17/logs`), 'sensitive_read')
    assert.equal(classesOf(`DELETE ${HERE}/actions/secrets/TOKEN`), 'irreversible privilege')
    assert.equal(classesOf('GET /orgs/acme/actions/secrets'), 'read')
  })

  it('takes arguments for what they make of an operation', () => {
    assert.equal(classesOf(`PATCH ${HERE}`, { description: 'x' }), 'update')
    assert.equal(classesOf(`PATCH ${HERE}`, { private: false }), 'irreversible privilege update')
    assert.equal(classesOf(`PATCH ${HERE}`, { archived: true }), 'destructive update')
    assert.equal(
      classesOf(`PATCH ${HERE}/git/refs/heads/main`, { sha: 'a', force: true }),
      'irreversible update',
    )
    assert.equal(classesOf(`PATCH ${HERE}/git/refs/heads/main`, { sha: 'a', force: false }), 'update')
    assert.equal(classesOf(`POST ${HERE}/pulls/1/reviews`, { event: 'APPROVE' }), 'create privilege')
    assert.equal(classesOf(`POST ${HERE}/pulls/1/reviews`, { event: 'COMMENT' }), 'create')
    assert.equal(classesOf('POST /user/repos', { name: 'x', private: true }), 'create')
    assert.equal(classesOf('POST /user/repos', { name: 'x', private: false }), 'create privilege')
    assert.equal(classesOf(`POST ${HERE}/issues`, { title: 'x', surprise: 1 }), 'create opaque')
  })

  it('attack: another spelling of owner and repository is the same scope and resource', () => {
    const { scope, resources } = operationIn(catalog, request('DELETE', '/repos/ACME/Shop'))
    assert.deepEqual({ ...scope }, { owner: 'acme', repo: 'shop' })
    assert.deepEqual(resources, [{ type: 'repository', id: 'acme/shop' }])
    assert.equal(operationIn(catalog, request('GET', '/orgs/ACME/repos')).scope.owner, 'acme')
  })

  it('attack: a word where a number stands is no other operation', () => {
    const nameOf = (line: string) => {
      const [method = '', target = ''] = line.split(' ')
      return operationIn(catalog, request(method, target)).name
    }
    assert.equal(
      nameOf(`DELETE ${HERE}/issues/comments/17`),
      'DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}',
    )
    assert.equal(
      nameOf(`DELETE ${HERE}/issues/17/labels`),
      'DELETE /repos/{owner}/{repo}/issues/{issue_number}/labels',
    )
    assert.equal(nameOf(`DELETE ${HERE}/issues/comments/labels`), 'DELETE (unrouted)')
    assert.equal(nameOf('GET /repositories/42'), 'GET (unrouted)')
    assert.equal(nameOf('POST /graphql'), 'POST (unrouted)')
  })

  it('attack: an encoded slash where no name has one is refused', () => {
    assert.equal(refusalOf(catalog, request('DELETE', '/repos/acme/shop%2Fhooks')), 'target_encoded_slash')
    assert.equal(
      refusalOf(catalog, request('GET', `${HERE}/branches/a%2F..%2Fb/protection`)),
      'target_dot_segment',
    )
  })
})

describe('the catalog of GitHub’s GraphQL API', () => {
  it('holds every root field, and the fields below that return secrets', () => {
    const specs = graphql.operations()
    assert.ok(specs.length >= 282)
    assert.ok(specs.some(({ name }) => name === 'Repository.tempCloneToken'))
    assert.ok(specs.every(({ classes }) => !classes.includes('unknown')))
  })

  it('knows what mutations do, by name and by arguments', () => {
    assert.equal(mutation('deleteRef', { refId: 'R_1' }).classes.join(' '), 'destructive')
    assert.deepEqual(mutation('mergePullRequest', { pullRequestId: 'PR_1' }).effects, [
      'content-write',
      'merge',
    ])
    assert.equal(
      mutation('updateRef', { refId: 'R_1', oid: 'a', force: true })
        .classes.filter(name => name !== 'opaque')
        .join(' '),
      'irreversible update',
    )
    assert.equal(
      mutation('addPullRequestReview', { pullRequestId: 'PR_1', event: 'APPROVE' }).classes.includes(
        'privilege',
      ),
      true,
    )
    assert.deepEqual(mutation('createIssue', { repositoryId: 'R_1', title: 'x' }).resources, [
      { type: 'repository', id: 'R_1' },
    ])
  })
})

describe('a REST catalog with parameters of a kind', () => {
  const document = {
    v: 1,
    name: 'own',
    protocol: 'rest',
    source: { package: 'x', version: '1', digest: 'x' },
    profile: {
      dialect: 'rest',
      slots: ['bearer'],
      requestHeaders: [],
      responseHeaders: [],
      origins: { default: 'https://api.example.com' },
    },
  }
  const open = (body: object) => openCatalog({ ...document, body })
  const GET = (route: string, more: object = {}) => ({ route: `GET ${route}`, classes: ['read'], ...more })

  it('refuses routes that cross unless a number tells them apart', () => {
    const routes = [GET('/issues/{number}/labels'), GET('/issues/comments/{id}')]
    assert.throws(() => open({ routes }), { code: 'catalog_ambiguous' })
    open({ routes, numeric: ['number'] })
    // A word that is a number is the more specific one, as any literal.
    assert.throws(
      () => open({ routes: [GET('/issues/{number}/labels'), GET('/issues/7/{id}')], numeric: ['number'] }),
      {
        code: 'catalog_ambiguous',
      },
    )
  })

  it('refuses a slashed name that is no parameter, and a resource of neither form', () => {
    assert.throws(() => open({ routes: [GET('/a/{b}', { slashed: ['c'] })] }), { code: 'catalog_malformed' })
    assert.throws(() => open({ routes: [GET('/a/{b}', { resources: [{ type: 't' }] })] }), {
      code: 'catalog_malformed',
    })
  })

  it('says which scope members and resources are in lower case', () => {
    const [spec] = open({
      routes: [GET('/{owner}/{repo}/{id}', { resources: [{ type: 'repository', args: ['owner', 'repo'] }] })],
      caseless: ['owner', 'repo'],
    }).operations()
    assert.deepEqual(spec?.caseless, ['owner', 'repo', 'repository'])
  })
})
