import type { AwsAnswer, AwsDialect } from './aws-dialect.js'
import { arnOfCaller, type Caller } from './aws-identity.js'
import { AwsRefusal } from './aws-refusal.js'
import type { AwsRequest } from './aws-request.js'
import { evaluate, type PolicyDocument, type Verdict } from './aws-session-policy.js'
import type { AwsWorld } from './aws-world.js'

/** One service of the stand-in. */
export interface AwsService {
  /** Regional services take requests of the world's own region only. */
  readonly regional: boolean
  /** In which form this request is to be answered. */
  dialect(request: AwsRequest): AwsDialect
  /** Throws `AwsRefusal`. */
  handle(call: AwsCall): AwsAnswer
}

/** A request whose signature was verified. */
export interface AwsCall {
  readonly world: AwsWorld
  readonly request: AwsRequest
  readonly caller: Caller
  readonly region: string
  readonly dialect: AwsDialect
  readonly now: () => Date
}

/** An IAM action and everything that it has to be allowed on. */
export interface Need {
  /** `ec2:TerminateInstances` */
  readonly action: string
  /** ARNs, or `*` where the action knows no resource. */
  readonly resources: readonly string[]
  /** Condition keys of the request, in lower case. */
  readonly context?: Readonly<Record<string, string>>
}

/** Something that was done, in the order in which it was done. */
export interface Executed {
  /** Signing name: `ec2`, `monitoring`. */
  readonly service: string
  /** `TerminateInstances` */
  readonly operation: string
  readonly resources: readonly string[]
  /** ARN of the session or user that did it. */
  readonly caller: string
  readonly at: string
}

/** What the caller may do is what its role allows and, where the session has a policy, that policy allows too. */
export function permitted(
  call: AwsCall,
  need: Need,
): { verdict: Verdict; because: string; resource: string } {
  const context = { 'aws:requestedregion': call.region, ...need.context }
  for (const resource of need.resources) {
    for (const { policy, kind } of policiesOf(call.caller)) {
      const verdict =
        policy === null ? 'implicit' : evaluate(policy, { action: need.action, resource, context })
      if (verdict === 'explicit')
        return { verdict, resource, because: `with an explicit deny in ${article(kind)} ${kind} policy` }
      if (verdict === 'implicit')
        return { verdict, resource, because: `because no ${kind} policy allows the ${need.action} action` }
    }
  }
  return { verdict: 'allowed', because: '', resource: '' }
}

/** Throws `AwsRefusal` in IAM's words unless every need is met. */
export function authorize(call: AwsCall, needs: readonly Need[]): void {
  for (const need of needs) {
    const { verdict, because, resource } = permitted(call, need)
    if (verdict !== 'allowed') throw accessDenied(call, need.action, resource, because)
  }
}

export function record(call: AwsCall, service: string, operation: string, needs: readonly Need[]): void {
  call.world.executed.push({
    service,
    operation,
    resources: [...new Set(needs.flatMap(need => need.resources))],
    caller: arnOfCaller(call.caller),
    at: call.now().toISOString(),
  })
}

export function accessDenied(call: AwsCall, action: string, resource: string, because: string): AwsRefusal {
  const message = `User: ${arnOfCaller(call.caller)} is not authorized to perform: ${action} on resource: ${resource} ${because}`
  switch (call.dialect) {
    case 'ec2':
      return new AwsRefusal(
        'UnauthorizedOperation',
        `You are not authorized to perform this operation. ${message}`,
        403,
      )
    case 'query':
    case 's3':
      return new AwsRefusal('AccessDenied', message, 403)
    case 'rest-json':
      return new AwsRefusal('AccessDeniedException', message, 403)
    case 'json':
    case 'cbor':
      return new AwsRefusal('AccessDeniedException', message, 400)
  }
}

function policiesOf(caller: Caller): { policy: PolicyDocument | null; kind: 'identity-based' | 'session' }[] {
  if (caller.kind === 'user') return [{ policy: caller.user.permissions, kind: 'identity-based' }]
  const { role, policy } = caller.session
  const own = { policy: role.permissions, kind: 'identity-based' as const }
  return policy === null ? [own] : [own, { policy, kind: 'session' }]
}

function article(kind: 'identity-based' | 'session'): string {
  return kind === 'session' ? 'a' : 'an'
}
