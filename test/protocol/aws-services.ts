import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { AwsOperation, AwsService } from '../../src/protocol/index.js'

export const AWS_FOLDER = fileURLToPath(new URL('../../../config/catalogs/aws/', import.meta.url))

let shipped: ReadonlyMap<string, AwsService> | null = null

/** The shipped AWS services by id. */
export function shippedServices(): ReadonlyMap<string, AwsService> {
  shipped ??= new Map(
    readdirSync(AWS_FOLDER)
      .filter(name => name !== 'index.json')
      .map(name => {
        const service = JSON.parse(readFileSync(`${AWS_FOLDER}${name}`, 'utf8')) as AwsService
        return [service.id, service] as const
      }),
  )
  return shipped
}

/** `ec2:TerminateInstances`; throws where the catalog hasn't got it. */
export function shippedOperation(name: string): AwsOperation {
  const [service = '', operation = ''] = name.split(':')
  const found = shippedServices().get(service)?.operations[operation]
  if (found === undefined) throw new Error(`the catalog has no ${name}`)
  return found
}
