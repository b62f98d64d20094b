import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'

export const ISSUER = 'https://kubernetes.default.svc'
export const SUBJECT = 'system:serviceaccount:agents:coder'

/** The identity of a pod as a kubelet projects it. */
export const POD_CLAIMS = {
  namespace: 'agents',
  pod: { name: 'coder-1', uid: '0b7c3c4e-1f4f-4a6e-8f43-2f0e6a1d8f10' },
  serviceaccount: { name: 'coder', uid: '9d1d2a30-3d62-4a2c-8b0c-7f6c5e4d3c2b' },
}

/** A cluster that makes tokens for its pods. */
export class Cluster {
  readonly jwks: { keys: JWK[] } = { keys: [] }
  private readonly kid: string
  private readonly privateKey: CryptoKey

  private constructor(kid: string, privateKey: CryptoKey) {
    this.kid = kid
    this.privateKey = privateKey
  }

  static async start(kid = 'k1'): Promise<Cluster> {
    const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true })
    const cluster = new Cluster(kid, privateKey)
    cluster.jwks.keys.push({ ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' })
    return cluster
  }

  /** What is to be signed, with whatever header it has. */
  async signed(text: string): Promise<string> {
    const { privateKey } = this
    const signature = await crypto.subtle.sign(privateKey.algorithm, privateKey, Buffer.from(text))
    return `${text}.${Buffer.from(signature).toString('base64url')}`
  }

  /** `changes` replace claims; one that is undefined is left out. */
  async token(
    origin: string,
    nowMs: number,
    changes: Readonly<Record<string, unknown>> = {},
  ): Promise<string> {
    const iat = Math.floor(nowMs / 1_000)
    const claims = {
      aud: [origin],
      iss: ISSUER,
      sub: SUBJECT,
      iat,
      nbf: iat,
      exp: iat + 3_600,
      jti: `${iat}-${Math.random()}`,
      'kubernetes.io': POD_CLAIMS,
      ...changes,
    }
    return await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: this.kid }).sign(this.privateKey)
  }
}
