import { shownParts } from '../src/canon/index.js'

/** ATTACK: names in receipts come from requests. They are text here and nothing else, and what hides in them is shown. */
export function showText(into: HTMLElement, text: string): void {
  // What is isolated can't reorder its surroundings, in whatever direction it is written.
  const isolated = document.createElement('bdi')
  for (const part of shownParts(text)) isolated.append(part.hidden ? hiddenCharacter(part.text) : part.text)
  into.append(isolated)
}

function hiddenCharacter(spelledOut: string): HTMLElement {
  const mark = document.createElement('span')
  mark.className = 'hidden-char'
  mark.textContent = spelledOut
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
