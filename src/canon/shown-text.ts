/**
 * Characters that a reader can't see, or that change how others are shown: controls, formats (bidi among them), spaces
 * that are no space, and whatever Unicode lets a font leave out.
 */
export const HIDDEN_LETTERS =
  /[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}/gu

/** A piece of a text that can be shown as it is, or one character, hidden or disguised, spelled out as `U+202E`. */
export interface ShownPart {
  readonly hidden: boolean
  readonly text: string
}

/** Letters of other alphabets, and signs, that most fonts draw as they draw one of ASCII. */
const LOOKALIKES =
  /[\u0430\u0410\u0412\u0441\u0421\u0435\u0415\u041a\u041c\u041d\u043e\u041e\u0440\u0420\u0422\u0445\u0425\u0443\u0423\u0405\u0455\u0406\u0456\u0408\u0458\u04ae\u04af\u04bb\u04cf\u0501\u051b\u051d\u0391\u0392\u0395-\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03b1\u03b9\u03bd\u03bf\u03c1\u03c5\u03f3\u0578\u057d\u0585\u0131\u0251\u0261\u01c0\u2010-\u2012\u2212\u2024\u2044\u2215\u2217\u2236\u29f8\ua789]/gu
/** Forms of ASCII's own letters, digits and signs, which look like these and are others. */
const FORMS = /(?!\p{Cn})[\uff01-\uff5e\u{1d400}-\u{1d7ff}]/gu
const RUN = /[\p{L}\p{M}]+|[^\p{L}\p{M}]/gu

/**
 * ATTACK: an address with a Cyrillic letter in it, which people take for the one that they know. Beside letters or digits of ASCII
 * such letters are spelled out; a word that has others of its alphabet is one of a language, and is left as it is.
 */
function* disguised(text: string): Generator<RegExpMatchArray & { index: number }> {
  yield* text.matchAll(FORMS)
  if (text.search(LOOKALIKES) < 0) return
  for (const token of text.matchAll(/\S+/gu)) {
    if (!/[A-Za-z0-9]/.test(token[0])) continue
    for (const run of token[0].matchAll(RUN)) {
      const own = run[0].replace(LOOKALIKES, '').replace(/[\p{Script=Latin}\p{M}]/gu, '')
      if (/\p{L}/u.test(own)) continue
      for (const found of run[0].matchAll(LOOKALIKES)) {
        found.index += token.index + run.index
        yield found
      }
    }
  }
}

/** ATTACK: names in receipts come from requests. Whoever shows one shows these parts, as text and as nothing else. */
export function shownParts(text: string): readonly ShownPart[] {
  const parts: ShownPart[] = []
  let shown = 0
  for (const found of spelledOutIn(text)) {
    if (found.index > shown) parts.push({ hidden: false, text: text.slice(shown, found.index) })
    parts.push({ hidden: true, text: spelledOut(found[0]) })
    shown = found.index + found[0].length
  }
  if (shown < text.length) parts.push({ hidden: false, text: text.slice(shown) })
  return parts
}

/** All of them in their order. */
function spelledOutIn(text: string): readonly (RegExpMatchArray & { index: number })[] {
  const others = [...disguised(text)]
  const hidden = [...text.matchAll(HIDDEN_LETTERS)]
  return others.length === 0 ? hidden : [...hidden, ...others].sort((one, other) => one.index - other.index)
}

function spelledOut(character: string): string {
  return `U+${(character.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')}`
}
