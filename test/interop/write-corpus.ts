import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { corpusFiles } from './corpus.js'

const FOLDER = new URL('../../../test/interop/corpus/', import.meta.url)

// README.md is written by hand.
for (const folder of ['bundles', 'dumps', 'proofs'])
  rmSync(new URL(folder, FOLDER), { recursive: true, force: true })
for (const [path, text] of await corpusFiles()) {
  const file = new URL(path, FOLDER)
  mkdirSync(dirname(file.pathname), { recursive: true })
  writeFileSync(file, text)
}
