export type {
  ArgumentPredicate,
  ArgumentRule,
} from './argument-rule.js'
export { type ArnKind, kindOfArn, kindsMeet, plainKind } from './arn-kind.js'
export { awsCatalog } from './aws/choose.js'
export {
  AWS_WIRES,
  type AwsAction,
  type AwsEndpoint,
  type AwsField,
  type AwsOperation,
  type AwsResource,
  type AwsScalar,
  type AwsService,
  type AwsShape,
  type AwsStructure,
  type AwsWire,
} from './aws/document.js'
export { isSharedHeader as isAwsSharedHeader } from './aws/headers.js'
export { isNaming } from './aws/naming.js'
export type { AwsChoice, AwsShelf } from './aws/shelf.js'
export {
  headersAsSigned,
  type RequestSignature,
  readSignature,
  withoutSignature,
} from './aws/signature.js'
export {
  type CredentialScope,
  EMPTY_PAYLOAD,
  requestSignature,
  SIGV4_ALGORITHM,
  type SignableRequest,
  scopeText,
  signedHeaderNames,
  signingKey,
  UNSIGNED_PAYLOAD,
} from './aws/sigv4.js'
export { exampleSignature } from './aws/write-request.js'
export {
  type ApiProfile,
  type ArgumentType,
  type Catalog,
  type CatalogDocument,
  type Dialect,
  type OperationSpec,
  SLOTS,
  type Slot,
} from './catalog.js'
export { openCatalog } from './catalog-file.js'
export { classify } from './classify.js'
export { type ContentType, parseContentType } from './content-type.js'
export { type ProtocolCode, protocolErrors } from './error-table.js'
export { graphqlCatalog, type OwnGraphqlApi } from './graphql/index.js'
export { anyOf, leftOpen } from './named.js'
export {
  ANYTHING,
  type Classification,
  isReading,
  OPERATION_CLASSES,
  type Operation,
  type OperationClass,
  type Permissions,
  type Recognised,
  type Resource,
  type Spelling,
  UNMAPPED,
  type Unclassifiable,
} from './operation.js'
export {
  type AnswerFlaw,
  type Ask,
  type AskContext,
  factsOf,
  flawIn,
  type ProbeAnswers,
  type ProbeRecipe,
  type ProbeSpec,
  type ProbeStep,
  readAnswer,
  type Subject,
  subjectOf,
  valuesAtPath,
  writeAsk,
} from './probe/index.js'
export type {
  BodyPlan,
  Header,
  RawRequest,
  RequestBody,
  RequestFacts,
  RequestHead,
  StreamCheck,
  Target,
} from './request.js'
export { refuseHeaders } from './request-headers.js'
export {
  type BodyKind,
  type OwnApi,
  type OwnRoute,
  openapiCatalog,
  type RestDocument,
  type RestRoute,
  routesCatalog,
  singularOf,
} from './rest/index.js'
export { MAX_TARGET_BYTES, parseTarget } from './target.js'
export { isUnclassifiable } from './unclassifiable.js'
