export { openGraphqlCatalog } from './catalog.js'
export { graphqlCatalog, type OwnGraphqlApi } from './own-schema.js'
