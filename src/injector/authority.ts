import { type webcrypto, X509Certificate } from 'node:crypto'

/** PEM. */
export interface ServerTls {
  readonly cert: string
  readonly key: string
}

/** A CA of this process, and what it has issued. Its key was never anywhere but in this memory. */
export interface Authority {
  /** PEM: what clients are to believe. */
  readonly ca: string
  readonly notAfterMs: number
  issue(nowMs: number): Promise<ServerTls & { readonly notAfterMs: number }>
}

const DAY_MS = 86_400_000
/** Of the CA; it is replaced when a third is left. */
const CA_MS = 6 * DAY_MS
const LEAF_MS = DAY_MS
/** The API server's clock may be behind. */
const SKEW_MS = 300_000
const SUBJECT = 'CN=countersign-injector'
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/** Makes a CA for the names of one service; `dnsNames[0]` is the one that the API server asks for. */
export async function newAuthority(dnsNames: readonly string[], nowMs: number): Promise<Authority> {
  const x509 = await import('./x509.js')
  const caKeys = await newKeys()
  const notAfterMs = nowMs + CA_MS
  const span = (untilMs: number) => ({ notBefore: new Date(nowMs - SKEW_MS), notAfter: new Date(untilMs) })
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    name: SUBJECT,
    keys: caKeys,
    signingAlgorithm: ALGORITHM,
    ...span(notAfterMs),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(caKeys.publicKey),
    ],
  })
  return {
    ca: root.toString('pem'),
    notAfterMs,
    issue: async issuedMs => {
      const keys = await newKeys()
      const untilMs = Math.min(issuedMs + LEAF_MS, notAfterMs)
      const leaf = await x509.X509CertificateGenerator.create({
        subject: `CN=${dnsNames[0]?.slice(0, 64)}`,
        issuer: root.subject,
        publicKey: keys.publicKey,
        signingKey: caKeys.privateKey,
        signingAlgorithm: ALGORITHM,
        notBefore: new Date(issuedMs - SKEW_MS),
        notAfter: new Date(untilMs),
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
          new x509.SubjectAlternativeNameExtension(dnsNames.map(value => ({ type: 'dns', value }))),
          await x509.AuthorityKeyIdentifierExtension.create(root),
        ],
      })
      const key = await crypto.subtle.exportKey('pkcs8', keys.privateKey)
      return {
        cert: leaf.toString('pem'),
        key: x509.PemConverter.encode(key, 'PRIVATE KEY'),
        notAfterMs: untilMs,
      }
    },
  }
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
}

/** When something that lasts until then is to be replaced: with a third of its time left. */
export function renewalMs(fromMs: number, untilMs: number): number {
  return fromMs + ((untilMs - fromMs) * 2) / 3
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
const MAX_BUNDLED = 32

/**
 * The bundle with a CA of ours added, PEM, newest first. Each replica has its own CA, so that no key is ever stored;
 * those that have ended, and what isn't the CA of an injector, are dropped.
 */
export function bundleWith(bundle: string, ca: string, nowMs: number): string {
  const known = (bundle.match(CERTIFICATE) ?? []).filter(pem => isLivingCa(pem, nowMs))
  const all = [ca.trim(), ...known.filter(pem => fingerprintOf(pem) !== fingerprintOf(ca))]
  return `${all.slice(0, MAX_BUNDLED).join('\n')}\n`
}

function isLivingCa(pem: string, nowMs: number): boolean {
  try {
    const { subject, validTo, ca } = new X509Certificate(pem)
    return ca && subject === SUBJECT && Date.parse(validTo) > nowMs
  } catch {
    return false
  }
}

function fingerprintOf(pem: string): string {
  return new X509Certificate(pem).fingerprint256
}

/** True where the bundle has this CA, and nothing that `bundleWith` would drop. */
export function bundleIsCurrent(bundle: string, ca: string, nowMs: number): boolean {
  const known = bundle.match(CERTIFICATE) ?? []
  return (
    known.every(pem => isLivingCa(pem, nowMs)) && known.some(pem => fingerprintOf(pem) === fingerprintOf(ca))
  )
}
