/**
 * A text without the letters of one kind that it ends in, in one pass from the end. ATTACK: `====…x`, on which
 * `/=+$/` starts over at every letter: a megabyte of it takes half an hour.
 */
export function withoutTrailing(text: string, letter: string): string {
  let end = text.length
  while (end > 0 && text[end - 1] === letter) end--
  return text.slice(0, end)
}
