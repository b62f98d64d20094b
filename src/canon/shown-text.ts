/**
 * Characters that a reader can't see, or that change how others are shown: controls, formats (bidi among them), spaces
 * that are no space, and whatever Unicode lets a font leave out.
 */
export const HIDDEN_LETTERS =
  /[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}/gu

/** A piece of a text that can be shown as it is, or one hidden character, spelled out as `U+202E`. */
export interface ShownPart {
  readonly hidden: boolean
  readonly text: string
}

/** ATTACK: names in receipts come from requests. Whoever shows one shows these parts, as text and as nothing else. */
export function shownParts(text: string): readonly ShownPart[] {
  const parts: ShownPart[] = []
  let shown = 0
  for (const found of text.matchAll(HIDDEN_LETTERS)) {
    if (found.index > shown) parts.push({ hidden: false, text: text.slice(shown, found.index) })
    parts.push({ hidden: true, text: spelledOut(found[0]) })
    shown = found.index + found[0].length
  }
  if (shown < text.length) parts.push({ hidden: false, text: text.slice(shown) })
  return parts
}

function spelledOut(character: string): string {
  return `U+${(character.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')}`
}
