import { closeSync, fstatSync, openSync } from 'node:fs'
import type process from 'node:process'
import { isatty } from 'node:tty'

const STANDARD = [0, 1, 2] as const

/**
 * Lets a process end in order whose terminal was closed: what it still says is lost, and Node, which gives a terminal back as
 * it was, would end with SIGABRT where there is none any more.
 */
export function surviveClosedTerminal(own: Pick<typeof process, 'stdout' | 'stderr' | 'on'>): void {
  for (const stream of [own.stdout, own.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EIO') throw error
    })
  own.on('exit', () => {
    for (const fd of STANDARD) if (isGone(fd)) leave(fd)
  })
}

/** It was a terminal, or is a device that nothing is lost by leaving. */
function isGone(fd: number): boolean {
  try {
    return fstatSync(fd).isCharacterDevice() && !isatty(fd)
  } catch {
    return false
  }
}

/** The lowest number that is free is the one that was just closed. */
function leave(fd: number): void {
  closeSync(fd)
  openSync('/dev/null', 'r+')
}
