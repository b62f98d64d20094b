import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe } from 'node:test'
import { fetchSuite } from './clients/fetch.js'
import { graphqlRequestSuite } from './clients/graphql-request.js'
import { octokitSuite } from './clients/octokit.js'
import { railwaySuite } from './clients/railway.js'
import { stripeSuite } from './clients/stripe.js'
import { type GithubStandIn, startGithub } from './github.js'
import { runCountersign, startSidecar } from './sidecar.js'
import type { Surroundings } from './surroundings.js'
import { teamPolicy } from './team-policy.js'

describe('unmodified clients behind the sidecar', () => {
  let surroundings: Surroundings
  let close = async () => {}
  before(async () => {
    const github = await startGithub()
    close = () => github.close()
    const sidecar = await startSidecar({
      policy: teamPolicy(github.origin),
      prepare: ({ file, path }) => putGithubKey(file, path('.'), github),
    })
    close = async () => {
      await sidecar.strike()
      await github.close()
    }
    surroundings = { sidecar, github }
  })
  after(() => close())

  const at = () => surroundings
  describe('stripe', () => stripeSuite(at))
  describe('railway', () => railwaySuite(at))
  describe('octokit', () => octokitSuite(at))
  describe('graphql-request', () => graphqlRequestSuite(at))
  describe('fetch', () => fetchSuite(at))
})

/** The team's own credential goes into the vault as an operator puts it there. */
async function putGithubKey(config: string, folder: string, github: GithubStandIn): Promise<void> {
  const secretFile = join(folder, 'github.pem')
  await writeFile(secretFile, github.privateKey, { mode: 0o600 })
  const entry = ['--kind', 'github-app', '--origin', github.origin, '--environment', 'staging']
  const put = ['vault', 'put', 'github', ...entry, '--secret-file', secretFile, '--config', config]
  const { code, err } = await runCountersign(put, folder)
  await rm(secretFile)
  assert.equal(code, 0, err)
}
