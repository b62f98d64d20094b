import assert from 'node:assert/strict'
import { it } from 'node:test'
import { recordVaultChange } from '../../src/keeper/index.js'
import { House, ofType } from './keeper-fixture.js'

it('a secret that is put or removed while the keeper runs stands in the ledger by its name', async t => {
  const house = await House.build(t)
  const { ledger } = await house.start()
  const billing = { name: 'billing' } as never
  const vault = {
    entry: (name: string) => (name === 'billing' ? billing : undefined),
    entries: () => [billing],
  }
  await recordVaultChange(ledger, vault)(['billing', 'railway'])
  assert.deepEqual(
    (await ofType(ledger, 'vault')).map(({ data }) => data),
    [
      { action: 'put', entries: 1, name: 'billing' },
      { action: 'removed', entries: 1, name: 'railway' },
    ],
  )
})
