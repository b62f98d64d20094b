import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Octokit } from 'octokit'
import { outcomeOf, type Sidecar, single } from '../sidecar.js'
import { rejection, type Where } from '../surroundings.js'

/** With the plugins that the package brings: retries and throttling. */
function client(sidecar: Sidecar, auth: string): Octokit {
  return new Octokit({ auth, baseUrl: `${sidecar.gate}/github`, userAgent: 'agent/1' })
}

const SHOP = { owner: 'acme', repo: 'shop' }

export function octokitSuite(where: Where): void {
  test('reads an issue with a token minted for that repository, and nothing of the agent’s goes along', async () => {
    const { sidecar, github } = where()
    const { token } = await sidecar.grant()
    const { value, attempts } = await sidecar.during(() =>
      client(sidecar, token).rest.issues.get({
        ...SHOP,
        issue_number: 1,
        headers: { 'x-agent-notes': 'of the agent', 'x-http-method-override': undefined },
      }),
    )
    assert.equal(value.data.title, 'Login fails in staging')
    const attempt = single(attempts)
    assert.equal(attempt.credential?.minter, 'github-app')
    assert.equal((await outcomeOf(sidecar, attempt)).status, 'completed')
    const sent = github.received.at(-1)
    assert.equal(sent?.target, '/repos/acme/shop/issues/1')
    const minted = github.tokens.get(String(sent?.headers.authorization).replace('Bearer ', ''))
    assert.deepEqual(minted, { repositories: ['shop'], permissions: { issues: 'read', metadata: 'read' } })
    assert.equal(sent?.headers['x-agent-notes'], undefined)
    assert.ok(!JSON.stringify(sent).includes(token))
  })

  test('shows the agent why a deletion is denied, and doesn’t try again', async () => {
    const { sidecar, github } = where()
    const before = github.received.length
    const octokit = client(sidecar, (await sidecar.grant()).token)
    const { value: error, attempts } = await sidecar.during(() => rejection(octokit.rest.repos.delete(SHOP)))
    const attempt = single(attempts)
    assert.match(
      error.message,
      /^DENIED by policy, nothing was executed\. DELETE \/repos\/\{owner\}\/\{repo\}/,
    )
    assert.match(error.message, /never-repositories: A deleted repository takes its issues with it/)
    assert.ok(error.message.includes(`Receipt ${attempt.seq}.`))
    assert.equal((error as Error & { status: number }).status, 403)
    assert.equal(github.received.length, before)
  })

  test('shows a merge as HELD with the id of its approval', async () => {
    const { sidecar } = where()
    const octokit = client(sidecar, (await sidecar.grant()).token)
    const { value: error, attempts } = await sidecar.during(() =>
      rejection(octokit.rest.pulls.merge({ ...SHOP, pull_number: 7 })),
    )
    const attempt = single(attempts)
    assert.match(error.message, /^HELD, nothing was executed\./)
    assert.ok(attempt.approval)
    assert.ok(error.message.includes(attempt.approval))
  })

  test('is told once that a limit is used up', async () => {
    const { sidecar, github } = where()
    const octokit = client(sidecar, (await sidecar.grant()).token)
    await octokit.rest.issues.create({ ...SHOP, title: 'The first' })
    const { value: error, attempts } = await sidecar.during(() =>
      rejection(octokit.rest.issues.create({ ...SHOP, title: 'The second' })),
    )
    assert.equal(single(attempts).decision.code, 'over_limit')
    assert.match(error.message, /^DENIED by policy, nothing was executed\./)
    assert.deepEqual(
      [...github.issues.values()].map(({ title }) => title),
      ['Login fails in staging', 'The first'],
    )
  })

  test('a route that the policy doesn’t know is denied', async () => {
    const { sidecar } = where()
    const octokit = client(sidecar, (await sidecar.grant()).token)
    const { value: error, attempts } = await sidecar.during(() => rejection(octokit.rest.repos.get(SHOP)))
    assert.equal(single(attempts).decision.effect, 'deny')
    assert.match(error.message, /nothing was executed/)
  })
}
