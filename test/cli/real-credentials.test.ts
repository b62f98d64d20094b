import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { withoutCredentials } from '../../src/cli/real-credentials.js'

describe('the environment of an agent', () => {
  for (const [name, value] of [
    ['COUNTERSIGN_ENROL_KEY', '/home/maria/trust/keys/enrol.jwk'],
    ['PGPASSWORD', 'hunter2'],
    ['PGPASSFILE', '/home/maria/.pgpass'],
    ['MYSQL_PWD', 'hunter2'],
    ['TF_VAR_db_password', 'hunter2'],
    ['TF_TOKEN_app_terraform_io', 'hunter2'],
    ['npm_config_//registry.npmjs.org/:_authToken', 'hunter2'],
    ['npm_config__auth', 'aHVudGVyMg'],
    ['aws_secret_access_key', 'hunter2'],
    ['DOCKER_AUTH_CONFIG', '{"auths":{}}'],
    ['REDIS_URL', 'redis://:hunter2@cache.acme.test:6379'],
    ['SSH_AUTH_SOCK', '/tmp/ssh-1/agent.7'],
    ['GIT_MIRROR', 'https://0123456789abcdef01234567@git.acme.test/app.git'],
    ['BROKER', 'AMQPS://app:hunter2@queue.acme.test'],
  ] as const)
    it(`attack: has no ${name} with ${value.slice(0, 24)}`, () =>
      assert.deepEqual(withoutCredentials({ [name]: value, LANG: 'C' }), {
        env: { LANG: 'C' },
        removed: [name],
      }))

  it('keeps what is no credential', () => {
    const env = {
      HOME: '/home/maria',
      TOKENIZERS_PARALLELISM: 'false',
      PASSWORD_STORE_DIR: '/home/maria/.password-store',
      GIT_REMOTE: 'ssh://git@git.acme.test/app.git',
      DATABASE_URL: 'postgres://db.acme.test:5432/app',
      npm_config_registry: 'https://registry.npmjs.org/',
      PROXY: 'http://proxy.acme.test:3128',
      KEYBOARD_KEY: 'a',
    }
    assert.deepEqual(withoutCredentials(env), { env, removed: [] })
  })
})
