import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const PYTHON = '/usr/bin/python3'
/** Runs a program at a terminal of its own, closes that once the program listens to SIGHUP, and prints how it ended. */
const AT_A_TERMINAL = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
said = b''
while b'opens it once' not in said:
    said += os.read(terminal, 65536)
def caught():
    lines = open(f'/proc/{pid}/status').read().splitlines()
    return int(next(line for line in lines if line.startswith('SigCgt')).split()[1], 16)
while not caught() & 1:
    pass
os.close(terminal)
_, status = os.waitpid(pid, 0)
print(f'signal {os.WTERMSIG(status)}' if os.WIFSIGNALED(status) else f'exit {os.WEXITSTATUS(status)}')
`

test('a terminal that is closed ends a command in order', {
  skip: existsSync(PYTHON) ? false : 'python3 is not installed',
}, async () => {
  const main = fileURLToPath(new URL('../../bin/main.js', import.meta.url))
  const command = [process.execPath, main, 'console', '--register', '--listen', '127.0.0.1:0']
  const child = spawn(PYTHON, ['-c', AT_A_TERMINAL, ...command], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = text(child.stdout)
  await once(child, 'exit')
  assert.equal(await ended, 'exit 0\n')
})
