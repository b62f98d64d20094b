import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { fuzzBundle, type Outcome } from '../../scripts/fuzz/campaign.js'
import { instrument } from '../../scripts/fuzz/instrument.js'

const folder = mkdtempSync(join(tmpdir(), 'countersign-fuzz-'))
after(() => rmSync(folder, { recursive: true }))

/** A target whose `run` has this body, fuzzed from one seed until something is found. */
async function fuzzed(
  name: string,
  body: string,
  more: { readonly hangMs?: number; readonly maxHeapMib?: number } = {},
): Promise<Outcome> {
  const source = `'use strict'\nexports.target = { words: ['a'], maxBytes: 64, run(bytes) { const text = bytes.toString('latin1'); ${body} } }\n`
  const { text, next, words } = instrument('planted.js', source, 0)
  const folders = {
    seeds: join(folder, name, 'seeds'),
    corpus: join(folder, name, 'corpus'),
    findings: join(folder, name, 'findings'),
  }
  mkdirSync(folders.seeds, { recursive: true })
  writeFileSync(join(folders.seeds, 'seed.bin'), 'hello')
  const file = join(folder, name, 'target.cjs')
  writeFileSync(file, text)
  return fuzzBundle(name, { file, branches: next, words }, folders, { seconds: 200, seed: 7, ...more })
}

describe('the fuzzer', () => {
  it('finds what stands behind several words that no seed has, and keeps the input', async () => {
    const { finding } = await fuzzed(
      'words',
      `
      const [head, middle, ...rest] = text.split(' ')
      if (head !== 'counter' + String.fromCharCode(115) + 'ign') return 'refused'
      if (middle !== head.slice(7).repeat(2)) return 'refused'
      let more = 0
      for (const word of rest) if (word !== '') more++
      if (more > 2) throw new Error('three words more')
      return 'accepted'`,
    )
    assert.match(finding?.error ?? '', /^Error: three words more/)
    assert.match(readFileSync(finding?.file ?? '', 'latin1'), /^countersign signsign /)
  })

  it('finds an input on which the code never comes back', async () => {
    const { finding } = await fuzzed(
      'hang',
      `if (text.includes('loop')) for (;;);
      return 'accepted'`,
      { hangMs: 1_000 },
    )
    assert.match(finding?.error ?? '', /^hang/)
  })

  it('finds an input that takes all memory', async () => {
    const { finding } = await fuzzed(
      'memory',
      `const all = []
      if (text.startsWith('he')) for (;;) all.push(new Array(100_000).fill(text))
      return 'accepted'`,
      { maxHeapMib: 64 },
    )
    assert.match(finding?.error ?? '', /ERR_WORKER_OUT_OF_MEMORY|out of memory|memory limit/)
  })
})

describe('a module whose branches are counted', () => {
  it('does what it did before', () => {
    const source = `
      const say = (a, b) => (a === b ? 'same' : a !== undefined && b) ?? 'neither'
      class A { x = 1; get y() { if (this.x > 0) return say(this.x, 1); else return 'no' } }
      class B extends A { constructor() { super(); this.z = 2 } }
      const out = []
      for (const i of [1, 2, 3]) { if (i === 2) continue; switch (i) { case 1: out.push('one'); default: out.push(i) } }
      try { null.x } catch { out.push('caught') }
      do out.push(new B().y); while (out.length < 6)
      let n = 0; while (n < 2) n++
      return JSON.stringify([out, n, say('a', 'b'), say(undefined, null), new B().z])`
    const { text, next } = instrument('module.js', `function module() {${source}}`, 0)
    const hits = new Uint8Array(next)
    const hook = {
      hits,
      same: (a: unknown, b: unknown) => a === b,
      differ: (a: unknown, b: unknown) => a !== b,
    }
    const run = (code: string): unknown => new Function('__fuzz', `${code}; return module()`)(hook)
    assert.equal(run(text), run(`function module() {${source}}`))
    assert.ok(hits.filter(count => count > 0).length > 12)
  })
})
