import assert from 'node:assert/strict'
import { once } from 'node:events'
import { cp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { CountersignError } from '../../src/canon/index.js'
import { noStrace, startUnder } from '../keeper/strace.js'
import { prepared, type RecoveryHouse, rolledBack, signed } from './recovery-house.js'

/*
 * A recovery that is killed at one of its renames. COUNTERSIGN_FAULTS_EVERY=1 tries each of them, 7 every seventh, the
 * ordinary run a few.
 */
const EVERY = Number(process.env.COUNTERSIGN_FAULTS_EVERY ?? 0)
const MAIN = fileURLToPath(new URL('../../bin/main.js', import.meta.url))
const MOMENTS =
  EVERY > 0 ? Array.from({ length: Math.ceil(20 / EVERY) }, (_, i) => 1 + i * EVERY) : [4, 9, 15]

/** What a keeper would do there: `refused` with the code, or the epoch that it starts in. */
async function starts(house: RecoveryHouse): Promise<string> {
  // A start changes files even where it is refused; it gets copies.
  await rm(`${house.dir}-tried`, { recursive: true, force: true })
  await cp(house.dir, `${house.dir}-tried`, { recursive: true })
  await cp(house.highWater, `${house.highWater}-tried`)
  try {
    const ledger = await house.open({ dir: `${house.dir}-tried`, highWater: `${house.highWater}-tried` })
    await ledger.close()
    return ledger.chain
  } catch (error) {
    assert.ok(error instanceof CountersignError, String(error))
    return 'refused'
  }
}

describe('a recovery that is killed', { skip: noStrace() }, () => {
  for (const moment of MOMENTS)
    it(`at rename ${moment} leaves nothing that a keeper starts on, and is finished by applying it again`, async t => {
      const house = await rolledBack(t, 3)
      const log = (await readFile(join(house.dir, 'CURRENT'), 'utf8')).trim()
      const file = await prepared(house)
      await signed(house, file, 'recover-1', 'recover-2')
      const config = house.path('countersign.yaml')
      const applying = startUnder({ call: 'rename', when: String(moment), fault: 'kill' }, [
        MAIN,
        'ledger',
        'recover',
        '--apply',
        file,
        '--config',
        config,
      ])
      await once(applying, 'exit')
      const killed = applying.signalCode !== null || applying.exitCode !== 0
      const after = await starts(house)
      if (killed) {
        assert.equal(after, 'refused')
        const check = await house.ledger('check')
        assert.equal(check.code, 1, check.out)
        assert.match(check.out, /^(ledger_behind_mark|recovery_unfinished): /)
        const again = await house.ledger('recover', '--apply', file)
        assert.equal(again.code, 0, again.err)
      }
      assert.match(await starts(house), /\/2$/)
      assert.match((await house.ledger('check')).out, /^sound: /)
      assert.equal((await readFile(join(house.dir, 'epoch-1', 'CURRENT'), 'utf8')).trim(), log)
      t.diagnostic(killed ? 'killed' : 'was done before')
    })
})
