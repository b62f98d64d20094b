import { HELD_ANNOTATION } from './annotations.js'
import { injectorFault } from './error-table.js'
import { type InjectorParts, judge, podOf } from './judge.js'
import { RESERVED_NAME } from './names.js'
import { patchOf } from './patch.js'
import { type Container, containersOf, type Pod } from './pod.js'
import { type Refusal, Refusals, refusalSentence } from './refusal.js'
import { isSame } from './same.js'

/**
 * What the API server asks, and what it is answered (admission.k8s.io/v1):
 *
 *     {"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"…","operation":"CREATE","object":{…}}}
 *     {"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"…","allowed":true,"patchType":"JSONPatch","patch":"W10="}}
 */
export interface ReviewAnswer {
  readonly apiVersion: 'admission.k8s.io/v1'
  readonly kind: 'AdmissionReview'
  readonly response: {
    readonly uid: string
    readonly allowed: boolean
    readonly patchType?: 'JSONPatch'
    /** Base64 of the JSON. */
    readonly patch?: string
    readonly status?: {
      readonly code: number
      readonly reason: 'Forbidden'
      readonly message: string
      readonly details: { readonly causes: readonly { readonly reason: string; readonly field: string }[] }
    }
  }
}

interface ReviewRequest {
  readonly uid: string
  readonly operation: string
  readonly subResource?: string | null
  readonly namespace?: string | null
  readonly resource?: { readonly resource?: string; readonly group?: string }
  readonly object?: unknown
  readonly oldObject?: unknown
}

/** `inject` may change the pod; `validate` comes behind everybody who might, and lets pass what needs no change. */
export type ReviewKind = 'inject' | 'validate'

/** Answers one review. Pure. Throws `review_malformed` for what isn't one, so that the API server refuses by itself. */
export function answerReview(review: unknown, kind: ReviewKind, parts: InjectorParts): ReviewAnswer {
  const request = requestOf(review)
  switch (request.operation) {
    case 'CREATE':
      return isPod(request) ? created(request, kind, parts) : allowed(request)
    case 'UPDATE':
      return refusedOr(request, changesOf(request))
    case 'CONNECT':
      return refusedOr(request, [{ code: 'pod_entered', at: request.subResource ?? '' }])
    case 'DELETE':
      return allowed(request)
    default:
      throw injectorFault('review_malformed', 'operation')
  }
}

/** The pod itself, and not a binding or an eviction of one. */
function isPod({ subResource }: ReviewRequest): boolean {
  return subResource === undefined || subResource === null || subResource === ''
}

function created(request: ReviewRequest, kind: ReviewKind, parts: InjectorParts): ReviewAnswer {
  // A pod has a namespace; one that isn't told is none that a profile is for.
  const judgement = judge(request.object, request.namespace ?? '', parts)
  if (judgement.kind === 'refused') return refusedOr(request, judgement.refusals)
  const patch = patchOf(request.object as Pod, judgement.pod)
  if (patch.length === 0) return allowed(request)
  if (kind === 'validate') return refusedOr(request, [{ code: 'not_injected', at: 'spec' }])
  return answer({
    uid: request.uid,
    allowed: true,
    patchType: 'JSONPatch',
    patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
  })
}

/** What must stay as it was admitted. Of everything else the API server itself lets nothing change that would matter. */
function changesOf({ object, oldObject, subResource }: ReviewRequest): readonly Refusal[] {
  const refusals = new Refusals()
  // What their shape doesn't know was admitted, or is refused where it is.
  const [after, before] = [object, oldObject].map(pod => podOf(pod, new Refusals()))
  if (after == null || before == null) throw injectorFault('review_malformed', 'object')
  if (!isSame(after.spec.ephemeralContainers, before.spec.ephemeralContainers))
    refusals.add('ephemeral_container', 'spec.ephemeralContainers')
  if (subResource === 'status') return refusals.list()
  const known = new Map(
    containersOf(before.spec).map(({ container, at }) => [placeOf(container, at), container]),
  )
  for (const { container, at } of containersOf(after.spec)) {
    const was = known.get(placeOf(container, at))
    known.delete(placeOf(container, at))
    if (was?.image !== container.image) refusals.add('pod_changed', `${at}.image`)
    else if (RESERVED_NAME.test(container.name ?? '') && !isSame(was, container))
      refusals.add('pod_changed', at)
  }
  if (known.size > 0) refusals.add('pod_changed', 'spec.containers')
  const keys = new Set([before, after].flatMap(({ metadata }) => Object.keys(metadata?.annotations ?? {})))
  for (const key of keys)
    if (
      HELD_ANNOTATION.test(key) &&
      before.metadata?.annotations?.[key] !== after.metadata?.annotations?.[key]
    )
      refusals.add('pod_changed', `metadata.annotations[${key}]`)
  return refusals.list()
}

function placeOf({ name }: Container, at: string): string {
  return `${at.replace(/\[.*/, '')}/${name}`
}

/** Nobody reads more, and the API server takes no answer without end. */
const MAX_SHOWN = 64

function refusedOr(request: ReviewRequest, refusals: readonly Refusal[]): ReviewAnswer {
  if (refusals.length === 0) return allowed(request)
  const shown = refusals.slice(0, MAX_SHOWN)
  const further = refusals.length > shown.length ? ` | and ${refusals.length - shown.length} more` : ''
  return answer({
    uid: request.uid,
    allowed: false,
    status: {
      code: 403,
      reason: 'Forbidden',
      message: `${refusalSentence(shown)}${further}`,
      details: { causes: shown.map(({ code, at }) => ({ reason: code, field: at })) },
    },
  })
}

function allowed({ uid }: ReviewRequest): ReviewAnswer {
  return answer({ uid, allowed: true })
}

function answer(response: ReviewAnswer['response']): ReviewAnswer {
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response }
}

function requestOf(review: unknown): ReviewRequest {
  const { apiVersion, kind, request } = (review ?? {}) as Readonly<Record<string, unknown>>
  if (apiVersion !== 'admission.k8s.io/v1' || kind !== 'AdmissionReview')
    throw injectorFault('review_malformed', 'apiVersion or kind')
  const asked = (request ?? {}) as Partial<ReviewRequest>
  if (typeof asked.uid !== 'string' || asked.uid === '') throw injectorFault('review_malformed', 'uid')
  if (asked.resource?.resource !== 'pods' || (asked.resource.group ?? '') !== '')
    throw injectorFault('review_malformed', 'resource')
  return asked as ReviewRequest
}
