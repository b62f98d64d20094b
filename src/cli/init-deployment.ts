import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ignoreByGit } from './ignored-folder.js'
import { createAuditor, createInstanceVault, createTrust, enrolInstance } from './init-instance.js'
import { createKeyFile } from './keyfile.js'
import { documentOf, readTemplate, templateFor, withApproverKey } from './policy-templates.js'
import { CONFIG_SCHEMA_LINE, copySchemas } from './schema-files.js'

export interface DeploymentChoices {
  readonly template: string
  readonly origin: string
  readonly audience: string
  /** False lists the audience as a test audience: one user for both processes and plain-http upstreams will do. */
  readonly production: boolean
}

/**
 * Lays out a sidecar in an empty folder: keys, trust root, enrolment, an empty vault, a policy to edit and the
 * configuration. Nothing is sealed yet, so nothing is admitted. Answers the pin of the trust root.
 */
export async function initDeployment(folder: string, choices: DeploymentChoices): Promise<string> {
  const source = templateFor(readTemplate(choices.template), choices.audience)
  // What both processes read may be read by both users; what is secret lies in folders and files of its own mode.
  for (const part of ['.', 'trust', 'auditor', 'policy'])
    mkdirSync(join(folder, part), { recursive: true, mode: 0o755 })
  ignoreByGit(folder)
  const pin = createTrust(folder, choices.production ? [] : [choices.audience])
  enrolInstance(folder, choices.origin, Date.now())
  await createInstanceVault(folder, [])
  await createAuditor(folder)
  writeFileSync(
    join(folder, 'policy', 'policy.yaml'),
    withApproverKey(source, () => createKeyFile(join(folder, 'trust', 'keys', 'approver.jwk'))),
  )
  copySchemas(folder)
  writeFileSync(join(folder, 'countersign.yaml'), configurationText(choices, pin))
  return pin
}

function configurationText(choices: DeploymentChoices, pin: string): string {
  const { origin, audience, production } = choices
  const users = '{ gate: countersign-gate, keeper: countersign-keeper, group: countersign }'
  return `${CONFIG_SCHEMA_LINE}
# Paths start from this file's folder.
apiVersion: countersign.dev/v1
kind: Sidecar
origin: ${origin}
audience: ${audience}
trust: { root: trust/root.json, pin: ${pin} }
policy: { file: policy/policy.sealed.json }
gate:
  listen: 127.0.0.1:7070
  ${ports(choices.template)} # for SDKs that can't take a path prefix
  # tls: { listen: 127.0.0.1:7443, cert: tls/cert.pem, key: tls/key.pem }
keeper:
  socket: run/keeper.sock
  admin: run/admin.sock
  keys: keeper/keys
  enrolment: keeper/enrolment.json
ledger:
  dir: ledger
  highWater: mark/high-water.json # better on another volume than the ledger
  auditorKey: auditor/public.jwk
vault:
  file: keeper/vault.jwe
  key: { file: keeper/vault.key } # or { env: VARIABLE }; or { systemd: NAME }, where the keeper is a unit of its own
${production ? '' : '# '}users: ${users}
`
}

/** Stripe's SDK takes a host and no path; of an API of one's own nobody knows. */
function ports(template: string): string {
  const stripe = Object.entries(documentOf(template).apis).filter(([, { catalog }]) => catalog === 'stripe')
  const lines = stripe.map(([api], index) => `${api}: 127.0.0.1:${7071 + index}`)
  return lines.length === 0 ? '# ports: { API: 127.0.0.1:7071 }' : `ports: { ${lines.join(', ')} }`
}
