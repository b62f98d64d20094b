import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { UsageError } from '../../src/cli/io.js'
import { parseCurlLine } from '../../src/cli/policy-test/curl-line.js'
import { shellWords } from '../../src/cli/policy-test/shell-words.js'

/** The words that /bin/sh makes of a line. */
function wordsOfShell(line: string): readonly string[] {
  const out = execFileSync('/bin/sh', ['-c', `for word in ${line}\ndo printf '%s\\0' "$word"\ndone`])
  return out.toString('utf8').split('\0').slice(0, -1)
}

describe('the words of a command line', () => {
  it('are those that a shell makes of it', () => {
    const lines = [
      'a b  c',
      `'a b' "c d"`,
      `a'b'"c"d`,
      `"say \\"hi\\"" 'it'\\''s'`,
      `"back\\\\slash" "\\n stays"`,
      `a\\ b \\'`,
      `'' ""`,
      '-d a \\\n  -H b',
      `'$HOME' '\`x\`' 'a;b|c&d'`,
      'a#b https://x.test/y?z=1',
      `"über" 'ß'`,
    ]
    for (const line of lines) assert.deepEqual(shellWords(line), wordsOfShell(line), line)
  })

  it('attack: whatever is read is what a shell would pass on, and the rest is refused', () => {
    const letter = fc.constantFrom(...'ab \'"\\\\$`#;|&<>()*[]{}~!?=-\n\t'.split(''))
    fc.assert(
      fc.property(fc.array(letter, { minLength: 1, maxLength: 14 }), letters => {
        const line = letters.join('')
        let words: readonly string[]
        try {
          words = shellWords(line)
        } catch (error) {
          assert.ok(error instanceof UsageError)
          return
        }
        // A question mark alone could match a file's name; quotes keep the shell from looking.
        if (words.length > 0 && !line.includes('?')) assert.deepEqual(words, wordsOfShell(line.trim()))
      }),
      { numRuns: 150 },
    )
  })

  it('are refused where a shell would do something else', () => {
    for (const line of ['a & b', 'a $B', 'a "`b`"', "a 'b", 'a "b', 'a > b', 'a *', 'a\nb', 'a # b', 'a \\'])
      assert.throws(() => shellWords(line), UsageError, line)
  })
})

describe('a line of curl', () => {
  const parse = (line: string, file = '') => parseCurlLine(line, () => file)

  it('gives URL and flags, in any order, joined or apart', () => {
    const { url, flags } = parse(`curl -sS -XPUT /x -H 'A: b' -d one --data-raw @two --header "C: d"`)
    assert.equal(url, '/x')
    assert.deepEqual(flags, {
      request: 'PUT',
      header: ['A: b', 'C: d'],
      data: ['one', '@two'],
      get: false,
      head: false,
    })
  })

  it('reads --json as curl sends it, and @FILE without its line ends', () => {
    const { flags } = parse(`curl --json '{"a":1}' -d @body --url /x`, 'b\r\nc\n')
    assert.deepEqual(flags.data, ['{"a":1}', 'bc'])
    assert.deepEqual(flags.header, ['Content-Type: application/json', 'Accept: application/json'])
  })

  it('is refused where it says something that is not read', () => {
    for (const line of [
      'wget /x',
      'curl',
      'curl /x /y',
      'curl -F a=b /x',
      'curl -u me:secret /x',
      'curl --next /x',
      'curl /x -d',
      'curl --proxy p /x',
    ])
      assert.throws(() => parse(line), UsageError, line)
  })
})
