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

/**
 * Whether a pattern matches one of the names that `like` stands for, whose stars stand for no colon (`Resource.like`), and in
 * place of a revision (`task-definition/web:*`) for no slash: a star of the pattern's own (`ecs:*:task-definition/admin*`)
 * would end at that colon, and find another definition behind it.
 */
export function globMeetsName(pattern: string, like: string): boolean {
  return meet(pattern, like, REVISION.test(like) ? ':/' : ':')
}

const REVISION = /\/[^/:*]+:\*$/

/**
 * `closed`: letters that no star of `b` stands for. ATTACK: a request that names a thousand long secrets, each of which
 * is held against each pattern. What both begin with is compared letter by letter, and most end there.
 */
function meet(a: string, b: string, closed: string): boolean {
  let head = 0
  while (head < a.length && head < b.length && a[head] !== '*' && b[head] !== '*') {
    if (a[head] !== b[head]) return false
    head++
  }
  return a.slice(head) === '*' || meetBeyond(a.slice(head), b.slice(head), closed)
}

function meetBeyond(a: string, b: string, closed: string): boolean {
  // reach[j]: the part of `a` read so far and the first j letters of `b` match a common text.
  let reach = starts(b)
  let next = new Uint8Array(b.length + 1)
  for (const letter of a.split('')) {
    for (let j = 0; j <= b.length; j++) {
      const other = b[j - 1]
      const before = j > 0 && next[j - 1] === 1
      const byStar = letter === '*' && (reach[j] === 1 || before)
      // It stands for nothing, or for this letter as well.
      const byOther = other === '*' && (before || (!closed.includes(letter) && reach[j] === 1))
      const byLetter = other === letter && reach[j - 1] === 1
      next[j] = byStar || byOther || byLetter ? 1 : 0
    }
    ;[reach, next] = [next, reach]
  }
  return reach[b.length] === 1
}

/** What of `b` matches the empty text. */
function starts(b: string): Uint8Array<ArrayBuffer> {
  const reach = new Uint8Array(b.length + 1)
  for (let j = 0; j <= b.length && (j === 0 || b[j - 1] === '*'); j++) reach[j] = 1
  return reach
}

/** Whether every text that matches `inner` matches `outer` as well; errs on the side of no. */
export function globCovers(outer: string, inner: string): boolean {
  // A star of `inner` can only have been read by a star of `outer`: no letter of a pattern is one.
  return globMatches(outer, inner)
}
