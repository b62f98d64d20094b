import type { AwsEndpoint } from '../../src/protocol/index.js'
import type { EndpointRule, EndpointRules } from './aws-source.js'

const PARTITIONS = ['aws', 'aws-cn', 'aws-us-gov'] as const
type Partition = (typeof PARTITIONS)[number]

const REGION_PATTERNS: Readonly<Record<Partition, string>> = {
  aws: '*',
  'aws-cn': 'cn-*',
  'aws-us-gov': 'us-gov-*',
}

/**
 * Services with one endpoint for all regions, which signs for its own: host, region. A partition that isn't named
 * doesn't have the service. From the partitions' endpoint lists that AWS publishes for its SDKs.
 */
const GLOBAL: Readonly<Record<string, Readonly<Partial<Record<Partition, readonly [string, string]>>>>> = {
  account: {
    aws: ['account.us-east-1.amazonaws.com', 'us-east-1'],
    'aws-cn': ['account.cn-northwest-1.amazonaws.com.cn', 'cn-northwest-1'],
  },
  artifact: { aws: ['artifact.us-east-1.amazonaws.com', 'us-east-1'] },
  'bcm-data-exports': { aws: ['bcm-data-exports.us-east-1.amazonaws.com', 'us-east-1'] },
  billingconductor: { aws: ['billingconductor.us-east-1.amazonaws.com', 'us-east-1'] },
  budgets: {
    aws: ['budgets.amazonaws.com', 'us-east-1'],
    'aws-cn': ['budgets.amazonaws.com.cn', 'cn-northwest-1'],
  },
  ce: {
    aws: ['ce.us-east-1.amazonaws.com', 'us-east-1'],
    'aws-cn': ['ce.cn-northwest-1.amazonaws.com.cn', 'cn-northwest-1'],
  },
  chime: { aws: ['chime.us-east-1.amazonaws.com', 'us-east-1'] },
  cloudfront: {
    aws: ['cloudfront.amazonaws.com', 'us-east-1'],
    'aws-cn': ['cloudfront.cn-northwest-1.amazonaws.com.cn', 'cn-northwest-1'],
  },
  codecatalyst: { aws: ['codecatalyst.global.api.aws', 'us-east-1'] },
  'cost-optimization-hub': { aws: ['cost-optimization-hub.us-east-1.amazonaws.com', 'us-east-1'] },
  freetier: { aws: ['freetier.us-east-1.api.aws', 'us-east-1'] },
  globalaccelerator: { aws: ['globalaccelerator.us-west-2.amazonaws.com', 'us-west-2'] },
  health: {
    aws: ['global.health.amazonaws.com', 'us-east-1'],
    'aws-cn': ['global.health.amazonaws.com.cn', 'cn-northwest-1'],
    'aws-us-gov': ['health.us-gov-west-1.amazonaws.com', 'us-gov-west-1'],
  },
  iam: {
    aws: ['iam.amazonaws.com', 'us-east-1'],
    'aws-cn': ['iam.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
    'aws-us-gov': ['iam.us-gov.amazonaws.com', 'us-gov-west-1'],
  },
  importexport: { aws: ['importexport.amazonaws.com', 'us-east-1'] },
  networkmanager: {
    aws: ['networkmanager.us-west-2.amazonaws.com', 'us-west-2'],
    'aws-us-gov': ['networkmanager.us-gov-west-1.amazonaws.com', 'us-gov-west-1'],
  },
  organizations: {
    aws: ['organizations.us-east-1.amazonaws.com', 'us-east-1'],
    'aws-cn': ['organizations.cn-northwest-1.amazonaws.com.cn', 'cn-northwest-1'],
    'aws-us-gov': ['organizations.us-gov-west-1.amazonaws.com', 'us-gov-west-1'],
  },
  route53: {
    aws: ['route53.amazonaws.com', 'us-east-1'],
    'aws-cn': ['route53.amazonaws.com.cn', 'cn-northwest-1'],
    'aws-us-gov': ['route53.us-gov.amazonaws.com', 'us-gov-west-1'],
  },
  'route53-recovery-control-config': {
    aws: ['route53-recovery-control-config.us-west-2.amazonaws.com', 'us-west-2'],
  },
  'route53-recovery-readiness': {
    aws: ['route53-recovery-readiness.us-west-2.amazonaws.com', 'us-west-2'],
  },
  route53domains: { aws: ['route53domains.us-east-1.amazonaws.com', 'us-east-1'] },
  savingsplans: { aws: ['savingsplans.amazonaws.com', 'us-east-1'] },
  shield: { aws: ['shield.us-east-1.amazonaws.com', 'us-east-1'] },
  support: {
    aws: ['support.us-east-1.amazonaws.com', 'us-east-1'],
    'aws-cn': ['support.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
    'aws-us-gov': ['support.us-gov-west-1.amazonaws.com', 'us-gov-west-1'],
  },
  taxsettings: { aws: ['tax.us-east-1.amazonaws.com', 'us-east-1'] },
  waf: { aws: ['waf.amazonaws.com', 'us-east-1'] },
}

/** Rules of the package that stand for a service's old global endpoint, where a regional one is the better. */
const REGIONAL: ReadonlySet<string> = new Set(['s3', 'sts', 'sdb'])

/** Where a service is called, by partition. */
export function endpointsOf(
  id: string,
  prefix: string,
  source: EndpointRules,
): Readonly<Record<string, AwsEndpoint>> {
  const global = GLOBAL[id]
  const endpoints: Record<string, AwsEndpoint> = {}
  for (const partition of PARTITIONS) {
    const fixed = global?.[partition]
    if (fixed !== undefined) endpoints[partition] = { host: fixed[0], region: fixed[1] }
    else if (global === undefined)
      endpoints[partition] = regional(prefix, REGION_PATTERNS[partition], source, REGIONAL.has(id))
  }
  return endpoints
}

function regional(prefix: string, regions: string, source: EndpointRules, plain: boolean): AwsEndpoint {
  const service = plain ? '*' : prefix
  const keys = [`${regions}/${service}`, `${regions}/*`, `*/${service}`, '*/*']
  const rule = keys.map(key => ruleAt(key, source)).find(found => found !== undefined)
  if (rule === undefined) throw new Error(`aws-endpoints: no rule for ${prefix}`)
  const host = rule.endpoint.replace('https://', '').replace('{service}', prefix)
  if (!host.includes('{region}') && rule.signingRegion === undefined)
    throw new Error(`aws-endpoints: ${prefix} has one endpoint for all regions and is in no table`)
  return rule.signingRegion === undefined ? { host } : { host, region: rule.signingRegion }
}

function ruleAt(key: string, source: EndpointRules): EndpointRule | undefined {
  const rule = source.rules[key]
  return typeof rule === 'string' ? source.patterns[rule] : rule
}

/** Throws on a table's entry that names no service. */
export function checkEndpoints(ids: ReadonlySet<string>): void {
  for (const id of [...Object.keys(GLOBAL), ...REGIONAL])
    if (!ids.has(id)) throw new Error(`aws-endpoints: there is no service ${id}`)
}
