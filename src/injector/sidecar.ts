import type { Limits } from './choices.js'
import { firewallRules } from './firewall.js'
import {
  API_TOKEN_PATH,
  API_TOKEN_VOLUME,
  CONFIG_FILE,
  CONFIG_PATH,
  CONFIG_VOLUME,
  FIREWALL,
  GATE,
  KEEPER,
  LEDGER_PATH,
  LEDGER_VOLUME,
  LINK_PATH,
  LINK_VOLUME,
  PRIVATE_PATH,
  PRIVATE_VOLUME,
  PROBE_PORT,
  SEALED_SECRET_PATH,
  SECRET_PATH,
  SECRET_VOLUME,
  SECRETS,
  TOKEN_PATH,
  TOKEN_VOLUME,
  VALIDATOR,
} from './names.js'
import type { Container, Volume } from './pod.js'
import { isGuarded, type Profile } from './profile.js'

/*
 * The containers and volumes of the sidecar. Every field that the API server would fill in is written out, so that a
 * pod that comes back from it is still, to the letter, what was made here.
 */

/** Rules by user, before anything else runs. The one container with a capability, and gone when it is done. */
export function firewall(profile: Profile): Container {
  return {
    // No profile of this mode is read without one.
    ...base(FIREWALL, profile.images.firewall as string, {
      requests: SMALL,
      limits: SMALL,
    }),
    command: ['nft', firewallRules(profile)],
    securityContext: {
      ...confined(0, 0),
      runAsNonRoot: false,
      capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] },
    },
  }
}

/** Files of a Secret belong to root, or to everybody; the keeper wants its own to be nobody else's. */
export function secrets(profile: Profile): Container {
  return {
    ...base(SECRETS, profile.images.sidecar, { requests: SMALL, limits: SMALL }),
    args: ['inject', 'unpack', '--from', SEALED_SECRET_PATH, '--to', SECRET_PATH],
    securityContext: confined(profile.users.keeper, profile.users.group),
    volumeMounts: [
      mount(SECRET_VOLUME, SEALED_SECRET_PATH, true),
      mount(PRIVATE_VOLUME, PRIVATE_PATH, false),
    ],
  }
}

export function keeper(profile: Profile, limits: Limits): Container {
  return {
    ...base(KEEPER, profile.images.sidecar, { requests: profile.resources.keeper.requests, limits }),
    args: running('keeper', profile),
    env: [
      podMode(profile),
      {
        name: 'COUNTERSIGN_POD_UID',
        valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.uid' } },
      },
    ],
    securityContext: confined(profile.users.keeper, profile.users.group),
    // It has no port. `status` would say that no gate is connected, and the gate starts after it.
    startupProbe: {
      exec: { command: ['countersign', 'grant', 'list', '--config', CONFIG_FILE] },
      ...periods({ periodSeconds: 2, timeoutSeconds: 10, failureThreshold: 60 }),
    },
    volumeMounts: [
      mount(CONFIG_VOLUME, CONFIG_PATH, true),
      mount(LINK_VOLUME, LINK_PATH, false),
      mount(PRIVATE_VOLUME, PRIVATE_PATH, false),
      mount(LEDGER_VOLUME, LEDGER_PATH, false),
      ...(profile.apiToken === true ? [mount(API_TOKEN_VOLUME, API_TOKEN_PATH, true)] : []),
    ],
  }
}

export function gate(profile: Profile, limits: Limits): Container {
  const probe = (path: string) => ({ httpGet: { path, port: PROBE_PORT, scheme: 'HTTP' } })
  return {
    ...base(GATE, profile.images.sidecar, { requests: profile.resources.gate.requests, limits }),
    args: running('gate', profile),
    env: [podMode(profile)],
    ports: [{ name: 'csgn-probes', containerPort: PROBE_PORT, protocol: 'TCP' }],
    securityContext: confined(profile.users.gate, profile.users.group),
    startupProbe: {
      ...probe('/readyz'),
      ...periods({ periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 120 }),
    },
    readinessProbe: {
      ...probe('/readyz'),
      ...periods({ periodSeconds: 5, timeoutSeconds: 2, failureThreshold: 3 }),
    },
    livenessProbe: {
      ...probe('/livez'),
      ...periods({ periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 }),
    },
    volumeMounts: [
      mount(CONFIG_VOLUME, CONFIG_PATH, true),
      // ATTACK: a captured gate puts a socket of its own in the keeper's place.
      mount(LINK_VOLUME, LINK_PATH, true),
      mount(TOKEN_VOLUME, TOKEN_PATH, true),
    ],
  }
}

/** ATTACK: an agent's author who may write ConfigMaps gives the keeper another trust root. */
function running(role: 'keeper' | 'gate', { configDigest }: Profile): readonly string[] {
  return [
    ...['run', '--role', role, '--config', CONFIG_FILE],
    // No profile with a sidecar is read without one.
    ...['--config-digest', configDigest as string],
  ]
}

/** What the agent must not reach, tried as the agent's user; the pod doesn't start where it does. */
export function validator(profile: Profile, user: number, nth: number): Container {
  return {
    ...base(nth === 0 ? VALIDATOR : `${VALIDATOR}-${nth + 1}`, profile.images.sidecar, {
      requests: SMALL,
      limits: SMALL,
    }),
    args: ['inject', 'blocked', ...(profile.blocked ?? []).flatMap(address => ['--address', address])],
    securityContext: confined(user, user),
  }
}

/** A native sidecar goes on running, and the next container starts when its startup probe has passed. */
export function native(container: Container): Container {
  return { ...container, restartPolicy: 'Always' }
}

export function sidecarVolumes(profile: Profile): readonly Volume[] {
  return [
    { name: CONFIG_VOLUME, projected: { defaultMode: 0o444, sources: configSources(profile) } },
    { name: SECRET_VOLUME, secret: { secretName: profile.secret, defaultMode: 0o444 } },
    { name: PRIVATE_VOLUME, emptyDir: { medium: 'Memory', sizeLimit: '16Mi' } },
    { name: LINK_VOLUME, emptyDir: { sizeLimit: '1Mi' } },
    'claim' in profile.ledger
      ? { name: LEDGER_VOLUME, persistentVolumeClaim: { claimName: profile.ledger.claim } }
      : { name: LEDGER_VOLUME, emptyDir: {} },
    tokenVolume(profile),
    ...(profile.apiToken === true ? [apiTokenVolume()] : []),
  ]
}

/** The pod's identity, for this sidecar alone: no API server takes a token of another audience. */
export function tokenVolume({ origin, tokenSeconds = 3_600 }: Profile): Volume {
  return {
    name: TOKEN_VOLUME,
    projected: {
      defaultMode: 0o444,
      sources: [
        { serviceAccountToken: { audience: origin, expirationSeconds: tokenSeconds, path: 'grant' } },
      ],
    },
  }
}

function apiTokenVolume(): Volume {
  return {
    name: API_TOKEN_VOLUME,
    projected: {
      defaultMode: 0o444,
      sources: [
        { serviceAccountToken: { expirationSeconds: 3_607, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      ],
    },
  }
}

function configSources({ config }: Profile) {
  return config.map(({ configMap, files }) => ({
    configMap: {
      name: configMap,
      ...(files === undefined ? {} : { items: Object.entries(files).map(([key, path]) => ({ key, path })) }),
    },
  }))
}

/** Both say at their start, and `status` says, what this mode lacks. */
function podMode(profile: Profile) {
  const { mode } = profile
  return {
    name: 'COUNTERSIGN_POD_MODE',
    value: mode === 'sidecar' && isGuarded(profile) ? 'sidecar-cni' : mode,
  }
}

const SMALL = { cpu: '100m', memory: '128Mi' }

function base(
  name: string,
  image: string,
  { requests, limits }: { requests: Limits; limits: Limits },
): Container {
  return {
    name,
    image,
    imagePullPolicy: 'IfNotPresent',
    resources: { requests: { ...requests }, limits: { ...limits } },
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
  }
}

/** As Pod Security *restricted* wants it, and a root file system that nobody writes. */
function confined(user: number, group: number): NonNullable<Container['securityContext']> {
  return {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    privileged: false,
    readOnlyRootFilesystem: true,
    runAsGroup: group,
    runAsNonRoot: true,
    runAsUser: user,
    seccompProfile: { type: 'RuntimeDefault' },
  }
}

function periods(of: { periodSeconds: number; timeoutSeconds: number; failureThreshold: number }) {
  return { ...of, successThreshold: 1 }
}

export function mount(name: string, mountPath: string, readOnly: boolean) {
  return { name, mountPath, ...(readOnly ? { readOnly } : {}) }
}
