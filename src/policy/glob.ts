/**
 * Whether a pattern matches the whole text; `*` stands for any run of letters, nothing else is special. Time is
 * linear in the text times the number of stars: no regular expression, no backtracking over more than one star.
 */
export function globMatches(pattern: string, text: string): boolean {
  const parts = pattern.split('*')
  const first = parts[0] as string
  if (parts.length === 1) return text === pattern
  const last = parts[parts.length - 1] as string
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
    return false
  const end = text.length - last.length
  let at = first.length
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at)
    if (found < 0 || found + part.length > end) return false
    at = found + part.length
  }
  return true
}

export function isGlob(pattern: string): boolean {
  return pattern.includes('*')
}

/** Whether some text matches both patterns. Exact; time is the product of their lengths. */
export function globsMeet(a: string, b: string): boolean {
  return meet(a, b, '')
}

/** Whether a pattern matches one of the names that `like` stands for, whose stars stand for no colon (`Resource.like`). */
export function globMeetsName(pattern: string, like: string): boolean {
  return meet(pattern, like, ':')
}

/** `closed`: a letter that no star of `b` stands for. */
function meet(a: string, b: string, closed: string): boolean {
  // reach[j]: the part of `a` read so far and the first j letters of `b` match a common text.
  let reach = starts(b)
  for (const letter of a.split('')) {
    const next: boolean[] = []
    for (let j = 0; j <= b.length; j++) {
      const byStar = letter === '*' && (reach[j] === true || (j > 0 && next[j - 1] === true))
      const other = b[j - 1]
      const byOther = other === '*' && letter !== closed && (next[j - 1] === true || reach[j] === true)
      const byLetter = other === letter && reach[j - 1] === true
      next.push(byStar || byOther || byLetter)
    }
    reach = next
  }
  return reach[b.length] === true
}

/** What of `b` matches the empty text. */
function starts(b: string): boolean[] {
  const reach = [true]
  for (const letter of b.split('')) reach.push(reach.at(-1) === true && letter === '*')
  return reach
}

/** Whether every text that matches `inner` matches `outer` as well; errs on the side of no. */
export function globCovers(outer: string, inner: string): boolean {
  // A star of `inner` can only have been read by a star of `outer`: no letter of a pattern is one.
  return globMatches(outer, inner)
}
