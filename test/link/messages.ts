import type { AdmitRequest, PolicyView, SettleRequest } from '../../src/link/index.js'

export const GATE_ID = '6f2c1a54-9f0e-4c8e-9d0b-0f6f4f1c2a77'

export function anAdmit(changes: Partial<AdmitRequest> = {}): AdmitRequest {
  return {
    type: 'admit',
    call: 1,
    policyCid: `sha256:${'a'.repeat(64)}`,
    api: 'billing',
    method: 'POST',
    target: '/invoices/7/void?reason=double',
    presented: { slot: 'bearer', token: 'header.payload.signature' },
    signed: null,
    foreign: [],
    body: { kind: 'inspected', sha256: 'b'.repeat(64), lengthBytes: 12 },
    classifier: 'rest/3',
    finding: {
      kind: 'operations',
      operations: [
        { name: 'POST /invoices/{id}/void', args: { id: '7', amount: 12.5, lines: [1, null, true] } },
      ],
    },
    ...changes,
  }
}

export function aSettle(changes: Partial<SettleRequest> = {}): SettleRequest {
  return {
    type: 'settle',
    call: 2,
    attempt: 41,
    status: 'completed',
    http: 200,
    upstreamId: 'req_1',
    bodySha256: null,
    responseSha256: 'c'.repeat(64),
    responseBytes: 512,
    ...changes,
  }
}

export function aPolicyView(version = 1): PolicyView {
  return {
    cid: `sha256:${String(version % 10).repeat(64)}`,
    version,
    expiresMs: 1_800_000_000_000,
    apis: [
      {
        name: 'billing',
        catalog: {
          v: 1,
          name: 'billing',
          protocol: 'rest',
          source: { package: '', version: '', digest: '' },
          profile: {
            dialect: 'rest',
            slots: ['bearer'],
            requestHeaders: [],
            responseHeaders: [],
            origins: { default: 'https://billing.internal' },
          },
          body: { routes: [] },
        },
        origins: { default: 'https://billing.internal' },
        privateUpstream: false,
      },
    ],
  }
}
