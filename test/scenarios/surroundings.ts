import type { GithubStandIn } from './github.js'
import type { Sidecar } from './sidecar.js'

/** What every client is tried on: one sidecar with its clouds, and an API of the team's own. */
export interface Surroundings {
  readonly sidecar: Sidecar
  readonly github: GithubStandIn
}

/** Known only once the sidecar is up, that is within a test. */
export type Where = () => Surroundings

/** Fails unless it rejects; answers what it rejected with. */
export async function rejection(act: Promise<unknown>): Promise<Error> {
  try {
    await act
  } catch (error) {
    return error as Error
  }
  throw new Error('the call was not refused')
}
