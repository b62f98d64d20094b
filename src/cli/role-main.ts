import process from 'node:process'
import { surviveClosedTerminal } from './closed-terminal.js'
import { runRoleCommandLine } from './role.js'

surviveClosedTerminal(process)
process.exitCode = await runRoleCommandLine(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
})
