/**
 * Stands in a slot where the gate is to put the identity of its own pod. It is no secret, and good for nothing anywhere
 * else: the gate that takes it listens within the pod alone.
 */
export const POD_GRANT = 'countersign-pod'
