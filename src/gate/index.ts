export type { AdmitCall, KeeperPort, SettleCall } from './keeper-port.js'
