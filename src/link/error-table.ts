import { type ErrorTable, errorsOf } from '../canon/index.js'

/** Codes of the connection between gate and keeper; held against docs/errors.md by a test. */
export const linkErrors = {
  frame_malformed: {
    status: 503,
    sentence: 'A frame on the keeper’s socket was malformed; the connection is closed.',
    mend: 'Run gate and keeper from the same build, and let nothing else connect to the socket.',
  },
  frame_too_large: {
    status: 413,
    sentence: 'A message for the keeper’s socket is larger than its type allows.',
    mend: 'Send a smaller request; the whole of what is decided must fit the bound.',
  },
  frame_stalled: {
    status: 503,
    sentence: 'A frame on the keeper’s socket was not completed in time; the connection is closed.',
    mend: 'Let nothing but the gate connect to the socket.',
  },
  hello_expected: {
    status: 503,
    sentence: 'A connection to the keeper’s socket did not begin with a hello.',
    mend: 'Let nothing but the gate connect to the socket.',
  },
  link_busy: {
    status: 503,
    sentence: 'Too many requests wait for the keeper.',
    mend: 'Repeat the request later, with fewer at once.',
  },
  keeper_gone: {
    status: 503,
    sentence: 'The keeper is not reachable; nothing is forwarded without it.',
    mend: 'Start the keeper, or look at its log for why it stopped.',
  },
  keeper_slow: {
    status: 503,
    sentence: 'The keeper did not answer in time; nothing was forwarded.',
    mend: 'Look at the keeper’s log and at the disk of its ledger.',
  },
  keeper_fault: {
    status: 503,
    sentence: 'The keeper could not decide this request; nothing was forwarded.',
    mend: 'Look at the keeper’s log for the code.',
  },
} as const satisfies ErrorTable

export const linkFault = errorsOf(linkErrors)
