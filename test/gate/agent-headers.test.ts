import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { agentHeaders } from '../../src/gate/agent-headers.js'
import { EchoGuard } from '../../src/gate/echo.js'

const TARGET = `/items/${'a'.repeat(8_000)}`

function linksOf(...links: readonly string[]): readonly string[] {
  const { flat } = agentHeaders(
    links.flatMap(link => ['Link', link]),
    {
      allowed: new Set(['link']),
      upstreamOrigin: 'https://api.example',
      exchange: { prefix: '/api', target: TARGET, baseUrl: () => 'http://127.0.0.1:7070/api' },
      hasLength: true,
      keepsEncoding: false,
    },
    new EchoGuard([]),
  )
  return flat.filter((_, index) => index % 2 === 1)
}

describe('links in an answer', () => {
  it('stay in the agent’s own addresses', () => {
    assert.deepEqual(linksOf('</items?page=2>; rel="next", <>; rel="self"'), [
      `<http://127.0.0.1:7070/api/items?page=2>; rel="next", <http://127.0.0.1:7070/api${TARGET}>; rel="self"`,
    ])
  })

  it('attack: an upstream answers a long address with thousands of empty links, megabytes for the agent', () => {
    assert.deepEqual(linksOf('<>,'.repeat(5_000)), [])
    const all = linksOf(...Array.from({ length: 1_000 }, () => '<>')).join('')
    assert.ok(all.length <= 16_384, `${all.length} letters`)
    assert.ok(all.length > 8_000)
  })
})
