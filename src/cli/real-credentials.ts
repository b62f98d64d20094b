/**
 * Variables that clients take credentials from, whatever their value looks like. Who reaches an SSH agent signs with its
 * keys; the last one says where the key lies that issues grants.
 */
const KNOWN_NAMES =
  /^(AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|PROFILE|WEB_IDENTITY_TOKEN_FILE|CONTAINER_.*|SHARED_CREDENTIALS_FILE)|STRIPE_(API_KEY|SECRET_KEY)|RAILWAY_(TOKEN|API_TOKEN)|(GH|GITHUB|GITLAB)_(ENTERPRISE_)?TOKEN|GOOGLE_APPLICATION_CREDENTIALS|KUBECONFIG|NPM_TOKEN|VAULT_TOKEN|CLOUDFLARE_API_TOKEN|DIGITALOCEAN_ACCESS_TOKEN|HEROKU_API_KEY|VERCEL_TOKEN|FLY_API_TOKEN|NETLIFY_AUTH_TOKEN|TF_TOKEN_.+|NPM_CONFIG_.*AUTH|DOCKER_AUTH_CONFIG|PGPASS(WORD|FILE)|MYSQL_PWD|REDISCLI_AUTH|SSHPASS|SSH_AUTH_SOCK|COUNTERSIGN_ENROL_KEY)$/i

/** Names that say what they hold. Clients that read variables of their own making write them in lower case: `TF_VAR_db_password`. */
const TELLING_NAMES =
  /(^|_)(SECRET|SECRET_KEY|ACCESS_KEY|PRIVATE_KEY|API_KEY|APIKEY|(AUTH)?TOKEN|PASSWORD|PASSWD|CREDENTIALS?)$/i

/** Values in the shape of a well-known credential, whatever their variable is called. A URL may have a password and no user, as for Redis, or a token for a user. */
const KNOWN_VALUES =
  /^(AKIA|ASIA)[A-Z0-9]{16}$|^(sk|rk)_(live|test)_[A-Za-z0-9]{8,}$|^gh[pousr]_[A-Za-z0-9]{20,}$|^github_pat_|^xox[abp]-|^glpat-|^npm_[A-Za-z0-9]{30,}$|-----BEGIN [A-Z ]*PRIVATE KEY-----|^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/\s:@]*:[^/\s@]+|[A-Za-z0-9_-]{20,})@/

/** True for a variable that would give an agent a way around the sidecar. */
export function isRealCredential(name: string, value: string): boolean {
  return KNOWN_NAMES.test(name) || TELLING_NAMES.test(name) || KNOWN_VALUES.test(value)
}

/** The surroundings without credentials, and the names of what was taken out. */
export function withoutCredentials(env: Readonly<Record<string, string | undefined>>): {
  readonly env: Record<string, string>
  readonly removed: readonly string[]
} {
  const kept: Record<string, string> = {}
  const removed: string[] = []
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue
    if (isRealCredential(name, value)) removed.push(name)
    else kept[name] = value
  }
  return { env: kept, removed }
}
