import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countersign } from './command-line.js'

const CASES: Readonly<Record<string, readonly [argv: readonly string[], said: RegExp]>> = {
  'the console listens on loopback and nowhere else': [
    ['--register', '--listen', '0.0.0.0:7443'],
    /--listen 0\.0\.0\.0:7443 is not loopback/,
  ],
  'the console takes no address that is none': [['--register', '--listen', '7443'], /is no address/],
  'a proxy’s origin has https and no path': [
    ['--register', '--behind', 'https://console.acme.test/'],
    /is no origin that passkeys know/,
  ],
  'an address is no host that passkeys know': [
    ['--register', '--behind', 'https://10.0.0.1'],
    /is no origin that passkeys know/,
  ],
  'the console says at once that no keeper is there': [
    ['--admin', '/nowhere/admin.sock'],
    /cannot reach the keeper at \/nowhere\/admin\.sock/,
  ],
}

for (const [title, [argv, said]] of Object.entries(CASES))
  test(title, async () => {
    const { code, err, out } = await countersign('console', ...argv)
    assert.equal(code, 2, out)
    assert.match(err, said)
  })
