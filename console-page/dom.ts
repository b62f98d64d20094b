import { element, showText } from '../verifier/text.js'

export const byId = <T extends HTMLElement = HTMLElement>(id: string) => document.getElementById(id) as T

/** Replaces what an element says, where it says something else. Untouched text keeps a reader's place. */
export function say(into: HTMLElement, text: string, className = into.className): void {
  if (into.dataset.said === text && into.className === className) return
  into.dataset.said = text
  into.className = className
  into.replaceChildren()
  if (text !== '') showText(into, text)
}

export type Fact = readonly [label: string, value: string | Node, className?: string]

/** Rows of a description list. ATTACK: values are an agent's words; a label is never in the same cell. */
export function facts(rows: readonly Fact[]): readonly HTMLElement[] {
  return rows.flatMap(([label, value, className = '']) => {
    const cell = element('dd', className)
    if (typeof value === 'string') showText(cell, value)
    else cell.append(value)
    return [element('dt', '', label), cell]
  })
}

export function button(text: string, className: string, act: () => void): HTMLButtonElement {
  const made = element('button', className, text)
  made.type = 'button'
  made.addEventListener('click', act)
  return made
}

/** A thing of a list that stays in the page while it is there, so that whoever is in it is not thrown out. */
export interface Kept<T> {
  readonly root: HTMLElement
  update(value: T): void
}

/** Keeps one element for each value, in their order. `left` is called where the keyboard's place goes with one. */
export function keptList<T>(
  container: HTMLElement,
  keyOf: (value: T) => string,
  make: (value: T) => Kept<T>,
  left: () => void = () => undefined,
): (values: readonly T[]) => void {
  const kept = new Map<string, Kept<T>>()
  return values => {
    const keys = new Set(values.map(keyOf))
    for (const [key, { root }] of kept) {
      if (keys.has(key)) continue
      const hadFocus = root.contains(document.activeElement)
      root.remove()
      kept.delete(key)
      if (hadFocus) left()
    }
    for (const [index, value] of values.entries()) {
      const key = keyOf(value)
      const known = kept.get(key) ?? make(value)
      kept.set(key, known)
      known.update(value)
      // Moving an element takes the focus out of it.
      if (container.children[index] !== known.root)
        container.insertBefore(known.root, container.children[index] ?? null)
    }
  }
}

export function timeText(ms: number): string {
  return new Date(ms)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z')
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
