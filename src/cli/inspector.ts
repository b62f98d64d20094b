import process from 'node:process'

/** Node opens its inspector at SIGUSR1, and with it the whole memory, unless the signal has a listener. */
export function ignoreInspectorSignal(): void {
  process.on('SIGUSR1', () => undefined)
}
