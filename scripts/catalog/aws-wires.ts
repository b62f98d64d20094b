import type { AwsService } from '../../src/protocol/index.js'
import type { AwsModel } from './aws-source.js'

type Wires = Pick<AwsService, 'wires' | 'targetPrefix' | 'cborName'>

/**
 * Services that clients call in more protocols than their model says. The model's own comes first, because the names in
 * it are that one's.
 */
const SEVERAL: Readonly<Record<string, Omit<Wires, 'targetPrefix'> & { readonly targetPrefix: string }>> = {
  cloudwatch: {
    wires: ['query', 'json', 'cbor'],
    targetPrefix: 'GraniteServiceVersion20100801',
    cborName: 'GraniteServiceVersion20100801',
  },
  sqs: { wires: ['json', 'query'], targetPrefix: 'AmazonSQS' },
}

/** Every protocol in which a client may call the service, and what they call it there. */
export function wiresOf(id: string, { metadata: { protocol, targetPrefix } }: AwsModel): Wires {
  const several = SEVERAL[id]
  if (several === undefined) {
    if (protocol === 'json' && targetPrefix === undefined) throw new Error(`aws-wires: ${id} has no target`)
    return { wires: [protocol], ...(protocol === 'json' ? { targetPrefix: targetPrefix as string } : {}) }
  }
  if (several.wires[0] !== protocol || (targetPrefix ?? several.targetPrefix) !== several.targetPrefix)
    throw new Error(`aws-wires: the model of ${id} has another protocol or target`)
  return several
}

/** Throws on a table's entry that names no service. */
export function checkWires(ids: ReadonlySet<string>): void {
  for (const id of Object.keys(SEVERAL))
    if (!ids.has(id)) throw new Error(`aws-wires: there is no service ${id}`)
}
