import type { Dialect } from '../../protocol/index.js'
import type { DialectForm } from './answer.js'
import { awsForm } from './aws.js'
import { githubForm } from './github.js'
import { graphqlForm } from './graphql.js'
import { kubernetesForm } from './kubernetes.js'
import { restForm } from './rest.js'
import { stripeForm } from './stripe.js'

export type { DialectAnswer } from './answer.js'

/** One form per dialect. */
export const DIALECT_FORMS: Readonly<Record<Dialect, DialectForm>> = {
  graphql: graphqlForm,
  stripe: stripeForm,
  github: githubForm,
  kubernetes: kubernetesForm,
  rest: restForm,
  aws: awsForm,
}
