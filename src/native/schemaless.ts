/**
 * Fastify's `schemaController` for servers whose routes have no schemas, which is all of ours: requests are read by our
 * own parsers. ajv and what writes serializers, a hundred files and a generator of code, aren't loaded then; a route
 * that has a schema after all fails when its server starts.
 */
export const SCHEMALESS = { compilersFactory: { buildValidator: refuse, buildSerializer: refuse } }

function refuse(): never {
  throw new Error('a route has a schema, and this server compiles none')
}
