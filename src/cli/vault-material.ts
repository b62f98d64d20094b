import { createPrivateKey, generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto'
import { type JsonObject, parseStrictJson } from '../canon/index.js'
import type { VaultKind } from '../credential/index.js'
import { UsageError } from './io.js'

/** How the text that somebody pastes becomes the material of each kind; every kind also takes its material as JSON. */
const FROM_TEXT: Readonly<Record<VaultKind, (text: string) => object>> = {
  static: text => ({ secret: text.trim() }),
  oauth2: text => ({ clientSecret: text.trim() }),
  'railway-project-token': text => ({ token: text.trim(), sentAs: 'bearer' }),
  'github-app': text => ({ privateKey: pemOf(privateKeyIn(text)) }),
  jwt: text => ({ jwk: privateKeyIn(text).export({ format: 'jwk' }) }),
  'aws-sts': () => {
    throw unreadable('{"accessKeyId":"AKIA…","secretAccessKey":"…"}')
  },
  'ship-s3': () => {
    throw unreadable('{"accessKeyId":"AKIA…","secretAccessKey":"…"}')
  },
  'ship-http': text => ({ secret: text.trim() }),
  'stripe-restricted-key': () => {
    throw unreadable('{"keys":[{"key":"rk_test_…","covers":{"permissions":["customers:write"]}}]}')
  },
}

/** The material in a secret's text. Throws a UsageError that never repeats any of it. */
export function materialFromText(kind: VaultKind, text: string): object {
  const json = text.trimStart().startsWith('{') ? jsonIn(text) : undefined
  if (json === undefined) return FROM_TEXT[kind](text)
  return kind === 'jwt' && 'kty' in json ? { jwk: jwkIn(json) } : json
}

/** A new key pair's private half, for `jwt`. */
export function generatedMaterial(alg: string): object {
  switch (alg) {
    case 'Ed25519':
      return { jwk: generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }) }
    case 'ES256':
      return {
        jwk: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }),
      }
    default:
      throw new UsageError(`no key can be generated for ${alg}`, 'Use Ed25519 or ES256.')
  }
}

function jsonIn(text: string): JsonObject {
  try {
    return parseStrictJson(text, { maxDepth: 8 }) as JsonObject
  } catch {
    throw unreadable('one JSON object')
  }
}

/** Keeps what makes the key and drops `kid`, `use` and the like. */
function jwkIn(json: JsonObject): object {
  try {
    return createPrivateKey({ key: json as JsonWebKey, format: 'jwk' }).export({ format: 'jwk' })
  } catch {
    throw unreadable('a private JWK')
  }
}

function privateKeyIn(pem: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch {
    throw unreadable('a private key in PEM')
  }
}

function pemOf(key: KeyObject): string {
  if (key.asymmetricKeyType !== 'rsa') throw unreadable('the RSA key that GitHub gave for the app')
  return key.export({ type: 'pkcs8', format: 'pem' }) as string
}

function unreadable(expected: string): UsageError {
  return new UsageError(
    'the secret is not in a form that this kind takes',
    `Pass ${expected}; see \`countersign vault put --help\`.`,
  )
}
