import type { Listed } from './incident.js'

/** Keeps the first ones that it is given, and counts the others. */
export class Shelf<T> {
  private readonly limit: number
  private readonly kept: T[] = []
  private more = 0

  constructor(limit: number) {
    this.limit = limit
  }

  /** True where there was room. */
  add(item: T): boolean {
    if (this.kept.length >= this.limit) {
      this.more++
      return false
    }
    this.kept.push(item)
    return true
  }

  list(): Listed<T> {
    return { shown: this.kept, more: this.more }
  }
}

export function listed<T>(items: Iterable<T>, limit: number): Listed<T> {
  const shelf = new Shelf<T>(limit)
  for (const item of items) shelf.add(item)
  return shelf.list()
}
