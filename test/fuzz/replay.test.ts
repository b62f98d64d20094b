import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { CONTROLS } from './controls.js'
import { PropertyBroken, type Seen } from './target.js'
import { TARGETS } from './targets.js'

/** Compiled tests lie in dist/test/fuzz. */
const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url))
const SEEDS = `${REPOSITORY}test/vectors/fuzz`

function seedsOf(target: string): ReadonlyMap<string, Buffer> {
  const files = readdirSync(`${SEEDS}/${target}`).sort()
  return new Map(files.map(file => [basename(file, '.bin'), readFileSync(`${SEEDS}/${target}/${file}`)]))
}

it('every target has a file, seeds and a control', () => {
  const files = readdirSync(`${REPOSITORY}test/fuzz/targets`).map(file => basename(file, '.ts'))
  for (const named of [files, readdirSync(SEEDS), Object.keys(CONTROLS)])
    assert.deepEqual([...named].sort(), Object.keys(TARGETS).sort())
})

for (const [name, target] of Object.entries(TARGETS)) {
  describe(`the fuzz target ${name}`, () => {
    it('holds for every seed and every past finding, of which it accepts some and refuses some', async () => {
      const seen = new Set<Seen>()
      for (const [seed, bytes] of seedsOf(name)) {
        try {
          seen.add(await target.run(bytes))
        } catch (error) {
          throw new Error(`${seed}: ${(error as Error).message}`, { cause: error })
        }
      }
      assert.deepEqual([...seen].sort(), ['accepted', 'refused'])
    })

    it('has the seeds that it writes (npm run fuzz -- --write-seeds)', async () => {
      const kept = seedsOf(name)
      for (const [seed, bytes] of Object.entries(await target.seeds()))
        assert.ok(kept.get(seed)?.equals(Buffer.from(bytes)), seed)
    })

    const control = CONTROLS[name]
    it(`finds out where ${control?.mistake}`, async () => {
      const bytes = seedsOf(name).get(control?.seed ?? '') as Buffer
      await target.run(bytes)
      await assert.rejects(
        async () => control?.run(bytes),
        error => error instanceof PropertyBroken,
      )
    })
  })
}
