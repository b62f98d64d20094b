import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { GateAddresses } from '../gate/index.js'
import { RAILWAY_IDS } from '../sandbox/index.js'
import type { LoadedConfig } from './config.js'
import { openGrantSession } from './grant-session.js'
import { type Io, printLine } from './io.js'

/** What a sandbox sidecar shows when it is up: a grant, and three commands to paste. */
export async function printFirstScreen(
  loaded: LoadedConfig,
  addresses: GateAddresses,
  io: Io,
): Promise<void> {
  const session = await openGrantSession(
    { config: loaded.file, agent: 'coder', task: 'first-steps', owner: 'you' },
    io,
  )
  const { token: grant } = await session.issue('bearer')
  await session.leave()
  const graphql = (query: string) =>
    `curl -s ${addresses.main}/railway/graphql/v2 -H "authorization: Bearer $GRANT" -H 'content-type: application/json' -d '${JSON.stringify({ query })}'`
  printLine(
    io,
    `
A grant for the agent "coder", good for an hour:

  export GRANT=${grant}

1. This passes:

  ${graphql(`{ project(id: "${RAILWAY_IDS.project}") { name } }`)}

2. This is denied:

  ${graphql(`mutation { volumeDelete(volumeId: "${RAILWAY_IDS.volume}") }`)}

3. This verifies what was recorded:

  node ${mainFile(io)} receipts verify --config ${shellWord(loaded.file)}

Stop with Ctrl-C.`,
  )
}

/** This program as it can be typed where `run` was started. */
function mainFile(io: Io): string {
  return shellWord(relative(io.cwd, fileURLToPath(new URL('./main.js', import.meta.url))))
}

function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
