import type { TestContext } from 'node:test'

/** A test, or a suite whose tests share what it starts. */
export type Lasting = Pick<TestContext, 'after'>

/** What a suite starts before its tests; its `after` ends it, the last first. */
export class Shared implements Lasting {
  private readonly ends: (() => unknown)[] = []

  after(end: () => unknown): void {
    this.ends.push(end)
  }

  async end(): Promise<void> {
    for (const end of this.ends.splice(0).reverse()) await end()
  }
}
