import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openCatalog } from '../../src/protocol/index.js'

const profile = {
  dialect: 'rest',
  slots: ['bearer'],
  requestHeaders: [],
  responseHeaders: [],
  origins: { default: 'https://api.acme.test' },
}
const source = { package: 'test', version: '1', digest: 'sha256:0' }

describe('arguments that an SDK renews on every call', () => {
  it('are named by a REST route and left out of what lasts, at any depth', () => {
    const name = 'POST /transfers'
    const routes = [
      { route: name, classes: ['billing'], body: ['json'], renewed: ['client_token', 'lines[].nonce'] },
    ]
    const catalog = openCatalog({ v: 1, name: 'bank', protocol: 'rest', source, profile, body: { routes } })
    const call = (client_token: string, nonce: number) => ({
      name,
      args: { client_token, amount: 5, lines: [{ nonce, to: 'jo' }] },
    })
    assert.deepEqual(catalog.lastingArgs(call('a', 1)), { amount: 5, lines: [{ to: 'jo' }] })
    assert.deepEqual(catalog.lastingArgs(call('a', 1)), catalog.lastingArgs(call('b', 2)))
    assert.deepEqual(catalog.lastingArgs({ name: 'POST /unknown', args: { client_token: 'a' } }), {
      client_token: 'a',
    })
  })

  it('are named by a GraphQL operation in the same way', () => {
    const body = {
      path: '/graphql',
      query: null,
      mutation: 'Mutation',
      types: { Mutation: { pay: { of: '', args: { input: '@Pay' } } } },
      inputs: { Pay: { amount: 'int', clientMutationId: 'string' } },
      operations: { pay: { classes: ['billing'], renewed: ['input.clientMutationId'] } },
    }
    const catalog = openCatalog({ v: 1, name: 'bank', protocol: 'graphql', source, profile, body })
    const args = { input: { amount: 5, clientMutationId: 'x-1' } }
    assert.deepEqual(catalog.lastingArgs({ name: 'pay', args }), { input: { amount: 5 } })
    assert.equal(args.input.clientMutationId, 'x-1', 'the arguments themselves stay whole')
  })
})
