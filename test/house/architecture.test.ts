import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { survey } from '../../scripts/architecture/survey.js'

async function violationsOf(
  context: TestContext,
  sources: Record<string, string>,
): Promise<readonly string[]> {
  const root = await mkdtemp(join(tmpdir(), 'countersign-floors-'))
  context.after(() => rm(root, { recursive: true, force: true }))
  await writeFile(join(root, 'package.json'), '{"type":"module"}')
  await mkdir(join(root, 'src'))
  for (const [file, source] of Object.entries(sources)) {
    await mkdir(dirname(join(root, file)), { recursive: true })
    await writeFile(join(root, file), source)
  }
  return (await survey(root)).violations
}

const CANON = {
  'src/canon/index.ts': "export * from './bytes.js'\n",
  'src/canon/bytes.ts': 'export const n = 1\n',
}

const house: readonly { name: string; sources: Record<string, string>; refused: RegExp | null }[] = [
  {
    name: 'a room that imports a lower floor through its index stands',
    sources: { 'src/gate/index.ts': "import { n } from '../canon/index.js'\nexport const m = n\n" },
    refused: null,
  },
  {
    name: 'a house without a module is refused: the check itself must have seen something',
    sources: {},
    refused: /no module was seen/,
  },
  {
    name: 'importing a higher floor is refused',
    sources: {
      'src/receipt/index.ts': "export { m } from '../ledger/index.js'\n",
      'src/ledger/index.ts': 'export const m = 1\n',
    },
    refused: /receipt-imports-lower-floors/,
  },
  {
    name: 'importing only a type of a higher floor is refused as well',
    sources: {
      'src/receipt/index.ts': "import type { M } from '../ledger/index.js'\nexport const m: M = 1\n",
      'src/ledger/index.ts': 'export type M = number\n',
    },
    refused: /receipt-imports-lower-floors/,
  },
  {
    name: 'rooms of one floor do not import each other',
    sources: {
      'src/keeper/index.ts': "export { m } from '../sandbox/index.js'\n",
      'src/sandbox/index.ts': 'export const m = 1\n',
    },
    refused: /keeper-imports-lower-floors/,
  },
  {
    name: 'reaching past the index of another room is refused',
    sources: { ...CANON, 'src/policy/index.ts': "export { n } from '../canon/bytes.js'\n" },
    refused: /through-the-index/,
  },
  {
    name: 'the gate imports no credential',
    sources: {
      'src/gate/index.ts': "export { m } from '../credential/index.js'\n",
      'src/credential/index.ts': 'export const m = 1\n',
    },
    refused: /gate-knows-neither-credential-nor-ledger/,
  },
  {
    name: 'the gate imports no ledger, not even by a dynamic import',
    sources: {
      'src/gate/index.ts': "export const m = await import('../ledger/index.js')\n",
      'src/ledger/index.ts': 'export const m = 1\n',
    },
    refused: /gate-knows-neither-credential-nor-ledger/,
  },
  {
    name: 'a pure floor imports nothing of Node',
    sources: { 'src/policy/index.ts': "export { readFileSync } from 'node:fs'\n" },
    refused: /pure-floors/,
  },
  {
    name: 'a pure floor imports no package beyond the known pure ones',
    sources: { 'src/policy/index.ts': "export { request } from 'undici'\n" },
    refused: /pure-floors/,
  },
  {
    name: 'a cycle is refused',
    sources: {
      'src/canon/index.ts': "import { b } from './b.js'\nexport const a = () => b\n",
      'src/canon/b.ts': "import { a } from './index.js'\nexport const b = () => a\n",
    },
    refused: /no-cycle/,
  },
  {
    name: 'an import that leads nowhere is refused',
    sources: { 'src/gate/index.ts': "export { x } from './gone.js'\n" },
    refused: /resolvable/,
  },
  {
    name: 'a folder without a floor is refused',
    sources: { 'src/common/index.ts': 'export const m = 1\n' },
    refused: /stands in no room/,
  },
  {
    name: 'only the composition room reads the environment',
    sources: { 'src/keeper/index.ts': 'export const home = process.env.HOME\n' },
    refused: /only cli reads/,
  },
  {
    name: 'only the composition room reads the command line, however it is imported',
    sources: { 'src/keeper/index.ts': "import { argv } from 'node:process'\nexport const first = argv[2]\n" },
    refused: /only cli reads/,
  },
]

for (const { name, sources, refused } of house) {
  test(name, async context => {
    const violations = await violationsOf(context, { ...(refused === null ? CANON : {}), ...sources })
    if (refused === null) assert.deepEqual(violations, [])
    else assert.match(violations.join('\n'), refused)
  })
}
