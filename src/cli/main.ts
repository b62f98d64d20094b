#!/usr/bin/env node
import process from 'node:process'
import { surviveClosedTerminal } from './closed-terminal.js'
import { runCommandLine } from './program.js'

/** What a shell reports of a program that a closed pipe ended: 128 and SIGPIPE's 13. */
const PIPE_CLOSED = 141

// A reader that has seen enough, `| head`, is no fault of this program.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(PIPE_CLOSED)
})
surviveClosedTerminal(process)

process.exitCode = await runCommandLine(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
})
