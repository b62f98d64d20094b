import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import dynalite from 'dynalite'
import S3rver from 's3rver'
import { DUMMY_ACCOUNT } from 's3rver/lib/models/account.js'
import type { LoadedConfig } from '../../src/cli/config.js'
import { vaultLocation } from '../../src/cli/vault-location.js'
import { putEntry } from '../../src/credential/index.js'
import { AWS_TEST_POLICY } from './aws-policy.js'
import { type Sidecar, startSidecar } from './sidecar.js'

/** A sidecar before AWS's stand-ins: the sandbox's own, and two that others wrote. */
export interface AwsSurroundings {
  readonly sidecar: Sidecar
  /** Credentials of a new grant, as an AWS client takes them. */
  keys(choices?: { readonly agent?: string; readonly task?: string }): Promise<AwsKeys>
  close(): Promise<void>
}

export interface AwsKeys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string
}

export async function startAwsSurroundings(): Promise<AwsSurroundings> {
  const tables = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 })
  const objects = await startS3rver()
  const tokens = await startTokenService()
  const sidecar = await startSidecar({
    policy: AWS_TEST_POLICY({
      tables: await listening(tables),
      objects: objects.origin,
      tokens: tokens.origin,
    }),
    prepare: loaded => putObjectStoreKey(loaded, tokens.origin),
  })
  return {
    sidecar,
    keys: async choices => {
      const { jti, token, secret } = await sidecar.grant({ slot: 'aws-sigv4', ...choices })
      return { accessKeyId: jti, secretAccessKey: secret ?? '', sessionToken: token }
    },
    close: async () => {
      await sidecar.strike()
      await objects.close()
      await Promise.all([tables, tokens.server].map(closed))
    },
  }
}

/** What the token service hands out, and s3rver verifies signatures under. */
const SESSION = { id: 'ASIATESTOBJECTSTORE1', secret: 'object-store-session-secret-0123456789' }

/** A token service with one session, of s3rver's only account. */
async function startTokenService(): Promise<{ server: Server; origin: string }> {
  const server = createServer((request, response) => {
    request.resume().once('end', () => {
      response.writeHead(200, { 'content-type': 'text/xml' })
      response.end(
        `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>${SESSION.id}</AccessKeyId><SecretAccessKey>${SESSION.secret}</SecretAccessKey><SessionToken>s3rver-session-token</SessionToken><Expiration>${new Date(Date.now() + 900_000).toISOString()}</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>AROA:test</AssumedRoleId><Arn>arn:aws:sts::111122223333:assumed-role/objects/test</Arn></AssumedRoleUser></AssumeRoleResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></AssumeRoleResponse>`,
      )
    })
  })
  return { server, origin: await listening(server) }
}

async function startS3rver(): Promise<{ origin: string; close(): Promise<void> }> {
  DUMMY_ACCOUNT.createKeyPair(SESSION.id, SESSION.secret)
  const directory = await mkdtemp(join(tmpdir(), 'countersign-s3rver-'))
  const store = new S3rver({
    address: '127.0.0.1',
    port: 0,
    silent: true,
    directory,
    vhostBuckets: false,
    configureBuckets: [{ name: 'releases', configs: [] }],
  })
  const { port } = await store.run()
  return {
    origin: `http://127.0.0.1:${port}`,
    close: async () => {
      await store.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function putObjectStoreKey(loaded: LoadedConfig, origin: string): Promise<void> {
  const material = { accessKeyId: 'AKIATESTTOKENSERVICE', secretAccessKey: 'test-token-service-secret' }
  const entry = { name: 'objects', kind: 'aws-sts', material, origins: [origin], environment: 'staging' }
  await putEntry(vaultLocation(loaded, {}), entry, Date.now())
}

async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise(resolve => server.close(resolve))
}
