export { Channel, type ChannelEvents, type ChannelOptions } from './channel.js'
export { encodeMessage, fromGate, fromKeeper, type Inbound } from './codec.js'
export { type GrantRefusal, linkErrors, linkFault } from './error-table.js'
export { encodeFrame, type Frame, FrameReader } from './frame.js'
export { areSayable, checkSayable, isSayable } from './gate-messages.js'
export { MAX_BUDGETS, MAX_CUT } from './keeper-messages.js'
export type {
  AdmissionCode,
  AdmitReply,
  AdmitRequest,
  ApiView,
  BodySummary,
  BudgetReading,
  CutOrder,
  Finding,
  FullCheckReading,
  FullCheckUpdate,
  GateMessage,
  Hello,
  KeeperMessage,
  LinkFault,
  PolicyUpdate,
  PolicyView,
  ReceiptAnchor,
  SettleReply,
  SettleRequest,
  ShippingUpdate,
  SignedRequest,
  SinkReading,
  Verdict,
  WatchedChange,
  WatchReply,
  WatchRequest,
  Welcome,
  WitnessReading,
  WitnessUpdate,
} from './messages.js'
export { POD_GRANT } from './pod-grant.js'
