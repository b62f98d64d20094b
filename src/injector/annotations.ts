import { OUR_PREFIX } from './names.js'

/*
 * Annotations of others that change what a pod is. RE2 reads these as well: `npm run manifests` writes them into the chart,
 * whose policies hold the same without the injector.
 */

/** Multus and its like add interfaces that no NetworkPolicy knows; others give a pod the address of its choice. */
const NETWORK_ORDER =
  /^([a-z0-9-]+\.)*(cni\.cncf\.io|multus-cni\.io|projectcalico\.org|ovn\.org|ovn\.kubernetes\.io|spidernet\.io|danm\.io|networking\.gke\.io)(\/|$)/

/**
 * What CRI-O, containerd, Kata, gVisor and their plugins take from a pod: devices, mounts, user namespaces, hypervisors.
 * They read it anew when a container starts again.
 */
const RUNTIME_ORDER =
  /^(([a-z0-9-]+\.)*(crio\.io|cri-o\.io|nri\.io|nri\.containerd\.io|cdi\.k8s\.io)(\/|$)|io\.(kubernetes\.cri|katacontainers|containerd)[.-]|dev\.gvisor\.)/

/** No new pod has one of these; on one that runs, what isn't held below is what a plugin has written of it. */
export const REFUSED_ANNOTATION = new RegExp(`${NETWORK_ORDER.source}|${RUNTIME_ORDER.source}`)

/**
 * These stay as a pod was admitted with them. ATTACK: some plugins add an interface to a pod that runs already. What they
 * write of it themselves is another key.
 */
export const HELD_ANNOTATION = new RegExp(
  `^${OUR_PREFIX.replace('.', '\\.')}|\\bcni\\.cncf\\.io\\/networks$|${RUNTIME_ORDER.source}`,
)
