export type { AwsStandIn } from './aws.js'
export type { Executed } from './aws-call.js'
export type { AwsSession, AwsUser } from './aws-identity.js'
export { AWS_IDS, type AwsAccess } from './aws-seed.js'
export type { AwsWorld } from './aws-world.js'
export type { BillingStandIn } from './billing.js'
export { RAILWAY_IDS, type RailwayWorld } from './railway-world.js'
export {
  type AwsOptions,
  type RunningAws,
  type Sandbox,
  type SandboxOptions,
  startAwsSandbox,
  startSandbox,
} from './sandbox.js'
export type { RestrictedKey } from './stripe.js'
export { STRIPE_IDS, type StripeWorld } from './stripe-world.js'
