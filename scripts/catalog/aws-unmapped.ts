import { isNaming } from '../../src/protocol/index.js'
import type { Place } from './aws-places.js'

/** Parts of the resource that the operation names, by service. */
const OWN_PARTS: Readonly<Record<string, string>> = {
  iam: 'AccessKeyId CertificateId ClientID PolicyName PrivateKey SSHPublicKeyId ServiceName ServiceSpecificCredentialId',
  kms: 'GrantId PolicyName Name',
  lambda: 'Name PrincipalOrgID',
  rds: 'FinalDBSnapshotIdentifier',
  docdb: 'FinalDBSnapshotIdentifier',
  neptune: 'FinalDBSnapshotIdentifier',
  redshift: 'FinalClusterSnapshotIdentifier',
  elasticache: 'FinalSnapshotIdentifier',
  cloudformation: 'RetainResources LogicalResourceId UniqueId',
  route53: 'Name DNSName HealthCheckId CollectionId LocationName TrafficPolicyInstanceId HostedZoneId',
  s3: 'Id',
  sqs: 'Label',
  ecs: 'containerName runtimeId',
}

/**
 * Arguments that name something which no resource stands for, so that a rule on resources can't be got round by naming
 * it. Where nothing in a member is mapped the member itself is listed, which is shorter and errs on the safe side.
 */
export function unmappedOf(
  places: readonly Place[],
  mapped: ReadonlySet<string>,
  { service, creates }: { readonly service: string; readonly creates: boolean },
): readonly string[] {
  const parts = new Set(OWN_PARTS[service]?.split(' ') ?? [])
  const covered = new Set([...mapped].map(path => path.replace(/^([A-Za-z0-9_-]+).*$/, '$1')))
  const unmapped = new Set<string>()
  for (const place of places) {
    if (mapped.has(place.path) || !isNaming(place.name)) continue
    if (parts.has(place.name)) continue
    // What is made is called so from now on, and nothing is yet.
    if (creates && place.depth === 1 && place.lists === 0 && /^[Nn]ame$/.test(place.name)) continue
    if (place.depth === 1) unmapped.add(place.inMap ? place.top : place.path)
    else if (!covered.has(place.top)) unmapped.add(place.top)
    else if (!place.inMap) unmapped.add(place.path)
  }
  return shortest(unmapped)
}

/** A member covers what is in it. */
export function shortest(paths: Iterable<string>): readonly string[] {
  const all = new Set(paths)
  return [...all].filter(path => !isCovered(all, path)).sort()
}

function isCovered(paths: ReadonlySet<string>, path: string): boolean {
  const top = path.replace(/^([A-Za-z0-9_-]+).*$/, '$1')
  return top !== path && paths.has(top)
}
