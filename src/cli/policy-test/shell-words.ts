import { UsageError } from '../io.js'

/** What a shell would do something about, so that the words here would not be those that it passes on. */
const SPECIAL = /[$`|;&<>()*[\]{}~!\n\r]/
/** Inside double quotes only these are special, and a backslash takes the meaning off. */
const SPECIAL_QUOTED = /[$`!]/

/**
 * The words of one command line as a POSIX shell splits it: quotes, backslashes, and lines that end in a backslash.
 * Strict: what a shell would expand, redirect or chain is refused, not guessed (`?` is taken as written). Throws a UsageError.
 */
export function shellWords(line: string): readonly string[] {
  const words: string[] = []
  const text = line.trim()
  let word: string | null = null
  let at = 0
  const next = (): string => text[at++] as string
  while (at < text.length) {
    const letter = next()
    if (letter === "'") word = (word ?? '') + singleQuoted()
    else if (letter === '"') word = (word ?? '') + doubleQuoted()
    else if (letter === '\\') {
      if (at >= text.length) throw wrong('it ends in a backslash')
      const escaped = next()
      if (escaped !== '\n') word = (word ?? '') + escaped
    } else if (letter === ' ' || letter === '\t') {
      if (word !== null) words.push(word)
      word = null
    } else if (SPECIAL.test(letter) || (letter === '#' && word === null)) {
      throw wrong(
        letter === '\n' || letter === '\r'
          ? 'a line ends without a backslash'
          : `a shell would do something about ${letter}`,
      )
    } else word = (word ?? '') + letter
  }
  if (word !== null) words.push(word)
  return words

  function singleQuoted(): string {
    const end = text.indexOf("'", at)
    if (end < 0) throw wrong("a ' is not closed")
    const quoted = text.slice(at, end)
    at = end + 1
    return quoted
  }

  function doubleQuoted(): string {
    let quoted = ''
    while (at < text.length) {
      const letter = next()
      if (letter === '"') return quoted
      if (SPECIAL_QUOTED.test(letter)) throw wrong(`a shell would do something about ${letter}`)
      if (letter === '\\' && '$`"\\\n'.includes(text[at] ?? ' ')) {
        const escaped = next()
        if (escaped !== '\n') quoted += escaped
      } else quoted += letter
    }
    throw wrong('a " is not closed')
  }
}

function wrong(why: string): UsageError {
  return new UsageError(
    `the command line can’t be read: ${why}`,
    'Put it in single quotes, and end a line that goes on with a backslash.',
  )
}
