import type { Place } from './aws-places.js'

/** Names of members that are, or hold, the name of something outside the request. */
const NAMES =
  /(?:Arns?|ARNs?|Ids?|IDs?|Identifiers?|Names?|Urls?|URLs?|Uris?|URIs?|Buckets?|Roles?|Clusters?|Queues?|Topics?|Streams?|Tables?|Vaults?|Repositor(?:y|ies)|Accounts?|Principals?|Owner|Sources?|Destinations?|Targets?|Resources?|Groups?|Users?|Functions?|Instances?|Hosts?|Domains?|Endpoints?|Keys?|Volumes?|Snapshots?|Images?|Certificates?)$|^(?:arns?|ids?|names?|urls?|uris?|identifiers?|buckets?|roles?|clusters?|queues?|topics?|streams?|tables?|accounts?|principals?|owner|sources?|destinations?|targets?|resources?|groups?|users?|functions?|instances?|hosts?|domains?|endpoints?|keys?|volumes?|images?|service)$/

/** Names of parts, of what is written, or of nothing at all. */
const PARTS =
  /(?:Attribute|Column|Parameter|Variable|Header|Field|Metric|Event|Display|Friendly|First|Last|Given|Family|Nick|File|Device|Tag|Dimension|Class|Type|Engine|Product|Time[Zz]one|Zone|Region|Country|State|City|Language|Locale|Contact|Company|Person|Algorithm|Format|Plan)(?:Names?|Keys?|Ids?)$|^(?:TagKeys?|tagKeys?|Key|key|AvailabilityZones?|AvailabilityZoneIds?|ExpectedBucketOwner|ExpectedSourceBucketOwner|ContentMD5|VersionIds?|versionIds?|RevisionId|revisionId|PartitionKey|PrimaryKey|ReceiptHandle|Id|ClientRequestToken|ClientToken|SSECustomerKey|CopySourceSSECustomerKey|RequestPayer|UploadId|CreatorRequestId|MessageDeduplicationId|MessageGroupId|ReceiveRequestAttemptId|filterName|taskName|VersionName|ActionNames?|AssociationName|workerName|StatementId|FeatureName|(?:Nchar)?CharacterSetName|D(?:B|ata[Bb]ase)Name|BackupName|LogName|ExpectedRevisionId|LocalZoneGroup|HttpEndpoint|NetworkBorderGroup|SpreadDomain|ExclusiveStartKey|ExplicitHashKey|IndexName)$/

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
    if (mapped.has(place.path) || !NAMES.test(place.name) || PARTS.test(place.name)) continue
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
