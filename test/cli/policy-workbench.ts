import { writeFile } from 'node:fs/promises'

/** A policy of a shipped catalog and an API of its own; the rules and what else there is are given. */
export async function writePolicy(file: string, rules: string, more = ''): Promise<string> {
  await writeFile(
    file,
    `apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: bench, version: 1, expires: 2099-01-01T00:00:00Z, audience: [staging] }
apis:
  railway: { catalog: railway, credential: railway }
  stripe: { catalog: stripe, credential: stripe }
  billing:
    upstream: https://billing.internal
    credential: billing
    routes:
      - { route: "GET /invoices/{id}", class: read }
      - { route: "POST /invoices/{id}/void", class: irreversible, args: { amount: int } }
credentials:
  railway: { minter: railway-project-token, project: p, environment: e }
  stripe: { minter: stripe-restricted-key, livemode: false }
  billing: { minter: jwt, audience: https://billing.internal }
agents:
  coder: { environment: staging }
  viewer: { environment: staging }
approvers:
  finance: { keys: { maria: "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" } }
windows:
  night: { from: "22:00", to: "06:00", zone: Europe/Berlin }
${more}
rules:
  - { id: read, allow: { api: "*", class: read }, to: [coder, viewer] }
${rules}
`,
  )
  return file
}
