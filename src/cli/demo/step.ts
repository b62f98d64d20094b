import type { Answer } from './agent.js'

/** One thing that the agent does, and what has to be seen for the demo to succeed. */
export interface Step<Scene> {
  readonly title: string
  readonly act: (scene: Scene) => Promise<Answer>
  readonly expect: (answer: Answer) => boolean
}
