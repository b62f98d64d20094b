import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts'
import { AWS_IDS, type AwsAccess, type RunningAws, startAwsSandbox } from '../../src/sandbox/index.js'

export const LONG_TERM = {
  accessKeyId: 'AKIAQQQQQQQQQQQQQQQQ',
  secretAccessKey: 'planted-secret-long-term-key',
}

export interface SessionCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string
}

/** A session policy that allows these actions on these resources. */
export function allowing(
  action: string | readonly string[],
  resource: string | readonly string[] = '*',
): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: action, Resource: resource }],
  })
}

export interface Account extends RunningAws {
  /** Milliseconds that the account's clock is ahead of this machine's. */
  readonly clock: { aheadMs: number }
  /** Credentials of a session of the role, narrowed to a session policy where one is given. */
  assume(policy?: string): Promise<SessionCredentials>
  /** Options of any SDK client that speaks to this account. */
  options<T>(credentials: T): {
    endpoint: string
    region: string
    credentials: T
    maxAttempts: number
    systemClockOffset: number
  }
}

/** A fresh account on a free port, closed with the test. */
export async function account(t: TestContext, access: Partial<AwsAccess> = {}): Promise<Account> {
  const clock = { aheadMs: 0 }
  const aws = await startAwsSandbox(
    { ...LONG_TERM, ...access, listen: '127.0.0.1:0' },
    () => new Date(Date.now() + clock.aheadMs),
  )
  t.after(() => aws.close())
  const options = <T>(credentials: T) => ({
    endpoint: aws.url,
    region: AWS_IDS.region,
    credentials,
    maxAttempts: 1,
    systemClockOffset: clock.aheadMs,
  })
  const assume = async (policy?: string) => {
    const sts = new STSClient(options(LONG_TERM))
    const { Credentials } = await sts.send(
      new AssumeRoleCommand({
        RoleArn: AWS_IDS.roleArn,
        RoleSessionName: 'test-session',
        DurationSeconds: 900,
        ...(policy === undefined ? {} : { Policy: policy }),
      }),
    )
    return {
      accessKeyId: Credentials?.AccessKeyId ?? '',
      secretAccessKey: Credentials?.SecretAccessKey ?? '',
      sessionToken: Credentials?.SessionToken ?? '',
    }
  }
  return { ...aws, clock, options, assume }
}

/** Code and status of the refusal that an SDK threw. */
export async function refusal(
  call: Promise<unknown>,
): Promise<{ code: string; status: number; message: string }> {
  try {
    await call
  } catch (error) {
    const thrown = error as Error & { $metadata?: { httpStatusCode?: number } }
    return { code: thrown.name, status: thrown.$metadata?.httpStatusCode ?? 0, message: thrown.message }
  }
  throw new Error('it was not refused')
}

/** Debian's own clients; an interpreter from elsewhere on the path may lack boto3. */
export const AWS_CLI = '/usr/bin/aws'
export const PYTHON = '/usr/bin/python3'
export const withAwsCli = { skip: !existsSync(AWS_CLI) && 'awscli is not installed' }
export const withBoto3 = {
  skip: !existsSync('/usr/lib/python3/dist-packages/boto3') && 'python3-boto3 is not installed',
}

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a client with nothing in its environment but the session's credentials. */
export function run(file: string, args: readonly string[], credentials: SessionCredentials): Promise<Ran> {
  const env = {
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_SESSION_TOKEN: credentials.sessionToken,
    AWS_DEFAULT_REGION: AWS_IDS.region,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_MAX_ATTEMPTS: '1',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    PATH: '/usr/bin:/bin',
    LANG: 'C.UTF-8',
  }
  return new Promise(resolve => {
    execFile(file, args, { env }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
      resolve({ code, stdout, stderr })
    })
  })
}
