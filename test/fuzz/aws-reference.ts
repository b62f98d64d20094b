import type { AwsService } from '../../src/protocol/index.js'
import { shippedShelf } from '../protocol/aws-fixture.js'

/** One REST operation as a naive reader of its model sees it. */
export interface Binding {
  readonly name: string
  readonly method: string
  readonly path: RegExp
  /** Names of parameters that stand in the model's own path or have to be given. */
  readonly query: readonly string[]
}

/** A service that ships. */
export interface KnownService {
  readonly service: AwsService
  readonly bindings: readonly Binding[]
}

/** Where the path tells two operations apart, parameters needn't. */
export function isNarrower(left: Binding, right: Binding): boolean {
  return left.path.source.length !== right.path.source.length
}

/** A bucket's name holds no slash, and none that an encoding hides. */
const NO_SLASH = '(?:(?!%2F)[^/])+'

export function knownService(id: string): KnownService {
  const service = JSON.parse(shippedShelf.read(id) as string) as AwsService
  const bindings = Object.entries(service.operations).flatMap(([name, { http, needs = [] }]): Binding[] => {
    const [, method, path, query = ''] = /^([A-Z]+) ([^?]*)\??(.*)$/.exec(http ?? '') ?? []
    if (method === undefined || path === undefined) return []
    const pattern = path
      .replace(/(?<=.)\/$/, '')
      .replace(/[.*$^()|\\]/g, '\\$&')
      .replace(/\{[^}]*\+\}/g, '.+')
      .replace(/\{[^}]*\}/g, id === 's3' ? NO_SLASH : '[^/]+')
    const fixed = query.split('&').map(part => part.split('=')[0] as string)
    const needed = needs.filter(need => need.startsWith('?')).map(need => need.slice(1))
    return [
      {
        name,
        method,
        path: new RegExp(`^${pattern}${id === 's3' || /.\/$/.test(path) ? '/?' : ''}$`, 's'),
        query: [...fixed, ...needed].filter(part => part !== ''),
      },
    ]
  })
  return { service, bindings }
}
