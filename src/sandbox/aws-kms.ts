import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { canonicalize } from '../canon/index.js'
import type { AwsCall, Need } from './aws-call.js'
import type { AwsInput } from './aws-input.js'
import { AwsRefusal } from './aws-refusal.js'
import { type RpcOperation, rpcService } from './aws-rpc.js'
import { type AwsWorld, arnOf, type KmsKey } from './aws-world.js'

const MAX_PLAINTEXT_BYTES = 4096
const NONCE_BYTES = 12
const TAG_BYTES = 16

const operations: Readonly<Record<string, RpcOperation>> = {
  ListKeys: {
    needs: () => [{ action: 'kms:ListKeys', resources: ['*'] }],
    run: (_input, { world }) => ({
      Keys: [...world.keys.values()].map(key => ({ KeyId: key.id, KeyArn: keyArn(world, key.id) })),
      Truncated: false,
    }),
  },
  DescribeKey: {
    needs: onKey('kms:DescribeKey'),
    run: (input, { world }) => {
      const key = keyOf(world, input.required('KeyId'))
      return {
        KeyMetadata: {
          KeyId: key.id,
          Arn: keyArn(world, key.id),
          Description: key.description,
          Enabled: key.deletionAt === null,
          KeyState: key.deletionAt === null ? 'Enabled' : 'PendingDeletion',
          KeyUsage: 'ENCRYPT_DECRYPT',
          DeletionDate: key.deletionAt ?? undefined,
        },
      }
    },
  },
  Encrypt: { needs: onKey('kms:Encrypt'), run: encrypt },
  Decrypt: {
    needs: (input, { world }) => [
      { action: 'kms:Decrypt', resources: [keyArn(world, keyIdIn(input.bytes('CiphertextBlob')))] },
    ],
    run: decrypt,
  },
  ScheduleKeyDeletion: {
    needs: onKey('kms:ScheduleKeyDeletion'),
    run: (input, { world, now }) => {
      const key = enabled(world, input.required('KeyId'))
      const days = input.integer('PendingWindowInDays') ?? 30
      if (days < 7 || days > 30)
        throw new AwsRefusal('ValidationException', 'PendingWindowInDays must be between 7 and 30')
      key.deletionAt = new Date(now().getTime() + days * 86_400_000)
      return {
        KeyId: keyArn(world, key.id),
        DeletionDate: key.deletionAt,
        KeyState: 'PendingDeletion',
        PendingWindowInDays: days,
      }
    },
  },
}

/** Keys that really encrypt: what one of them closed, no other opens, and none once its deletion is scheduled. */
export const kmsService = rpcService({
  name: 'kms',
  regional: true,
  form: null,
  target: 'TrentService',
  operations,
})

/** Blob: key id (36 bytes of ASCII), nonce, tag, ciphertext. */
function encrypt(input: AwsInput, { world }: AwsCall) {
  const key = enabled(world, input.required('KeyId'))
  const plaintext = input.bytes('Plaintext')
  if (plaintext.length < 1 || plaintext.length > MAX_PLAINTEXT_BYTES)
    throw new AwsRefusal('ValidationException', `Plaintext must be 1 to ${MAX_PLAINTEXT_BYTES} bytes`)
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key.material, nonce)
  cipher.setAAD(contextOf(input))
  const sealed = Buffer.concat([cipher.update(plaintext), cipher.final()])
  return {
    CiphertextBlob: Buffer.concat([Buffer.from(key.id, 'ascii'), nonce, cipher.getAuthTag(), sealed]),
    KeyId: keyArn(world, key.id),
    EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
  }
}

function decrypt(input: AwsInput, { world }: AwsCall) {
  const blob = input.bytes('CiphertextBlob')
  const key = enabled(world, keyIdIn(blob))
  const named = input.text('KeyId')
  if (named !== undefined && keyOf(world, named).id !== key.id)
    throw new AwsRefusal(
      'IncorrectKeyException',
      'The key ID in the request does not identify a CMK that can decrypt.',
    )
  const nonceAt = key.id.length
  const tagAt = nonceAt + NONCE_BYTES
  const decipher = createDecipheriv('aes-256-gcm', key.material, blob.subarray(nonceAt, tagAt))
  decipher.setAAD(contextOf(input))
  decipher.setAuthTag(blob.subarray(tagAt, tagAt + TAG_BYTES))
  try {
    const plaintext = Buffer.concat([decipher.update(blob.subarray(tagAt + TAG_BYTES)), decipher.final()])
    return { KeyId: keyArn(world, key.id), Plaintext: plaintext, EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' }
  } catch {
    throw invalidCiphertext()
  }
}

function keyIdIn(blob: Buffer): string {
  const id = blob.subarray(0, 36).toString('latin1')
  if (!/^[0-9a-f-]{36}$/.test(id) || blob.length <= 36 + NONCE_BYTES + TAG_BYTES) throw invalidCiphertext()
  return id
}

function contextOf(input: AwsInput): Buffer {
  return Buffer.from(canonicalize(input.map('EncryptionContext')))
}

/** A key that isn't there is named as it was given. */
function onKey(action: string): RpcOperation['needs'] {
  return (input, { world }): Need[] => {
    const name = input.required('KeyId')
    const id = findKey(world, name)?.id ?? name.replace(/^.*:key\//, '')
    return [{ action, resources: [keyArn(world, id)] }]
  }
}

function enabled(world: AwsWorld, name: string): KmsKey {
  const key = keyOf(world, name)
  if (key.deletionAt !== null)
    throw new AwsRefusal('KMSInvalidStateException', `${keyArn(world, key.id)} is pending deletion.`)
  return key
}

function keyOf(world: AwsWorld, name: string): KmsKey {
  const key = findKey(world, name)
  if (key === undefined) throw new AwsRefusal('NotFoundException', 'The key does not exist')
  return key
}

/** By id, ARN, `alias/…` or the alias's ARN. */
function findKey(world: AwsWorld, name: string): KmsKey | undefined {
  return [...world.keys.values()].find(
    key =>
      name === key.id ||
      name === keyArn(world, key.id) ||
      key.aliases.some(alias => name === alias || name === arnOf(world, 'kms', alias)),
  )
}

function keyArn(world: AwsWorld, id: string): string {
  return arnOf(world, 'kms', `key/${id}`)
}

function invalidCiphertext(): AwsRefusal {
  return new AwsRefusal('InvalidCiphertextException', 'The ciphertext is not valid.')
}
