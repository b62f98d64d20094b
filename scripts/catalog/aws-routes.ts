import type { AwsModel, ModelOperation, ModelShape } from './aws-source.js'

/** Operations of the models that can't be reached as the catalog's own, or are another one under an older name. */
const LEFT_OUT: Readonly<Record<string, readonly string[]>> = {
  s3: [
    // The same requests as the operations named …Configuration, which clients have used since 2015.
    'GetBucketLifecycle',
    'GetBucketNotification',
    'PutBucketLifecycle',
    'PutBucketNotification',
    // `GET /` of another host (s3express-control), which is ListBuckets here.
    'ListDirectoryBuckets',
    // Called by a Lambda function at a host that its own event names.
    'WriteGetObjectResponse',
  ],
}

/** Where an operation of a REST service is called. */
export interface Route {
  /** `POST /{Bucket}?delete` */
  readonly http: string
  /** `?uploadId`, `!x-amz-copy-source` */
  readonly needs: readonly string[]
}

/** Operations of a service that the catalog has, sorted. */
export function operationsOf(id: string, model: AwsModel): readonly string[] {
  const left = LEFT_OUT[id] ?? []
  for (const name of left)
    if (model.operations[name] === undefined) throw new Error(`aws-routes: ${id} has no ${name}`)
  return Object.keys(model.operations)
    .filter(name => !left.includes(name))
    .sort()
}

/**
 * Method, path and what separates each operation of a REST service from its neighbours. Throws where two operations
 * can't be told apart.
 */
export function routesOf(
  id: string,
  model: AwsModel,
  operations: readonly string[],
): ReadonlyMap<string, Route> {
  const routes = new Map<string, Route>()
  if (!model.metadata.protocol.startsWith('rest-')) return routes
  const alike = new Map<string, string[]>()
  for (const name of operations) {
    const http = httpOf(model.operations[name] as ModelOperation)
    const place = http.replace(/\{[^}]*\}/g, hole => (hole.endsWith('+}') ? '{+}' : '{}'))
    alike.set(place, [...(alike.get(place) ?? []), name])
  }
  for (const group of alike.values()) {
    const seen = new Set<string>()
    for (const name of group) {
      const operation = model.operations[name] as ModelOperation
      const needs = group.length === 1 ? [] : needsOf(operation.input, model)
      if (seen.has(needs.join()))
        throw new Error(`aws-routes: nothing tells ${id}:${name} from ${group.join()}`)
      seen.add(needs.join())
      routes.set(name, { http: httpOf(operation), needs })
    }
  }
  return routes
}

function httpOf({ http }: ModelOperation): string {
  return `${http?.method ?? 'POST'} ${http?.requestUri ?? '/'}`
}

/** What the model requires in query and headers. */
function needsOf(input: ModelShape | undefined, model: AwsModel): readonly string[] {
  const shape = input?.shape === undefined ? input : model.shapes[input.shape]
  return (shape?.required ?? [])
    .flatMap(name => {
      const member = shape?.members?.[name]
      if (member?.location === 'querystring') return [`?${member.locationName ?? name}`]
      return member?.location === 'header' ? [`!${(member.locationName ?? name).toLowerCase()}`] : []
    })
    .sort()
}
