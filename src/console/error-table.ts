import { type ErrorTable, errorsOf } from '../canon/index.js'

/** Codes of the console's own server; held against docs/errors.md by a test. What the keeper refuses comes through as it is. */
export const consoleErrors = {
  console_host: {
    status: 421,
    sentence: 'The console is asked for under a name that is not its own.',
    mend: 'Open the address that `countersign console` has printed, with `localhost` in it and no IP address.',
  },
  console_origin: {
    status: 403,
    sentence: 'Another page than the console’s own is asking.',
    mend: 'Use the console in its own tab.',
  },
  console_link_spent: {
    status: 403,
    sentence: 'The link to the console is good once and for ten minutes.',
    mend: 'Go on in the tab that it was opened in, or start `countersign console` again for another.',
  },
  console_session: {
    status: 401,
    sentence: 'This tab has not been let into the console, or no longer is.',
    mend: 'Start `countersign console` again and open the link that it prints.',
  },
  console_malformed: {
    status: 400,
    sentence: 'The console was asked for something that it doesn’t have.',
    mend: 'Load the page again; page and program may be of two versions.',
  },
  console_keeper_away: {
    status: 502,
    sentence: 'The keeper doesn’t answer.',
    mend: 'Look whether the sidecar runs, and whether the tunnel to its admin socket still stands, or the keeper still takes your client certificate.',
  },
  console_listen_failed: {
    status: null,
    sentence: 'The console can’t listen there.',
    mend: 'Where the port is taken, end what has it, another console perhaps. With --listen 127.0.0.1:PORT at another, only those passkeys sign whose `origins` in the policy name that one.',
  },
} as const satisfies ErrorTable

export const consoleFault = errorsOf(consoleErrors)
