import type { Static } from 'typebox'
import { Type } from '../policy/index.js'

const strict = { additionalProperties: false }
const text = (description: string) => Type.String({ minLength: 1, description })

const common = {
  name: Type.String({
    pattern: '^[a-z0-9][a-z0-9-]{0,62}$',
    description: 'Names the place in logs, metrics and status, and the file that says how far it is.',
  }),
  everySeconds: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 3_600,
      description:
        'Longest time, in seconds, that receipts wait for company; 10 for an object store and 1 for the others unless told. A policy’s `maxUnshipped` shortens it.',
    }),
  ),
  ca: Type.Optional(
    text(
      'The CA, PEM, that its certificate is issued by, instead of the system’s. Relative to the configuration file.',
    ),
  ),
}
const required = Type.Optional(
  Type.Boolean({
    description: 'Whether receipts count as shipped only when this place has them; true unless told.',
  }),
)
const credential = Type.Union(
  [
    Type.Object({ vault: text('Name of an entry of the vault, of the kind ship-s3 or ship-http.') }, strict),
    Type.Object(
      { file: text('File with the secret, mode 0600. Relative to the configuration file.') },
      strict,
    ),
  ],
  { description: 'Where the credential is; never in this file. It is read anew for every batch.' },
)

const ObjectStore = Type.Object(
  {
    ...common,
    s3: Type.Object(
      {
        endpoint: Type.String({
          pattern: '^https?://[^\\s/@?#]+$',
          description: 'Origin of the S3 API, without the bucket. http:// only for a test audience.',
        }),
        region: Type.String({ pattern: '^[a-z0-9-]{1,64}$', description: 'Region that is signed for.' }),
        bucket: Type.String({
          pattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$',
          description: 'Bucket, addressed by path.',
        }),
        prefix: Type.Optional(
          Type.String({
            pattern: '^[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$',
            maxLength: 512,
            description: 'Put before every name; nothing unless told.',
          }),
        ),
        objectLock: Type.Optional(
          Type.Object(
            {
              mode: Type.Union([Type.Literal('GOVERNANCE'), Type.Literal('COMPLIANCE')], {
                description: 'COMPLIANCE: nobody can delete or shorten it, the account’s root included.',
              }),
              days: Type.Integer({
                minimum: 1,
                maximum: 36_500,
                description: 'Days that every object is kept from when it was put.',
              }),
            },
            { ...strict, description: 'Retention of every object; the bucket’s own default unless told.' },
          ),
        ),
        neverOverwrite: Type.Optional(
          Type.Boolean({
            description:
              'Puts with If-None-Match: an object that is there is read and compared instead. The credential must be able to read then.',
          }),
        ),
      },
      { ...strict, description: 'An object store with the S3 API.' },
    ),
    credential,
    required,
  },
  { ...strict, description: 'A bucket, best with object lock.' },
)

const Collector = Type.Object(
  {
    ...common,
    http: Type.Object(
      {
        url: Type.String({
          pattern: '^https?://[^\\s/@?#]+/[^\\s@?#]*$',
          description: 'Where batches are posted; without user and query. http:// only for a test audience.',
        }),
        auth: Type.Union([Type.Literal('hmac'), Type.Literal('bearer')], {
          description:
            'How the secret proves who sends: a MAC over each batch, or as it is in Authorization.',
        }),
      },
      { ...strict, description: 'A collector that takes batches by POST; docs/shipping.md is the contract.' },
    ),
    credential,
    required,
  },
  { ...strict, description: 'A collector by HTTP.' },
)

const Syslog = Type.Object(
  {
    ...common,
    syslog: Type.Object(
      {
        to: Type.String({
          pattern: '^(tls|tcp)://[^\\s/@?#]+:[0-9]{1,5}$',
          description: 'tls://host:port (RFC 5425), or tcp://host:port (RFC 6587) to a relay on this host.',
        }),
        facility: Type.Optional(
          Type.Integer({ minimum: 0, maximum: 23, description: 'Facility; 13, log audit, unless told.' }),
        ),
        enterprise: Type.Optional(
          Type.Integer({
            minimum: 0,
            maximum: 4_294_967_295,
            description:
              'Your private enterprise number, for the structured data `countersign@NUMBER`; 32473, the one for examples, unless told.',
          }),
        ),
      },
      { ...strict, description: 'A syslog server.' },
    ),
  },
  {
    ...strict,
    description: 'A syslog server. It acknowledges nothing, so that no receipt counts as shipped by it.',
  },
)

/** `ledger.ship`: where receipts are shipped to. */
export const Ship = Type.Array(Type.Union([ObjectStore, Collector, Syslog]), {
  maxItems: 16,
  description: 'Places off this host that every receipt is shipped to.',
})
export type ShipPlace = Static<typeof Ship>[number]
export type ShipCredential = Static<typeof credential>
