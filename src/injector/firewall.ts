import { PROBE_PORT } from './names.js'
import type { Profile } from './profile.js'

/**
 * The rules of the pod's network namespace, as one text that `nft` takes as its argument: all of them or none.
 *
 * Out: the gate and the keeper by their users; everybody within the pod; nobody else. IPv6's neighbour discovery is the
 * kernel's own and has no user (RFC 4861 §4). In: answers to what was let out, and the kubelet's probes of the gate.
 * ATTACK: with connections from outside let in, an agent would answer one and so talk to whom it likes.
 */
export function firewallRules({ users }: Profile): string {
  const neighbours =
    'icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept'
  return [
    'table inet countersign {',
    'chain outgoing { type filter hook output priority filter; policy drop;',
    'oifname "lo" accept;',
    `meta skuid { ${users.gate}, ${users.keeper} } accept;`,
    `${neighbours};`,
    '}',
    'chain incoming { type filter hook input priority filter; policy drop;',
    'iifname "lo" accept;',
    'ct state established,related accept;',
    `${neighbours};`,
    `tcp dport ${PROBE_PORT} accept;`,
    '}',
    'chain passing { type filter hook forward priority filter; policy drop; }',
    '}',
  ].join('\n')
}
