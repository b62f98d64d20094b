import type {
  AdmitReply,
  AdmitRequest,
  CutOrder,
  FullCheckReading,
  PolicyView,
  SettleReply,
  SettleRequest,
  SinkReading,
  WatchedChange,
  WitnessReading,
} from '../link/index.js'

/** An `admit` without its framing: the client of the link numbers the call. */
export type AdmitCall = Omit<AdmitRequest, 'type' | 'call'>
export type SettleCall = Omit<SettleRequest, 'type' | 'call'>

/** All that the gate wants of the keeper. The link's client serves it; tests serve it from a table. */
export interface KeeperPort {
  /** Origin of the log with its epoch, for the anchor header; null until the keeper has welcomed this gate. */
  origin(): string | null
  /** False until the keeper's welcome, and while the link is down. */
  connected(): boolean
  /** The policy in force; null while there is none or the keeper is out of reach. */
  policy(): PolicyView | null
  /** Unix milliseconds: when the certificate over the sidecar’s keys ends; null until the keeper has said so. */
  enrolmentExpiresMs(): number | null
  /** How far the ledger's copies are; null where there are none, or the keeper is out of reach. */
  shipping(): readonly SinkReading[] | null
  /** What witnesses have cosigned; null where none is asked, or the keeper is out of reach. */
  witnesses(): WitnessReading | null
  /** How far the reading of the whole ledger is; null where there is none, or the keeper is out of reach. */
  fullCheck(): FullCheckReading | null
  /** Calls the listener after every change of what `policy()` answers. Returns a function that ends it. */
  onPolicy(listener: (view: PolicyView | null) => void): () => void
  /** Calls the listener with each order to break off what is under way. Returns a function that ends it. */
  onCut(listener: (order: CutOrder) => void): () => void
  /**
   * Asks for one request. Resolves with the verdict, whose receipt is durable. Rejects with a CountersignError
   * when the keeper is out of reach, slower than a deadline of the port, or answers a fault: the gate then
   * forwards nothing. The port itself settles as `not_sent` what is admitted after its deadline.
   */
  admit(call: AdmitCall): Promise<AdmitReply>
  /**
   * Resolves when people have decided about an approval, or it has ended; the request has to be asked for again then.
   * Rejects where the keeper is out of reach.
   */
  watch(approval: string): Promise<WatchedChange>
  /** Closes an admitted attempt; called exactly once for each `forward`. Rejects when the keeper is out of reach. */
  settle(call: SettleCall): Promise<SettleReply>
}
