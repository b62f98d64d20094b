/** An IAM role: partition, account, then path and name. The partitions are those whose STS endpoints `stsEndpoint` knows. */
export const ROLE_ARN = '^arn:aws(-cn|-us-gov)?:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]{1,576}$'
/** `eu-west-1`, `us-gov-east-1`: a label of a host name and nothing more. */
export const AWS_REGION = '^[a-z]{2}(-[a-z]{2,16}){1,2}-[0-9]{1,2}$'

/**
 * Origin of the Security Token Service in a region, in the partition of the role. The global endpoint is not used: its
 * tokens don't work in every region. https://docs.aws.amazon.com/general/latest/gr/sts.html
 */
export function stsEndpoint(role: string, region: string): string {
  const suffix = role.startsWith('arn:aws-cn:') ? 'amazonaws.com.cn' : 'amazonaws.com'
  return `https://sts.${region}.${suffix}`
}
