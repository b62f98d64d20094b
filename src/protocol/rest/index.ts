export { openRestCatalog } from './rest-catalog.js'
