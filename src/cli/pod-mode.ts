/** How the injector's profile, or the chart's gateway, has set up the pod of this process. */
const VARIABLE = 'COUNTERSIGN_POD_MODE'

/** Protections that this pod lacks, for the start-up and for `status`: a sentence each. No process in it can see a NetworkPolicy. */
export function missingInPod(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  return env[VARIABLE] === 'sidecar'
    ? [
        'nothing in this pod keeps the agent from going around the sidecar (mode sidecar): unless a NetworkPolicy of the namespace does, it is advisory',
      ]
    : []
}
