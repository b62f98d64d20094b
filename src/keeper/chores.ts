import { CountersignError } from '../canon/index.js'
import type { KeeperPorts } from './ports.js'

/** What runs beside the requests: timers, and work whose failure nobody waits for. */
export class Chores {
  private readonly log: KeeperPorts['log']
  private readonly timers: NodeJS.Timeout[] = []
  private ended = false

  constructor({ log }: Pick<KeeperPorts, 'log'>) {
    this.log = log
  }

  every(ms: number, chore: () => Promise<unknown>): void {
    const timer = setInterval(() => this.run(chore), ms)
    timer.unref()
    this.timers.push(timer)
  }

  run(chore: () => Promise<unknown>): void {
    if (this.ended) return
    chore().catch(error => this.failed(error))
  }

  failed(error: unknown): void {
    if (error instanceof CountersignError) this.log.error({ code: error.code }, error.message)
    // Words of a foreign error may hold anything; the log keeps its kind and where it came from.
    else this.log.error({ code: 'unexpected', err: error }, 'a chore of the keeper failed')
  }

  end(): void {
    this.ended = true
    for (const timer of this.timers) clearInterval(timer)
  }
}
