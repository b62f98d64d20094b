/*
 * Names of SQS in the query protocol, which clients before 2023 speak and the JSON model no longer has. A flattened
 * list is named by its items: `AttributeName.1=All`; a flattened map has a name for each half:
 * `Attribute.1.Name=VisibilityTimeout&Attribute.1.Value=30`.
 */

/** By member, or by operation and member where operations differ. */
export const SQS_NAMES: Readonly<Record<string, string>> = {
  AWSAccountIds: 'AWSAccountId',
  Actions: 'ActionName',
  AttributeNames: 'AttributeName',
  Attributes: 'Attribute',
  BinaryListValues: 'BinaryListValue',
  'ChangeMessageVisibilityBatch.Entries': 'ChangeMessageVisibilityBatchRequestEntry',
  'DeleteMessageBatch.Entries': 'DeleteMessageBatchRequestEntry',
  MessageAttributeNames: 'MessageAttributeName',
  MessageAttributes: 'MessageAttribute',
  MessageSystemAttributeNames: 'MessageSystemAttributeName',
  MessageSystemAttributes: 'MessageSystemAttribute',
  'SendMessageBatch.Entries': 'SendMessageBatchRequestEntry',
  StringListValues: 'StringListValue',
  TagKeys: 'TagKey',
  Tags: 'Tag',
  tags: 'Tag',
}

const NAME_VALUE = { key: 'Name', value: 'Value' }
const KEY_VALUE = { key: 'Key', value: 'Value' }

/** The halves of maps, by member. */
export const SQS_ITEMS: Readonly<Record<string, { readonly key: string; readonly value: string }>> = {
  Attributes: NAME_VALUE,
  MessageAttributes: NAME_VALUE,
  MessageSystemAttributes: NAME_VALUE,
  Tags: KEY_VALUE,
  tags: KEY_VALUE,
}
