/** Names of members that are, or hold, the name of something outside the request. */
const NAMES =
  /(?:Arns?|ARNs?|Ids?|IDs?|Identifiers?|Names?|Urls?|URLs?|Uris?|URIs?|Buckets?|Roles?|Clusters?|Queues?|Topics?|Streams?|Tables?|Vaults?|Repositor(?:y|ies)|Accounts?|Principals?|Owner|Sources?|Destinations?|Targets?|Resources?|Groups?|Users?|Functions?|Instances?|Hosts?|Domains?|Endpoints?|Keys?|Volumes?|Snapshots?|Images?|Certificates?)$|^(?:arns?|ids?|names?|urls?|uris?|identifiers?|buckets?|roles?|clusters?|queues?|topics?|streams?|tables?|accounts?|principals?|owner|sources?|destinations?|targets?|resources?|groups?|users?|functions?|instances?|hosts?|domains?|endpoints?|keys?|volumes?|images?|service|taskDefinition|jobDefinition|capacityProviders?)$/

/** Names of parts, of what is written, or of nothing at all. */
const PARTS =
  /(?:Attribute|Column|Parameter|Variable|Header|Field|Metric|Event|Display|Friendly|First|Last|Given|Family|Nick|File|Device|Tag|Dimension|Class|Type|Engine|Product|Time[Zz]one|Zone|Region|Country|State|City|Language|Locale|Contact|Company|Person|Algorithm|Format|Plan)(?:Names?|Keys?|Ids?)$|^(?:TagKeys?|tagKeys?|Key|key|AvailabilityZones?|AvailabilityZoneIds?|ExpectedBucketOwner|ExpectedSourceBucketOwner|ContentMD5|VersionIds?|versionIds?|RevisionId|revisionId|PartitionKey|PrimaryKey|ReceiptHandle|Id|ClientRequestToken|ClientToken|SSECustomerKey|CopySourceSSECustomerKey|RequestPayer|UploadId|CreatorRequestId|MessageDeduplicationId|MessageGroupId|ReceiveRequestAttemptId|filterName|taskName|VersionName|ActionNames?|AssociationName|workerName|StatementId|FeatureName|(?:Nchar)?CharacterSetName|D(?:B|ata[Bb]ase)Name|BackupName|LogName|ExpectedRevisionId|LocalZoneGroup|HttpEndpoint|NetworkBorderGroup|SpreadDomain|ExclusiveStartKey|ExplicitHashKey|IndexName)$/

/** Whether a member of this name is, or holds, the name of something outside the request. */
export function isNaming(member: string): boolean {
  return NAMES.test(member) && !PARTS.test(member)
}
