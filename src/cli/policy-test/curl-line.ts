import type { CurlFlags } from '../explain.js'
import { UsageError } from '../io.js'
import { shellWords } from './shell-words.js'

/** A command line of curl: its URL and the flags that make the request. */
export interface CurlLine {
  readonly url: string
  readonly flags: CurlFlags
}

type Taken = 'request' | 'header' | 'data' | 'data-raw' | 'json' | 'url' | 'get' | 'head' | 'nothing'

const OPTIONS: Readonly<Record<string, Taken>> = {
  '-X': 'request',
  '--request': 'request',
  '-H': 'header',
  '--header': 'header',
  '-d': 'data',
  '--data': 'data',
  '--data-ascii': 'data',
  '--data-raw': 'data-raw',
  '--json': 'json',
  '--url': 'url',
  '-G': 'get',
  '--get': 'get',
  '-I': 'head',
  '--head': 'head',
  // What changes what curl shows, and not what it sends.
  '-s': 'nothing',
  '-S': 'nothing',
  '-i': 'nothing',
  '-v': 'nothing',
  '-sS': 'nothing',
  '--silent': 'nothing',
  '--show-error': 'nothing',
  '--include': 'nothing',
  '--verbose': 'nothing',
}

/** Parses `curl …` strictly: a flag that isn't known is refused. `readFile` answers `-d @FILE`. Throws a UsageError. */
export function parseCurlLine(line: string, readFile: (name: string) => string): CurlLine {
  const [program, ...words] = shellWords(line)
  if (program !== 'curl') throw wrong('it doesn’t begin with curl')
  const header: string[] = []
  const data: string[] = []
  let request: string | undefined
  let url: string | undefined
  let [get, head] = [false, false]
  for (let i = 0; i < words.length; i++) {
    const { option, value: attached } = split(words[i] as string)
    if (option === null) {
      url = only(url, attached)
      continue
    }
    const taken = Object.hasOwn(OPTIONS, option) ? OPTIONS[option] : undefined
    if (taken === undefined) throw wrong(`the flag ${option} is not one that is read`)
    const value = (): string => {
      const found = attached === '' ? words[++i] : attached
      if (found === undefined) throw wrong(`${option} has no value`)
      return found
    }
    switch (taken) {
      case 'request':
        request = value()
        break
      case 'header':
        header.push(value())
        break
      case 'data':
        data.push(ofFile(value(), readFile))
        break
      case 'data-raw':
        data.push(value())
        break
      case 'json':
        data.push(ofFile(value(), readFile))
        header.push('Content-Type: application/json', 'Accept: application/json')
        break
      case 'url':
        url = only(url, value())
        break
      case 'get':
        get = true
        break
      case 'head':
        head = true
        break
      case 'nothing':
        break
    }
  }
  if (url === undefined) throw wrong('it has no URL')
  const flags = { header, get, head, ...(data.length === 0 ? {} : { data }) }
  return { url, flags: request === undefined ? flags : { ...flags, request } }
}

/** `-XPOST` and `-Hname: value` are one word each; a word that is no option is the URL. */
function split(word: string): { readonly option: string | null; readonly value: string } {
  if (!word.startsWith('-')) return { option: null, value: word }
  if (/^-[XHd]./.test(word)) return { option: word.slice(0, 2), value: word.slice(2) }
  return { option: word, value: '' }
}

function only(known: string | undefined, url: string): string {
  if (known !== undefined) throw wrong('it has two URLs')
  return url
}

/** As curl does with `-d @FILE`: line ends are taken out. */
function ofFile(value: string, readFile: (name: string) => string): string {
  return value.startsWith('@') ? readFile(value.slice(1)).replaceAll(/[\r\n]/g, '') : value
}

function wrong(why: string): UsageError {
  return new UsageError(
    `the command line can’t be read: ${why}`,
    'Write curl -X METHOD -H "Name: value" -d DATA URL.',
  )
}
