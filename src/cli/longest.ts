/** How many letters the longest of them has. ATTACK: more of them than a call can have arguments. */
export function longest(texts: readonly string[]): number {
  return texts.reduce((most, { length }) => Math.max(most, length), 0)
}
