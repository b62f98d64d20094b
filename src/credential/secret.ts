import { inspect } from 'node:util'

/**
 * Holds something secret so that it can be used but not shown: printing, inspecting, spreading or serialising what
 * contains it says `[secret]`.
 */
export class Secret<T> {
  readonly #value: T

  constructor(value: T) {
    this.#value = value
  }

  /** The one way out; whoever calls it answers for where the value goes. */
  reveal(): T {
    return this.#value
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [inspect.custom](): string {
    return '[secret]'
  }
}
