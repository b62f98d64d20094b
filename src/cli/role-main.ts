import process from 'node:process'
import { runRoleCommandLine } from './role.js'

process.exitCode = await runRoleCommandLine(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
})
