import type { Catalog, CatalogDocument } from '../catalog.js'
import type { Classification } from '../operation.js'
import { readProbes } from '../probe/spec.js'
import type { RequestFacts } from '../request.js'
import { parseTarget } from '../target.js'
import { asUnclassifiable } from '../unclassifiable.js'
import { readGraphqlBody } from './body.js'
import { describeCatalog, describeOperation } from './describe.js'
import { planEnvelope, readEnvelope } from './envelope.js'
import { Planner, recogniseSites } from './plan.js'
import { indexSchema } from './schema.js'
import { writeQuery } from './write-query.js'

/**
 * Opens a GraphQL catalog: one endpoint, whose requests are typed field by field against the catalog's schema.
 * Throws `catalog_malformed`.
 */
export function openGraphqlCatalog(document: CatalogDocument): Catalog {
  const body = readGraphqlBody(document.body)
  const schema = indexSchema(body)
  const planner = new Planner(schema)
  const descriptions = describeCatalog(body)
  const specs = [...descriptions.values()].map(description => description.spec)
  return {
    name: document.name,
    classifier: 'graphql/1',
    profile: document.profile,
    parseTarget,
    planBody: head => planEnvelope(head, body.path),
    recognise: facts => recognise(planner, facts),
    describe: (api, recognised) => describeOperation(descriptions, api, recognised),
    lastingArgs: ({ name, args }) => descriptions.get(name)?.lasting(args) ?? args,
    originOf: () => 'default',
    addedHeaders: () => [],
    operations: () => specs,
    write: (recognised, query) => writeQuery(body, schema, recognised, query),
    probes: readProbes(document.probes),
    argumentRules: name => descriptions.get(name)?.rules ?? [],
  }
}

function recognise(planner: Planner, facts: RequestFacts): Classification {
  try {
    const envelope = readEnvelope(facts)
    const plan = planner.plan(envelope.query, envelope.operationName)
    return { kind: 'operations', operations: recogniseSites(plan, envelope.variables) }
  } catch (error) {
    return asUnclassifiable(error)
  }
}
