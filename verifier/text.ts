/**
 * Characters that a reader can't see, or that change how others are shown: controls, formats (bidi among them), spaces
 * that are no space, and whatever Unicode lets a font leave out.
 */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}/gu

/** ATTACK: names in receipts come from requests. They are text here and nothing else, and what hides in them is shown. */
export function showText(into: HTMLElement, text: string): void {
  // What is isolated can't reorder its surroundings, in whatever direction it is written.
  const isolated = document.createElement('bdi')
  let shown = 0
  for (const found of text.matchAll(HIDDEN)) {
    isolated.append(text.slice(shown, found.index), hiddenCharacter(found[0]))
    shown = found.index + found[0].length
  }
  isolated.append(text.slice(shown))
  into.append(isolated)
}

function hiddenCharacter(character: string): HTMLElement {
  const code = (character.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')
  const mark = document.createElement('span')
  mark.className = 'hidden-char'
  mark.textContent = `U+${code}`
  return mark
}

/** A text of several lines of our own making: JSON, say, in whose strings line ends are escaped. */
export function showLines(into: HTMLElement, text: string): void {
  for (const [i, line] of text.split('\n').entries()) {
    if (i > 0) into.append('\n')
    showText(into, line)
  }
}

export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  className = '',
  text = '',
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name)
  if (className !== '') made.className = className
  if (text !== '') showText(made, text)
  return made
}
