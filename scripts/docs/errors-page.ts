import { canonErrors, type ErrorTable } from '../../src/canon/index.js'
import { cliErrors } from '../../src/cli/error-table.js'
import { consoleErrors } from '../../src/console/index.js'
import { credentialErrors } from '../../src/credential/index.js'
import { gateErrors } from '../../src/gate/index.js'
import { injectorErrors } from '../../src/injector/index.js'
import { keeperErrors } from '../../src/keeper/index.js'
import { ledgerErrors } from '../../src/ledger/index.js'
import { linkErrors } from '../../src/link/index.js'
import { nativeErrors } from '../../src/native/index.js'
import { policyErrors } from '../../src/policy/index.js'
import { protocolErrors } from '../../src/protocol/index.js'
import { receiptErrors } from '../../src/receipt/index.js'
import { witnessErrors } from '../../src/witness/index.js'

export interface RoomErrors {
  readonly room: string
  /** Who meets these codes, in a sentence or two. */
  readonly about: string
  readonly table: ErrorTable
}

/** Every room that has an error table, in the order of a request's life. */
export const ERROR_TABLES: readonly RoomErrors[] = [
  {
    room: 'gate',
    about: 'What the gate refuses by itself, and what goes wrong on the way to the upstream and back.',
    table: gateErrors,
  },
  {
    room: 'protocol',
    about: 'Requests that can’t be classified, and catalogs that can’t be opened.',
    table: protocolErrors,
  },
  {
    room: 'link',
    about:
      'The connection between gate and keeper, what can be wrong with a grant, and what the keeper refuses before or after the policy decides.',
    table: linkErrors,
  },
  {
    room: 'policy',
    about:
      'The first eight are the codes of decisions. The others say why a sealed policy, a trust root, an enrolment or a grant order is not accepted: a policy that is refused leaves the last good one in force.',
    table: policyErrors,
  },
  {
    room: 'keeper',
    about: 'The keeper’s own faults and its admin API, which the command line talks to.',
    table: keeperErrors,
  },
  {
    room: 'console',
    about: 'The operator’s page on loopback. What the keeper refuses comes through it as it is.',
    table: consoleErrors,
  },
  {
    room: 'credential',
    about:
      'Grant orders, the vault and the minters. An agent whose request needed the credential is told `credential_unavailable`; these codes stand in the keeper’s log and on the command line.',
    table: credentialErrors,
  },
  {
    room: 'receipt',
    about: 'Entries, checkpoints and proofs. What the verifier finds in a log is listed in receipts.md.',
    table: receiptErrors,
  },
  {
    room: 'ledger',
    about: 'The ledger on disk. An agent that meets one of these is told `keeper_fault`.',
    table: ledgerErrors,
  },
  {
    room: 'injector',
    about:
      'Why a pod is not admitted: the API server hands on every reason that was found, in `status.details.causes` as well. Codes without a status are of `countersign inject` itself.',
    table: injectorErrors,
  },
  {
    room: 'witness',
    about: 'What a witness answers to a log, and what keeps it from starting.',
    table: witnessErrors,
  },
  { room: 'native', about: 'Connections to upstreams.', table: nativeErrors },
  {
    room: 'canon',
    about: 'JSON, canonical bytes, envelopes and keys, wherever they are read.',
    table: canonErrors,
  },
  {
    room: 'cli',
    about: 'What keeps a command or the sidecar from starting. Exit code 2.',
    table: cliErrors,
  },
]

const HEAD = `# Errors

Every code that a refusal, a log line or a command can carry. Codes are stable; sentences may be reworded. This page is
generated from the tables in \`src/*/error-table.ts\` with \`npm run docs\`.

**Status** is the HTTP status under which the code is answered: by the gate to the agent, or, for codes that begin with
\`grant_order_\` and for the rooms keeper and ledger, by the keeper’s admin API to the command line. A dash means that
no HTTP answer carries it: it stands in a log, or on a command’s standard error with exit code 2. GraphQL APIs answer
refusals with status 200 and the code in \`errors[0].extensions.code\`, because their clients hide errors under 403; faults (500 and
above) keep their status there as well. \`over_limit\` is 429 with \`Retry-After\` where the limit frees within a minute.

What \`policy lint\` and \`policy seal\` find in a source is listed in [policy.md](policy.md#findings).
`

/** The whole of docs/errors.md. */
export function errorsPage(): string {
  return `${HEAD}\n${ERROR_TABLES.map(section).join('\n')}`
}

function section({ room, about, table }: RoomErrors): string {
  const rows = Object.entries(table).map(
    ([code, { status, sentence, mend }]) =>
      `| \`${code}\` | ${status ?? '–'} | ${cell(sentence)} | ${cell(mend)} |`,
  )
  return `## ${room}\n\n${about}\n\n| Code | Status | What it means | What to do |\n|---|---|---|---|\n${rows.join('\n')}\n`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
