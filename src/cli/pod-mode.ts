/** How the injector's profile, or the chart's gateway, has set up the pod of this process. */
const VARIABLE = 'COUNTERSIGN_POD_MODE'

/** What a mode lacks. No process in a pod can see a NetworkPolicy. */
const MISSING: Readonly<Record<string, string>> = {
  sidecar:
    'nothing in this pod keeps the agent from going around the sidecar (mode sidecar): it is advisory unless a NetworkPolicy of the namespace does',
  'sidecar-cni':
    'a NetworkPolicy alone keeps the agent from going around the sidecar, and it was tried once, before the agent started (mode sidecar with `blocked`)',
}

/** Protections that this pod lacks, for the start-up and for `status`: a sentence each. */
export function missingInPod(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const mode = env[VARIABLE] ?? ''
  return Object.hasOwn(MISSING, mode) ? [MISSING[mode] as string] : []
}
