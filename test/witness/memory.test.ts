import assert from 'node:assert/strict'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { nativeCrypto } from '../../src/native/index.js'
import { cosignedAt } from '../../src/receipt/index.js'
import { makeMemory } from '../../src/witness/index.js'
import { ALog } from './a-log.js'
import { AWitness, withLines } from './a-witness.js'

/** A witness that has cosigned ten entries of a log, and stopped. */
async function witnessed(t: Parameters<typeof AWitness.build>[0]) {
  const log = new ALog().grow(20)
  const witness = await AWitness.start(t, [log])
  const older = await readFile(witness.place.file)
  await witness.add(await log.request(0, 5))
  const middle = await readFile(witness.place.file)
  await witness.add(await log.request(5, 10))
  await witness.stop()
  return { log, witness, older, middle }
}

describe('what a witness remembers', () => {
  it('outlives a restart, cosignatures included', async t => {
    const { log, witness } = await witnessed(t)
    await witness.start()
    assert.equal((await witness.add(await log.request(0))).text, '10\n')
    const { text } = await witness.newest(log.origin)
    assert.notEqual(cosignedAt(nativeCrypto, withLines(text, ''), witness.identity), null)
    assert.equal((await witness.add(await log.request(10))).status, 200)
  })

  it('is on disk and marked before anything is signed, so that a crash right after an answer loses nothing', async t => {
    const log = new ALog().grow(5)
    const witness = await AWitness.start(t, [log])
    const { text } = await witness.add(await log.request(0))
    await witness.crash()
    await witness.start()
    assert.equal((await witness.add(await log.grow(1).request(0))).text, '5\n')
    assert.notEqual(text, '')
    const shown = await witness.newest(log.origin)
    assert.notEqual(
      cosignedAt(nativeCrypto, withLines(shown.text, ''), witness.identity),
      null,
      'a cosignature that the crash lost is given again',
    )
  })

  it('is not begun anew where it is missing, and not where it is there already', async t => {
    const { witness } = await witnessed(t)
    await assert.rejects(
      makeMemory({ ...witness.place, witness: witness.verifierKey, crypto: nativeCrypto }),
      { code: 'witness_state_damaged' },
    )
    await rm(witness.place.file)
    await assert.rejects(witness.start(), { code: 'witness_state_missing' })
  })

  it('attack: a memory that was rolled back to an older one, or to an empty one, is refused', async t => {
    const { witness, older, middle } = await witnessed(t)
    for (const bytes of [older, middle]) {
      await writeFile(witness.place.file, bytes)
      await assert.rejects(witness.start(), { code: 'witness_state_behind' })
    }
  })

  it('attack: a memory with as many steps to another checkpoint is refused', async t => {
    const { log, witness } = await witnessed(t)
    const other = await AWitness.start(t, [log])
    await other.add(await log.request(0, 5))
    await other.add(await log.request(5, 11))
    await other.stop()
    const forged = (await readFile(other.place.file, 'utf8')).replace(other.verifierKey, witness.verifierKey)
    await writeFile(witness.place.file, forged)
    await assert.rejects(witness.start(), { code: 'witness_state_behind' })
  })

  it('attack: any byte of it that is changed keeps the witness from starting', async t => {
    const { witness } = await witnessed(t)
    const whole = await readFile(witness.place.file)
    for (let at = 0; at < whole.length; at += 7) {
      const broken = Buffer.from(whole)
      broken[at] = (broken[at] as number) ^ 0x01
      await writeFile(witness.place.file, broken)
      await assert.rejects(witness.start(), /./, `byte ${at}`)
    }
    for (const cut of [0, 1, whole.length - 1]) {
      await writeFile(witness.place.file, whole.subarray(0, cut))
      await assert.rejects(witness.start(), { code: 'witness_state_damaged' }, `cut at ${cut}`)
    }
  })

  it('attack: a memory without its mark, or with another’s, is refused', async t => {
    const { witness } = await witnessed(t)
    await writeFile(witness.place.mark, '{}')
    await assert.rejects(witness.start(), { code: 'witness_mark_missing' })
    await rm(witness.place.mark)
    await assert.rejects(witness.start(), { code: 'witness_mark_missing' })
  })

  it('goes on over a memory that is newer than its mark, as a crash between the two leaves it', async t => {
    const log = new ALog().grow(9)
    const witness = await AWitness.start(t, [log])
    await witness.add(await log.request(0, 4))
    const mark = await readFile(witness.place.mark)
    await witness.add(await log.request(4, 6))
    await witness.crash()
    await writeFile(witness.place.mark, mark)
    await writeFile(`${witness.folder}/memory/.memory.json.new`, 'half')
    await witness.start()
    assert.equal((await witness.add(await log.request(6))).status, 200)
  })

  it('attack: two witnesses with one memory: the one that comes second to write halts and answers 503', async t => {
    const log = new ALog().grow(9)
    const witness = await AWitness.start(t, [log])
    const [server, memory] = [witness.server, witness.memory]
    await witness.start()
    assert.equal((await witness.add(await log.request(0, 4))).status, 200)
    const second = witness.url
    const refused = await fetch(`${server?.url}/add-checkpoint`, {
      method: 'POST',
      body: await log.request(0, 5),
    })
    assert.equal(refused.status, 503)
    assert.equal((await fetch(`${server?.url}/healthz`)).status, 503)
    assert.equal(memory?.halted, true)
    assert.equal((await fetch(`${second}/healthz`)).status, 200)
    await server?.close()
  })

  it('halts, and says so, when it can’t write; after a restart it goes on from what is on disk', async t => {
    const log = new ALog().grow(9)
    const witness = await AWitness.start(t, [log])
    await witness.add(await log.request(0, 4))
    // What a full disk or a folder that went away does to the write.
    await writeFile(`${witness.folder}/memory/.memory.json.new`, '')
    assert.equal((await witness.add(await log.request(4, 5))).status, 503)
    assert.equal((await witness.add(await log.request(4, 6))).status, 503, 'and nothing afterwards')
    await witness.stop()
    await witness.start()
    assert.equal((await witness.add(await log.request(4, 6))).status, 200)
  })
})

describe('many requests at once', () => {
  it('attack: of two checkpoints from one old size, in a race, exactly one is cosigned', async t => {
    const log = new ALog().grow(40)
    const witness = await AWitness.start(t, [log])
    await witness.add(await log.request(0, 3))
    const answers = await Promise.all(
      Array.from({ length: 12 }, async (_, i) => witness.add(await log.request(3, 4 + i))),
    )
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array(11).fill(409)])
    const won = answers.findIndex(({ status }) => status === 200)
    assert.ok(answers.every(({ status, text }) => status === 200 || text === `${4 + won}\n`))
  })

  it('lets many logs move on together, and remembers all of them', async t => {
    const logs = Array.from({ length: 20 }, (_, i) => new ALog(`acme.test/countersign/s${i}/1`).grow(3 + i))
    const witness = await AWitness.start(t, logs)
    const answers = await Promise.all(logs.map(async log => witness.add(await log.request(0))))
    assert.ok(answers.every(({ status }) => status === 200))
    await witness.stop()
    await witness.start()
    for (const log of logs) {
      assert.equal((await witness.add(await log.request(0))).text, `${log.size}\n`)
      assert.equal((await witness.newest(log.origin)).status, 200)
    }
  })
})
