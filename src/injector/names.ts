/** Everything of a pod that is ours by its name. Nothing of an agent's may be called so. */

export const LABEL = 'countersign.dev/inject'
export const OUR_PREFIX = 'countersign.dev/'

export const PROFILE_ANNOTATION = 'countersign.dev/profile'
export const APIS_ANNOTATION = 'countersign.dev/apis'
/** Output only: what was done to the pod. */
export const STATUS_ANNOTATION = 'countersign.dev/status'

/** Names of containers and volumes that begin so are ours. */
export const RESERVED_NAME = /^countersign(-|$)/

export const FIREWALL = 'countersign-firewall'
export const SECRETS = 'countersign-secrets'
export const KEEPER = 'countersign-keeper'
export const GATE = 'countersign-gate'
export const VALIDATOR = 'countersign-validator'

export const LINK_VOLUME = 'countersign-link'
export const CONFIG_VOLUME = 'countersign-config'
export const SECRET_VOLUME = 'countersign-secret'
export const PRIVATE_VOLUME = 'countersign-private'
export const LEDGER_VOLUME = 'countersign-ledger'
export const TOKEN_VOLUME = 'countersign-token'
export const API_TOKEN_VOLUME = 'countersign-api-token'

export const CONFIG_PATH = '/etc/countersign'
export const CONFIG_FILE = '/etc/countersign/countersign.yaml'
/** Socket between gate and keeper; both mount it, and nobody else. */
export const LINK_PATH = '/run/countersign'
/** The keeper's own: admin socket, and its secrets as files of its user. In memory. */
export const PRIVATE_PATH = '/run/countersign-keeper'
export const SECRET_PATH = '/run/countersign-keeper/secrets'
/** Where the Secret is mounted for the one container that unpacks it. */
export const SEALED_SECRET_PATH = '/etc/countersign-secret'
export const LEDGER_PATH = '/var/lib/countersign'
export const TOKEN_PATH = '/var/run/countersign.dev'
export const TOKEN_FILE = '/var/run/countersign.dev/grant'
export const API_TOKEN_PATH = '/var/run/secrets/countersign.dev/api'

export const GATE_PORT = 7070
/** `/livez` and `/readyz` for the kubelet, on the pod's address. */
export const PROBE_PORT = 7079
