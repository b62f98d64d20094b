import type { TestEvent } from 'node:test/reporters'

/**
 * A reporter for `node --test` that names the tests that did not run, and, with CI set, turns each of them
 * into a failure: a required test that quietly skips proves nothing.
 */
export default async function* skipped(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const names: string[] = []
  for await (const event of events) {
    if (event.type !== 'test:pass') continue
    const { name, skip, todo } = event.data
    if (skip !== undefined && skip !== false) names.push(`${name}: ${skip}`)
    else if (todo !== undefined && todo !== false) names.push(`${name}: ${todo}`)
  }
  if (names.length === 0) return
  yield `${names.length} skipped:\n${names.map(name => `  ${name}\n`).join('')}`
  if (process.env.CI !== undefined) {
    yield 'A skipped test is a failure in CI.\n'
    process.exitCode = 1
  }
}
