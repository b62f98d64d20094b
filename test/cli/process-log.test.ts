import assert from 'node:assert/strict'
import { describe, it, mock } from 'node:test'
import { wordsOf } from '../../src/cli/error-words.js'
import { keeperLogErrors, keeperSideErrors } from '../../src/cli/keeper-side-errors.js'
import { processLog } from '../../src/cli/process-log.js'

function open(name: 'gate' | 'keeper', options?: Parameters<typeof processLog>[3]) {
  const lines: string[] = []
  const log = processLog(name, 'info', { write: line => void lines.push(line) }, options)
  return { log, lines, parsed: () => lines.map(line => JSON.parse(line) as Record<string, unknown>) }
}

describe('the log of a process', () => {
  it('redacts headers, targets and tokens that get into it, and messages of foreign errors', () => {
    const { log, lines } = open('gate')
    log.info({ headers: { authorization: 'Bearer secret-1' }, target: '/secret-2', token: 'secret-3' }, 'one')
    log.info({ request: { url: '/secret-4', rawHeaders: ['a', 'secret-5'], body: 'secret-6' } }, 'two')
    log.error({ err: new Error('connect ECONNREFUSED secret-7') }, 'three')
    assert.equal(lines.length, 3)
    assert.doesNotMatch(lines.join(''), /secret-/)
    assert.match(lines[2] as string, /"type":"Error".*"frames":\["/)
  })

  it('is JSON with the same members first, whichever process writes it', () => {
    const [gate, keeper] = [open('gate'), open('keeper')]
    for (const { log } of [gate, keeper]) log.info({ code: 'x' }, 'said')
    assert.deepEqual(Object.keys(gate.parsed()[0] ?? {}), Object.keys(keeper.parsed()[0] ?? {}))
    assert.equal(keeper.parsed()[0]?.name, 'keeper')
    assert.equal(keeper.parsed()[0]?.pid, process.pid)
  })

  it('tells operators how a stop ends, and not what it asks of an agent', () => {
    const { log, parsed } = open('keeper', { errors: keeperLogErrors })
    for (const code of ['agent_halted', 'frozen']) log.warn({ code }, 'said')
    assert.deepEqual(
      parsed().map(({ mend }) => mend),
      ['`countersign resume` ends it, once it may go on.', '`countersign thaw` ends it.'],
    )
  })

  it('says what mends a code that it knows, in warnings and errors', () => {
    const { log, parsed } = open('keeper', { errors: keeperSideErrors })
    log.error({ code: 'vault_entry_origin', api: 'shop' }, 'no credential could be minted')
    log.info({ code: 'vault_entry_origin' }, 'refused')
    log.error({ code: 'toString' }, 'said')
    log.warn({ code: 'vault_entry_origin', mend: 'Type this.' }, 'said')
    assert.deepEqual(
      parsed().map(({ mend }) => mend),
      [wordsOf('vault_entry_origin')?.mend, undefined, undefined, 'Type this.'],
    )
    assert.equal(parsed()[0]?.api, 'shop')
  })

  it('attack: a flood of refusals leaves a bounded number of lines, and a count', t => {
    mock.timers.enable({ apis: ['setInterval'] })
    t.after(() => mock.timers.reset())
    const { log, parsed } = open('gate', { bounds: { lines: 3, intervalMs: 1_000, maxKinds: 2 } })
    for (let i = 0; i < 500; i++) log.info({ code: 'grant_missing' }, 'refused')
    for (let i = 0; i < 500; i++) log.info({ code: `invented_${i}` }, 'refused')
    assert.ok(parsed().length <= 9, `${parsed().length} lines`)
    mock.timers.tick(1_000)
    const counts = parsed().filter(({ msg }) => msg === 'lines left out')
    assert.deepEqual(
      counts.map(({ code, count }) => [code, count]),
      [
        ['30 grant_missing refused', 497],
        ['other', 496],
      ],
    )
    log.info({ code: 'grant_missing' }, 'refused')
    assert.equal(parsed().at(-1)?.msg, 'refused', 'a new interval begins afresh')
  })
})
