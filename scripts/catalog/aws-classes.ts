import type { OperationClass } from '../../src/protocol/index.js'
import type { IamAction } from './aws-source.js'

export function awsClasses(
  _id: string,
  name: string,
  action: IamAction | undefined,
): readonly OperationClass[] {
  const level = action?.accessLevel ?? ''
  if (level.startsWith('Permissions')) return ['privilege']
  if (level.startsWith('Tagging')) return ['update']
  if (level === 'Read' || level === 'List' || /^(Get|List|Describe|Head|BatchGet|Search)/.test(name))
    return ['read']
  if (/^(Delete|Terminate|Purge|Destroy|BatchDelete)/.test(name)) return ['irreversible']
  if (/^(Remove|Stop|Cancel|Detach|Disassociate|Disable|Deregister|Revoke)/.test(name)) return ['destructive']
  if (/^(Create|Allocate|Put|Run|Start)/.test(name)) return ['create']
  return ['update']
}
