import { type ErrorTable, errorsOf } from '../canon/index.js'

/** Why a pod is not admitted, and what is wrong with what the injector was given. Held against docs/errors.md by a test. */
export const injectorErrors = {
  review_malformed: {
    status: 400,
    sentence: 'What was sent is no AdmissionReview of admission.k8s.io/v1 for a pod.',
    mend: 'Let the API server ask, with the webhook configuration that ships with the injector.',
  },
  review_path: {
    status: 404,
    sentence: 'There is no such path at the injector.',
    mend: 'Ask `POST /inject` or `POST /validate`, as the webhook configuration that ships with the injector does.',
  },
  review_method: {
    status: 405,
    sentence: 'Reviews are sent with POST.',
    mend: 'Let the API server ask, with the webhook configuration that ships with the injector.',
  },
  reviews_crowded: {
    status: 503,
    sentence: 'The injector holds as many bytes of reviews as it may.',
    mend: 'Try again; where it stays so, look at who reaches port 8443 of the injector besides the API server.',
  },
  pod_malformed: {
    status: 403,
    sentence: 'A field of the pod has another type than Kubernetes gives it.',
    mend: 'Write the field as the API reference of Kubernetes has it.',
  },
  pod_field_unknown: {
    status: 403,
    sentence: 'The pod has a field that this version of the injector doesn’t know, and so can’t judge.',
    mend: 'Leave it out, or use a version of the injector that knows it.',
  },
  profile_missing: {
    status: 403,
    sentence: 'The pod names no profile, and the injector has no default one.',
    mend: 'Name one in the annotation `countersign.dev/profile`.',
  },
  profile_unknown: {
    status: 403,
    sentence: 'The injector has no profile of this name.',
    mend: 'Name one that your platform team has written, in `countersign.dev/profile`.',
  },
  profile_elsewhere: {
    status: 403,
    sentence: 'The profile is not for this namespace or service account.',
    mend: 'Use the profile that was written for it, or have it added to the profile.',
  },
  annotation_unknown: {
    status: 403,
    sentence: 'The pod has an annotation or label under `countersign.dev/` that the injector doesn’t read.',
    mend: 'Leave it out: images, users, ports and patches are the platform team’s, in the profile.',
  },
  annotation_value: {
    status: 403,
    sentence: 'An annotation of the injector has a value that it can’t have.',
    mend: 'Write `countersign.dev/apis` as names of the profile with commas between, and resources within the profile’s bounds.',
  },
  reserved_name: {
    status: 403,
    sentence: 'A container or volume has a name that only the injector gives.',
    mend: 'Give it a name that doesn’t begin with `countersign`.',
  },
  reserved_image: {
    status: 403,
    sentence: 'A container runs an image of the sidecar.',
    mend: 'Leave it out; the injector adds the sidecar.',
  },
  altered_output: {
    status: 403,
    sentence: 'The pod says that it was injected, and isn’t what the injector makes.',
    mend: 'Submit the pod as it was before, without the annotation `countersign.dev/status` and without the sidecar; where another webhook changes pods as well, have it run first.',
  },
  reserved_user: {
    status: 403,
    sentence: 'A container or the pod asks for a user of the sidecar.',
    mend: 'Use another number in `runAsUser`.',
  },
  reserved_group: {
    status: 403,
    sentence: 'A container or the pod asks for a group of the sidecar.',
    mend: 'Use another number in `runAsGroup`, `fsGroup` or `supplementalGroups`.',
  },
  root_user: {
    status: 403,
    sentence: 'A container could run as root, or as a user that its image chooses.',
    mend: 'Set `runAsNonRoot: true` and a `runAsUser` above 0, for the pod or for each container.',
  },
  host_namespace: {
    status: 403,
    sentence: 'The pod shares a namespace with its node.',
    mend: 'Leave out `hostNetwork`, `hostPID` and `hostIPC`.',
  },
  shared_processes: {
    status: 403,
    sentence: 'The containers of the pod would see each other’s processes.',
    mend: 'Leave out `shareProcessNamespace`.',
  },
  user_namespace: {
    status: 403,
    sentence: 'The pod runs in a user namespace, where numbers of users mean something else to the firewall.',
    mend: 'Leave out `hostUsers: false`.',
  },
  privilege_escalation: {
    status: 403,
    sentence: 'A container could gain privileges.',
    mend: 'Set `allowPrivilegeEscalation: false` for every container, and leave out `privileged`.',
  },
  capabilities: {
    status: 403,
    sentence: 'A container has Linux capabilities.',
    mend: 'Set `capabilities: { drop: [ALL] }` for every container, and add none but NET_BIND_SERVICE.',
  },
  confinement: {
    status: 403,
    sentence:
      'A container leaves a confinement of the runtime: seccomp, AppArmor, SELinux or the masked /proc.',
    mend: 'Use `seccompProfile: { type: RuntimeDefault }`, and leave out `procMount`, `Unconfined` profiles and SELinux types of your own.',
  },
  runtime_class: {
    status: 403,
    sentence: 'The pod asks for a runtime that its profile doesn’t name.',
    mend: 'Leave out `runtimeClassName`, or have it added to the profile’s `runtimeClasses`.',
  },
  device: {
    status: 403,
    sentence: 'The pod asks for a device that its profile doesn’t name.',
    mend: 'Leave the resource or the claim out, or have it added to the profile’s `devices` or `resourceClaims`.',
  },
  windows_pod: {
    status: 403,
    sentence: 'The pod is for Windows, where the sidecar doesn’t run.',
    mend: 'Run the agent on Linux.',
  },
  host_port: {
    status: 403,
    sentence: 'A container takes a port of its node.',
    mend: 'Leave out `hostPort`.',
  },
  reserved_port: {
    status: 403,
    sentence: 'A container takes a port that the gate listens on.',
    mend: 'Use a port that isn’t in the profile; 7070 and 7079 are always the gate’s.',
  },
  volume_kind: {
    status: 403,
    sentence: 'The pod has a volume of a kind that leads out of the pod past the sidecar.',
    mend: 'Use emptyDir, configMap, secret, downwardAPI, projected, ephemeral, image or persistentVolumeClaim.',
  },
  reserved_volume: {
    status: 403,
    sentence: 'The pod uses a volume, claim or secret of the sidecar.',
    mend: 'Leave it out; only the keeper may have it.',
  },
  service_account_token: {
    status: 403,
    sentence: 'The pod would hold a token of its service account.',
    mend: 'Leave out `serviceAccountToken` and `clusterTrustBundle` sources and mounts below /var/run/secrets/kubernetes.io; the gate has the pod’s identity.',
  },
  mount_propagation: {
    status: 403,
    sentence: 'A mount would reach the node.',
    mend: 'Leave out `mountPropagation: Bidirectional`.',
  },
  environment_conflict: {
    status: 403,
    sentence: 'A container gives another value to a variable that the injector sets.',
    mend: 'Leave the variable out; it leads to the gate.',
  },
  environment_credential: {
    status: 403,
    sentence: 'A container is given what looks like a real credential.',
    mend: 'Leave the variable out and reach the API through the gate, which has the credential.',
  },
  name_resolution: {
    status: 403,
    sentence: 'The pod would resolve names in a way of its own, and the sidecar with it.',
    mend: 'Leave out `hostAliases`, `dnsConfig`, `hostnameOverride` and `dnsPolicy: None`.',
  },
  pod_sysctl: {
    status: 403,
    sentence: 'The pod changes settings of its kernel.',
    mend: 'Leave out `sysctls`.',
  },
  probe_elsewhere: {
    status: 403,
    sentence: 'A probe or a lifecycle hook has the node call another host for the agent.',
    mend: 'Leave out `host` in probes and lifecycle hooks.',
  },
  probe_unreachable: {
    status: 403,
    sentence:
      'A probe or a lifecycle hook comes through the network, which the firewall closes for the agent.',
    mend: 'Use `exec`.',
  },
  unguarded_init: {
    status: 403,
    sentence: 'A container would run before the sidecar does.',
    mend: 'Use a profile with native sidecars, or start it with the agent.',
  },
  network_annotation: {
    status: 403,
    sentence: 'An annotation gives the pod a further network, or asks its runtime for less confinement.',
    mend: 'Leave it out.',
  },
  mirror_pod: {
    status: 403,
    sentence: 'The pod mirrors one that its node runs already, and so can’t be injected.',
    mend: 'Run no static pods in a namespace of agents.',
  },
  ephemeral_container: {
    status: 403,
    sentence: 'An ephemeral container would join a pod of an agent.',
    mend: 'Look at logs, or run a copy of the pod in another namespace.',
  },
  pod_changed: {
    status: 403,
    sentence:
      'The change would replace what was admitted: an image, a container of the sidecar or its annotations.',
    mend: 'Delete the pod and create it anew.',
  },
  pod_entered: {
    status: 403,
    sentence:
      'Nobody enters a pod of an agent: exec, attach and port-forward reach what its containers hold.',
    mend: 'Look at logs and receipts.',
  },
  not_injected: {
    status: 403,
    sentence: 'The pod has no sidecar although its namespace asks for one.',
    mend: 'Check the mutating webhook: `kubectl get mutatingwebhookconfigurations countersign`.',
  },
  kind_unsupported: {
    status: null,
    sentence: 'The manifest is of a kind that has no pod which could be injected.',
    mend: 'Give a Pod, Deployment, ReplicaSet, ReplicationController, StatefulSet, DaemonSet, Job, CronJob or a List of them; `--pass-others` leaves others as they are.',
  },
  manifest_unreadable: {
    status: null,
    sentence: 'The manifests are not plain YAML.',
    mend: 'Write YAML without duplicate keys, aliases and tags.',
  },
  profiles_malformed: {
    status: null,
    sentence: 'The file with the profiles can’t be used.',
    mend: 'Mend what is listed; docs/kubernetes.md describes the file.',
  },
  injector_tls_unusable: {
    status: null,
    sentence: 'The injector’s certificate or key can’t be used.',
    mend: 'Give a PEM certificate and its key with --tls-cert and --tls-key, or neither, for a CA of the injector’s own.',
  },
  api_server_refused: {
    status: null,
    sentence: 'The API server didn’t take the CA of the injector.',
    mend: 'Give the injector’s service account the role that ships with it, and check that the webhook configuration exists.',
  },
  injector_listen_failed: {
    status: null,
    sentence: 'The injector can’t listen there.',
    mend: 'Name a free address in --listen.',
  },
} as const satisfies ErrorTable

export const injectorFault = errorsOf(injectorErrors)

export type RefusalCode = Exclude<
  keyof typeof injectorErrors,
  | 'reviews_crowded'
  | 'kind_unsupported'
  | 'manifest_unreadable'
  | 'profiles_malformed'
  | 'injector_tls_unusable'
  | 'api_server_refused'
  | 'injector_listen_failed'
>
