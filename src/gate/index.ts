export { connectKeeper, type KeeperClient, type KeeperClientOptions } from './keeper-client.js'
export type { AdmitCall, KeeperPort, SettleCall } from './keeper-port.js'
