import { readFileSync } from 'node:fs'

/** The kubelet replaces the file long before what is in it ends. */
const READ_EVERY_MS = 5_000
const MAX_CHARACTERS = 2_048

/**
 * The identity of the pod, from the file that the kubelet renews; null where there is none that could be one. It is
 * the gate's to present and nobody's to keep: it is read again every few seconds, and never logged.
 */
export function podToken(file: string, nowMs: () => number = Date.now): () => string | null {
  let readMs = Number.NEGATIVE_INFINITY
  let token: string | null = null
  return () => {
    const now = nowMs()
    if (token !== null && now - readMs < READ_EVERY_MS) return token
    readMs = now
    token = readToken(file)
    return token
  }
}

function readToken(file: string): string | null {
  try {
    const text = readFileSync(file, 'latin1').trim()
    return text.length <= MAX_CHARACTERS && /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(text)
      ? text
      : null
  } catch {
    return null
  }
}
