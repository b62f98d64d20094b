import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { FullCheckReading, SinkReading, WitnessReading } from '../link/index.js'

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60]

/** What is asked when the metrics are read; null is no sample. */
export interface Readings {
  readonly openRequests: () => number
  /** Held requests whose agents wait for people. */
  readonly waiting: () => number
  readonly policyInForce: () => boolean
  readonly policyExpiresMs: () => number | null
  readonly enrolmentExpiresMs: () => number | null
  readonly shipping: () => readonly SinkReading[]
  readonly witnesses: () => WitnessReading | null
  readonly fullCheck: () => FullCheckReading | null
}

/**
 * Prometheus metrics of one gate. Labels come from the sealed policy's API names and from the tables of codes
 * alone, so that no agent can grow them.
 */
export class Metrics {
  readonly registry = new Registry()
  private readonly requests = new Counter({
    name: 'countersign_requests_total',
    help: 'Requests by API, effect of the decision and code.',
    labelNames: ['api', 'effect', 'code'],
    registers: [this.registry],
  })
  private readonly faults = new Counter({
    name: 'countersign_upstream_faults_total',
    help: 'Admitted requests whose answer was not the upstream’s own, by API and code.',
    labelNames: ['api', 'code'],
    registers: [this.registry],
  })
  private readonly upstream = new Histogram({
    name: 'countersign_upstream_seconds',
    help: 'From sending a request to the upstream’s response headers.',
    labelNames: ['api'],
    buckets: SECONDS,
    registers: [this.registry],
  })
  private readonly admit = new Histogram({
    name: 'countersign_admit_seconds',
    help: 'From asking the keeper to its verdict.',
    buckets: SECONDS,
    registers: [this.registry],
  })
  private readonly foreign = new Counter({
    name: 'countersign_foreign_credentials_total',
    help: 'Requests that carried a credential which is not a grant.',
    labelNames: ['api'],
    registers: [this.registry],
  })
  private readonly malformed = new Counter({
    name: 'countersign_malformed_connections_total',
    help: 'Connections closed because what came was not HTTP.',
    registers: [this.registry],
  })
  private readonly crowding = new Counter({
    name: 'countersign_crowded_connections_total',
    help: 'Connections closed because there were as many as there may be.',
    registers: [this.registry],
  })

  constructor({
    openRequests,
    waiting,
    policyInForce,
    policyExpiresMs,
    enrolmentExpiresMs,
    shipping,
    witnesses,
    fullCheck,
  }: Readings) {
    new Gauge({
      name: 'countersign_open_requests',
      help: 'Requests between arrival and outcome.',
      registers: [this.registry],
      collect() {
        this.set(openRequests())
      },
    })
    new Gauge({
      name: 'countersign_waiting_requests',
      help: 'Held requests that keep their connection open until people have decided.',
      registers: [this.registry],
      collect() {
        this.set(waiting())
      },
    })
    new Gauge({
      name: 'countersign_keeper_up',
      help: '1 while the keeper is connected and a policy is in force.',
      registers: [this.registry],
      collect() {
        this.set(policyInForce() ? 1 : 0)
      },
    })
    this.known(
      'countersign_policy_expires_timestamp_seconds',
      'When the policy in force expires, Unix time; every request is denied from then on.',
      () => secondsOf(policyExpiresMs()),
    )
    this.known(
      'countersign_enrolment_expires_timestamp_seconds',
      'When the certificate over this sidecar’s keys expires, Unix time; no start after it.',
      () => secondsOf(enrolmentExpiresMs()),
    )
    this.perSink(
      'countersign_shipped_entries',
      'Receipts that a place off the host has.',
      shipping,
      sink => sink.shipped,
    )
    this.perSink(
      'countersign_shipping_lag_entries',
      'Receipts that a place off the host hasn’t yet.',
      shipping,
      sink => sink.lagEntries,
    )
    this.perSink(
      'countersign_shipping_lag_seconds',
      'Age of the oldest receipt that a place off the host hasn’t yet.',
      shipping,
      sink => sink.lagSeconds,
    )
    this.perSink(
      'countersign_shipping_failing',
      '1 while receipts can’t be shipped to a place.',
      shipping,
      sink => (sink.failing ? 1 : 0),
    )
    this.known(
      'countersign_witnessed_entries',
      'Receipts that a quorum of witnesses has cosigned.',
      () => witnesses()?.witnessed ?? null,
    )
    this.known(
      'countersign_witness_lag_entries',
      'Receipts that no quorum of witnesses has cosigned yet.',
      () => witnesses()?.lag?.entries ?? null,
    )
    this.known(
      'countersign_witness_lag_seconds',
      'Age of the oldest receipt that no quorum of witnesses has cosigned yet.',
      () => witnesses()?.lag?.seconds ?? null,
    )
    this.known(
      'countersign_full_check_size_entries',
      'Receipts that the keeper’s start found, all of which are read behind it.',
      () => fullCheck()?.size ?? null,
    )
    this.known(
      'countersign_full_check_entries',
      'Of these, so many were read and hold.',
      () => fullCheck()?.entries ?? null,
    )
    this.known('countersign_full_check_failing', '1 where that reading can’t be done to its end.', () => {
      const reading = fullCheck()
      return reading === null ? null : Number(reading.failing)
    })
    this.known(
      'countersign_full_check_sound_timestamp_seconds',
      'When the whole ledger was last found sound, Unix time.',
      () => secondsOf(fullCheck()?.soundMs ?? null),
    )
    new Gauge({
      name: 'countersign_witness_failing',
      help: '1 while a witness gives no cosignature.',
      labelNames: ['witness'],
      registers: [this.registry],
      collect() {
        this.reset()
        for (const { name, failing } of witnesses()?.witnesses ?? [])
          this.set({ witness: name }, failing ? 1 : 0)
      },
    })
  }

  /** Labels are the names in the configuration. */
  private perSink(
    name: string,
    help: string,
    sinks: Readings['shipping'],
    value: (sink: SinkReading) => number,
  ): void {
    new Gauge({
      name,
      help,
      labelNames: ['sink'],
      registers: [this.registry],
      collect() {
        this.reset()
        for (const sink of sinks()) this.set({ sink: sink.name }, value(sink))
      },
    })
  }

  /** Without a sample while unknown: an alarm on its absence is an alarm of its own, and a zero would be a lie. */
  private known(name: string, help: string, read: () => number | null): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      // Labels none, so that `remove` takes the only sample.
      collect() {
        const value = read()
        if (value === null) this.remove()
        else this.set(value)
      },
    })
  }

  decided(api: string, effect: string, code: string): void {
    this.requests.inc({ api, effect, code })
  }

  faulted(api: string, code: string): void {
    this.faults.inc({ api, code })
  }

  foreignCredential(api: string): void {
    this.foreign.inc({ api })
  }

  malformedConnection(): void {
    this.malformed.inc()
  }

  crowded(): void {
    this.crowding.inc()
  }

  admitSeconds(elapsedMs: number): void {
    this.admit.observe(elapsedMs / 1000)
  }

  upstreamSeconds(api: string, elapsedMs: number): void {
    this.upstream.observe({ api }, elapsedMs / 1000)
  }
}

function secondsOf(ms: number | null): number | null {
  return ms === null ? null : ms / 1_000
}
