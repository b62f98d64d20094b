import { createHash } from 'node:crypto'
import { Recent } from './recent.js'

/** `POST /apis/authentication.k8s.io/v1/tokenreviews`, with the pod's own credential; the answer's JSON. Throws. */
export type AskTokenReview = (review: object) => Promise<unknown>

const REMEMBERED_MS = 60_000
const MAX_REMEMBERED = 1_024

interface ReviewStatus {
  readonly authenticated?: unknown
  readonly audiences?: unknown
  readonly user?: { readonly username?: unknown } | null
}

/**
 * Asks the API server whether a token still holds, and is its subject's: it doesn't when its pod is gone, which a signature can't say. A yes
 * is remembered for a minute, a no isn't. Throws what the question throws.
 */
export function tokenReviewer(
  ask: AskTokenReview,
  audience: string,
): (token: string, subject: string, nowMs: number) => Promise<boolean> {
  const remembered = new Recent<string, number>(MAX_REMEMBERED)
  return async (token, subject, nowMs) => {
    const digest = createHash('sha256').update(token).digest('base64url')
    const untilMs = remembered.get(digest)
    if (untilMs !== undefined && nowMs < untilMs) return true
    const { status } = ((await ask({
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token, audiences: [audience] },
    })) ?? {}) as { status?: ReviewStatus }
    if (status === undefined) throw new Error('no TokenReview')
    const { authenticated, audiences, user } = status
    const holds =
      authenticated === true &&
      // An API server that knows no audiences would say yes to any token of its own.
      Array.isArray(audiences) &&
      audiences.includes(audience) &&
      // One whose authenticators give users other names than the token speaks of somebody else.
      user?.username === subject
    if (holds) remembered.set(digest, nowMs + REMEMBERED_MS)
    return holds
  }
}
