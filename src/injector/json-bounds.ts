import { injectorFault } from './error-table.js'

/** The types of a review end far above this. */
const MAX_DEPTH = 64
/** A pod of the API server's largest request, with nothing in it but short variables, has fewer. */
const MAX_VALUES = 500_000

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c]
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d]

/**
 * Looks at the bytes of a JSON text as they come, one pass over each, and throws `review_malformed` where the text
 * would be much to parse. ATTACK: megabytes of `[` cost a parser seconds. It says nothing about whether it is JSON.
 */
export class JsonBounds {
  private depth = 0
  private values = 0
  private inText = false
  private escaped = false

  take(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (this.inText) this.takeOfText(byte)
      else if (byte === QUOTE) this.inText = true
      else if (byte === COMMA) this.values++
      else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
        this.values++
        this.depth++
        if (this.depth > MAX_DEPTH) throw injectorFault('review_malformed', `deeper than ${MAX_DEPTH}`)
      } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) this.depth--
    }
    if (this.values > MAX_VALUES) throw injectorFault('review_malformed', `more than ${MAX_VALUES} values`)
  }

  private takeOfText(byte: number): void {
    if (this.escaped) this.escaped = false
    else if (byte === BACKSLASH) this.escaped = true
    else if (byte === QUOTE) this.inText = false
  }
}
