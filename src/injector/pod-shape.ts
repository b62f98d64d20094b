import { FLAG, list, map, NUMBER, OPEN, object, QUANTITY, type Shape, TEXT } from './shape.js'

/*
 * The pod of Kubernetes 1.35, as far as the injector knows it. INVARIANT: what isn't in here is refused where it could
 * matter, since the next field with another way out of the pod isn't invented yet. Fields that can't change who runs,
 * what is mounted, which names resolve or where packets go are `OPEN`.
 */

const httpGet = object({
  host: TEXT,
  path: TEXT,
  port: QUANTITY,
  scheme: TEXT,
  httpHeaders: list(object({ name: TEXT, value: TEXT })),
})
const tcpSocket = object({ host: TEXT, port: QUANTITY })
const exec = object({ command: list(TEXT) })

const probe = object({
  exec,
  httpGet,
  tcpSocket,
  grpc: object({ port: NUMBER, service: TEXT }),
  initialDelaySeconds: NUMBER,
  timeoutSeconds: NUMBER,
  periodSeconds: NUMBER,
  successThreshold: NUMBER,
  failureThreshold: NUMBER,
  terminationGracePeriodSeconds: NUMBER,
})
const hook = object({ exec, httpGet, tcpSocket, sleep: object({ seconds: NUMBER }) })

const seccompProfile = object({ type: TEXT, localhostProfile: TEXT })
const appArmorProfile = object({ type: TEXT, localhostProfile: TEXT })
const seLinuxOptions = object({ level: TEXT, role: TEXT, type: TEXT, user: TEXT })
const windowsOptions = OPEN

const containerSecurity = object({
  allowPrivilegeEscalation: FLAG,
  appArmorProfile,
  capabilities: object({ add: list(TEXT), drop: list(TEXT) }),
  privileged: FLAG,
  procMount: TEXT,
  readOnlyRootFilesystem: FLAG,
  runAsGroup: NUMBER,
  runAsNonRoot: FLAG,
  runAsUser: NUMBER,
  seLinuxOptions,
  seccompProfile,
  windowsOptions,
})

const podSecurity = object({
  appArmorProfile,
  fsGroup: NUMBER,
  fsGroupChangePolicy: TEXT,
  runAsGroup: NUMBER,
  runAsNonRoot: FLAG,
  runAsUser: NUMBER,
  seLinuxChangePolicy: TEXT,
  seLinuxOptions,
  seccompProfile,
  supplementalGroups: list(NUMBER),
  supplementalGroupsPolicy: TEXT,
  sysctls: list(object({ name: TEXT, value: TEXT })),
  windowsOptions,
})

const keyRef = object({ name: TEXT, key: TEXT, optional: FLAG })
const fieldRef = object({ apiVersion: TEXT, fieldPath: TEXT })
const resourceFieldRef = object({ containerName: TEXT, resource: TEXT, divisor: QUANTITY })
const env = object({
  name: TEXT,
  value: TEXT,
  valueFrom: object({ configMapKeyRef: keyRef, secretKeyRef: keyRef, fieldRef, resourceFieldRef }),
})
const nameRef = object({ name: TEXT, optional: FLAG })
const envFrom = object({ prefix: TEXT, configMapRef: nameRef, secretRef: nameRef })

const volumeMount = object({
  name: TEXT,
  mountPath: TEXT,
  mountPropagation: TEXT,
  readOnly: FLAG,
  recursiveReadOnly: TEXT,
  subPath: TEXT,
  subPathExpr: TEXT,
})

const resources = object({ limits: map(QUANTITY), requests: map(QUANTITY), claims: OPEN })

const container = object({
  name: TEXT,
  image: TEXT,
  imagePullPolicy: TEXT,
  command: list(TEXT),
  args: list(TEXT),
  workingDir: TEXT,
  env: list(env),
  envFrom: list(envFrom),
  ports: list(object({ name: TEXT, containerPort: NUMBER, hostPort: NUMBER, hostIP: TEXT, protocol: TEXT })),
  resources,
  resizePolicy: OPEN,
  restartPolicy: TEXT,
  restartPolicyRules: OPEN,
  volumeMounts: list(volumeMount),
  volumeDevices: list(object({ name: TEXT, devicePath: TEXT })),
  livenessProbe: probe,
  readinessProbe: probe,
  startupProbe: probe,
  lifecycle: object({ postStart: hook, preStop: hook, stopSignal: TEXT }),
  securityContext: containerSecurity,
  stdin: FLAG,
  stdinOnce: FLAG,
  tty: FLAG,
  terminationMessagePath: TEXT,
  terminationMessagePolicy: TEXT,
})

const items = list(object({ key: TEXT, path: TEXT, mode: NUMBER }))
const downwardItems = list(object({ path: TEXT, mode: NUMBER, fieldRef, resourceFieldRef }))

/** Kinds of volumes that are known, with those that the checks refuse: these are `OPEN`, since nothing of them is read. */
const volume = object({
  name: TEXT,
  emptyDir: OPEN,
  configMap: object({ name: TEXT, items, defaultMode: NUMBER, optional: FLAG }),
  secret: object({ secretName: TEXT, items, defaultMode: NUMBER, optional: FLAG }),
  downwardAPI: object({ items: downwardItems, defaultMode: NUMBER }),
  persistentVolumeClaim: object({ claimName: TEXT, readOnly: FLAG }),
  ephemeral: OPEN,
  image: OPEN,
  projected: object({
    defaultMode: NUMBER,
    sources: list(
      object({
        configMap: object({ name: TEXT, items, optional: FLAG }),
        secret: object({ name: TEXT, items, optional: FLAG }),
        downwardAPI: object({ items: downwardItems }),
        serviceAccountToken: object({ audience: TEXT, expirationSeconds: NUMBER, path: TEXT }),
        clusterTrustBundle: OPEN,
        podCertificate: OPEN,
      }),
    ),
  }),
  ...Object.fromEntries(
    [
      'awsElasticBlockStore',
      'azureDisk',
      'azureFile',
      'cephfs',
      'cinder',
      'csi',
      'fc',
      'flexVolume',
      'flocker',
      'gcePersistentDisk',
      'gitRepo',
      'glusterfs',
      'hostPath',
      'iscsi',
      'nfs',
      'photonPersistentDisk',
      'portworxVolume',
      'quobyte',
      'rbd',
      'scaleIO',
      'storageos',
      'vsphereVolume',
    ].map(kind => [kind, OPEN] as const),
  ),
})

const podSpec = object({
  activeDeadlineSeconds: NUMBER,
  affinity: OPEN,
  automountServiceAccountToken: FLAG,
  containers: list(container),
  dnsConfig: OPEN,
  dnsPolicy: TEXT,
  enableServiceLinks: FLAG,
  ephemeralContainers: OPEN,
  hostAliases: OPEN,
  hostIPC: FLAG,
  hostNetwork: FLAG,
  hostPID: FLAG,
  hostUsers: FLAG,
  hostname: TEXT,
  hostnameOverride: TEXT,
  imagePullSecrets: OPEN,
  initContainers: list(container),
  nodeName: TEXT,
  nodeSelector: OPEN,
  os: object({ name: TEXT }),
  overhead: OPEN,
  preemptionPolicy: TEXT,
  priority: NUMBER,
  priorityClassName: TEXT,
  readinessGates: OPEN,
  resourceClaims: list(object({ name: TEXT, resourceClaimName: TEXT, resourceClaimTemplateName: TEXT })),
  resources,
  restartPolicy: TEXT,
  runtimeClassName: TEXT,
  schedulerName: TEXT,
  schedulingGates: OPEN,
  securityContext: podSecurity,
  serviceAccount: TEXT,
  serviceAccountName: TEXT,
  setHostnameAsFQDN: FLAG,
  shareProcessNamespace: FLAG,
  subdomain: TEXT,
  terminationGracePeriodSeconds: NUMBER,
  tolerations: OPEN,
  topologySpreadConstraints: OPEN,
  volumes: list(volume),
  workloadRef: OPEN,
})

/** A pod, or what a workload makes pods from. Of its metadata only names, labels and annotations are read. */
export const POD_SHAPE = object({
  apiVersion: TEXT,
  kind: TEXT,
  metadata: OPEN,
  spec: podSpec,
  status: OPEN,
})

/** Read for names, labels and annotations. */
export const METADATA_SHAPE: Readonly<Record<string, Shape>> = {
  name: TEXT,
  namespace: TEXT,
  labels: map(TEXT),
  annotations: map(TEXT),
}
