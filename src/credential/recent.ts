/** A map that holds at most `capacity` pairs and forgets the one that was used the longest time ago. */
export class Recent<K, V> {
  readonly #pairs = new Map<K, V>()
  readonly #capacity: number

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get(key: K): V | undefined {
    const value = this.#pairs.get(key)
    if (value !== undefined) this.#touch(key, value)
    return value
  }

  /** Returns the value that had to go, if one had to. */
  set(key: K, value: V): V | undefined {
    this.#touch(key, value)
    if (this.#pairs.size <= this.#capacity) return undefined
    const [oldest] = this.#pairs
    if (oldest === undefined) return undefined
    this.#pairs.delete(oldest[0])
    return oldest[1]
  }

  delete(key: K): boolean {
    return this.#pairs.delete(key)
  }

  entries(): IterableIterator<[K, V]> {
    return this.#pairs.entries()
  }

  get size(): number {
    return this.#pairs.size
  }

  #touch(key: K, value: V): void {
    this.#pairs.delete(key)
    this.#pairs.set(key, value)
  }
}
