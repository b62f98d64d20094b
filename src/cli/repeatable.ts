/** Commander's way to take an option several times: the values so far, and one more. */
export function repeatable(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}
