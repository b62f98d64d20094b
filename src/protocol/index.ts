export type {
  ApiProfile,
  ArgumentType,
  Catalog,
  CatalogDocument,
  Dialect,
  OperationSpec,
  Slot,
} from './catalog.js'
export {
  type Classification,
  OPERATION_CLASSES,
  type Operation,
  type OperationClass,
  type Recognised,
  type Resource,
  type Unclassifiable,
} from './operation.js'
export type { BodyPlan, Header, RequestBody, RequestFacts, RequestHead, Target } from './request.js'
// Also provided by this room, see the contract in each file:
//   openCatalog(document: unknown): Catalog                                   catalog-file.ts
//   parseTarget(raw: string): Target | Unclassifiable                         target.ts
//   classify(catalog, RequestFacts | raw request): Classification             classify.ts
