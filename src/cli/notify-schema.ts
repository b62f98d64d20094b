import type { Static } from 'typebox'
import { Type } from '../policy/index.js'

const strict = { additionalProperties: false }
const name = Type.String({
  pattern: '^[a-z0-9][a-z0-9-]{0,62}$',
  description: 'Names the place in log and status.',
})

const Webhook = Type.Object(
  {
    name,
    webhook: Type.Object(
      {
        url: Type.String({
          pattern: '^https?://[^\\s/@?#]+(/[^\\s?#]*)?$',
          maxLength: 2_048,
          description: 'Where each event is posted to. http:// only for a test audience.',
        }),
        secret: Type.Union(
          [
            Type.Object(
              {
                vault: Type.String({
                  minLength: 1,
                  description: 'Entry of the vault, of the kind ship-http.',
                }),
              },
              strict,
            ),
            Type.Object(
              { file: Type.String({ minLength: 1, description: 'File with the secret, mode 0600.' }) },
              strict,
            ),
          ],
          { description: 'What the signature is made with; never in this file. Read anew for every event.' },
        ),
        ca: Type.Optional(
          Type.String({
            minLength: 1,
            description: 'The CA, PEM, that its certificate is issued by, instead of the system’s.',
          }),
        ),
      },
      strict,
    ),
  },
  strict,
)

const Hook = Type.Object(
  {
    name,
    command: Type.Array(Type.String({ maxLength: 4_096 }), {
      minItems: 1,
      maxItems: 64,
      description:
        'Program, by its absolute path, and arguments: started for each event, which it reads as JSON from its input. No shell, and no environment but PATH.',
    }),
  },
  strict,
)

const Place = Type.Union([Webhook, Hook])
export const Notify = Type.Array(Place, {
  maxItems: 8,
  description: 'Who is told of approvals, halts and freezes.',
})
export type NotifyPlace = Static<typeof Place>
