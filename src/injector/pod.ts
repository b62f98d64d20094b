/*
 * A pod as the checks read it: only what they look at, and everything else beside it (`unknown`). Values of these types
 * went through `POD_SHAPE` before; null stands for absent, as the API server takes it.
 */

type Maybe<T> = T | null | undefined

export interface Pod {
  readonly metadata?: Maybe<Metadata>
  readonly spec: PodSpec
  readonly [other: string]: unknown
}

export interface Metadata {
  readonly name?: Maybe<string>
  readonly namespace?: Maybe<string>
  readonly labels?: Maybe<Readonly<Record<string, string>>>
  readonly annotations?: Maybe<Readonly<Record<string, string>>>
  readonly [other: string]: unknown
}

export interface PodSpec {
  readonly containers?: Maybe<readonly Container[]>
  readonly initContainers?: Maybe<readonly Container[]>
  readonly volumes?: Maybe<readonly Volume[]>
  readonly securityContext?: Maybe<PodSecurity>
  readonly automountServiceAccountToken?: Maybe<boolean>
  readonly serviceAccountName?: Maybe<string>
  readonly runtimeClassName?: Maybe<string>
  readonly resources?: Maybe<Resources>
  readonly resourceClaims?: Maybe<
    readonly {
      readonly resourceClaimName?: Maybe<string>
      readonly resourceClaimTemplateName?: Maybe<string>
    }[]
  >
  readonly [other: string]: unknown
}

export interface Resources {
  readonly limits?: Maybe<Readonly<Record<string, unknown>>>
  readonly requests?: Maybe<Readonly<Record<string, unknown>>>
}

export interface Container {
  readonly name?: Maybe<string>
  readonly image?: Maybe<string>
  readonly env?: Maybe<readonly EnvVar[]>
  readonly envFrom?: Maybe<readonly { readonly secretRef?: Maybe<{ readonly name?: Maybe<string> }> }[]>
  readonly ports?: Maybe<
    readonly {
      readonly containerPort?: Maybe<number>
      readonly hostPort?: Maybe<number>
      readonly [other: string]: unknown
    }[]
  >
  readonly volumeMounts?: Maybe<readonly VolumeMount[]>
  readonly volumeDevices?: Maybe<readonly { readonly name?: Maybe<string> }[]>
  readonly securityContext?: Maybe<ContainerSecurity>
  readonly resources?: Maybe<Resources>
  readonly restartPolicy?: Maybe<string>
  readonly lifecycle?: Maybe<Readonly<Record<string, unknown>>>
  readonly [other: string]: unknown
}

export interface EnvVar {
  readonly name?: Maybe<string>
  readonly value?: Maybe<string>
  readonly valueFrom?: Maybe<{
    readonly secretKeyRef?: Maybe<{ readonly name?: Maybe<string> }>
    readonly [other: string]: unknown
  }>
}

export interface VolumeMount {
  readonly name?: Maybe<string>
  readonly mountPath?: Maybe<string>
  readonly mountPropagation?: Maybe<string>
  readonly [other: string]: unknown
}

interface Security {
  readonly runAsUser?: Maybe<number>
  readonly runAsGroup?: Maybe<number>
  readonly runAsNonRoot?: Maybe<boolean>
  readonly seccompProfile?: Maybe<{ readonly type?: Maybe<string> }>
  readonly appArmorProfile?: Maybe<{ readonly type?: Maybe<string> }>
  readonly seLinuxOptions?: Maybe<Readonly<Record<string, Maybe<string>>>>
  readonly windowsOptions?: unknown
}

export interface PodSecurity extends Security {
  readonly fsGroup?: Maybe<number>
  readonly supplementalGroups?: Maybe<readonly number[]>
  readonly sysctls?: Maybe<readonly unknown[]>
  readonly [other: string]: unknown
}

export interface ContainerSecurity extends Security {
  readonly allowPrivilegeEscalation?: Maybe<boolean>
  readonly privileged?: Maybe<boolean>
  readonly procMount?: Maybe<string>
  readonly readOnlyRootFilesystem?: Maybe<boolean>
  readonly capabilities?: Maybe<{
    readonly add?: Maybe<readonly string[]>
    readonly drop?: Maybe<readonly string[]>
  }>
}

export interface Volume {
  readonly name?: Maybe<string>
  readonly secret?: Maybe<{ readonly secretName?: Maybe<string>; readonly [other: string]: unknown }>
  readonly persistentVolumeClaim?: Maybe<{ readonly claimName?: Maybe<string> }>
  readonly projected?: Maybe<{
    readonly sources?: Maybe<readonly ProjectedSource[]>
    readonly [other: string]: unknown
  }>
  readonly [other: string]: unknown
}

export interface ProjectedSource {
  readonly secret?: Maybe<{ readonly name?: Maybe<string> }>
  readonly serviceAccountToken?: Maybe<Readonly<Record<string, unknown>>>
  readonly [other: string]: unknown
}

/** A container with its place in the pod. */
export interface PlacedContainer {
  readonly container: Container
  readonly at: string
  readonly init: boolean
}

/** Init containers first, as they run. */
export function containersOf(spec: PodSpec): readonly PlacedContainer[] {
  const placed = (member: 'initContainers' | 'containers', init: boolean) =>
    (spec[member] ?? []).map((container, i) => ({ container, at: `spec.${member}[${i}]`, init }))
  return [...placed('initContainers', true), ...placed('containers', false)]
}

/** The user that a container runs as; null where its image chooses. */
export function userOf({ securityContext }: Container, pod: PodSpec): number | null {
  return securityContext?.runAsUser ?? pod.securityContext?.runAsUser ?? null
}
