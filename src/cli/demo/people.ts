import { RAILWAY_IDS, STRIPE_IDS } from '../../sandbox/index.js'
import { type Answer, call } from './agent.js'
import { allowed, refusedAs } from './observed.js'
import type { Step } from './step.js'

/** What an operator's command line printed, and how it ended. */
export interface Said {
  readonly code: number
  readonly out: string
}

/** An agent, and people who hold its approvals, halts and freezes. */
export interface PeopleScene {
  readonly railway: string
  readonly stripe: string
  readonly grant: string
  /** Orders another grant for the same agent; rejects with what it was told. */
  readonly anotherGrant: () => Promise<string>
  /** Runs a command line of this program as the operator. */
  readonly operator: (...argv: readonly string[]) => Promise<Said>
  /** Countersigns what waits under this id with the key of that person. */
  readonly approve: (person: Person, id: string) => Promise<Said>
}

/** `maria` is whom the agent works for. */
export const PEOPLE = ['maria', 'jo', 'sam'] as const
export type Person = (typeof PEOPLE)[number]

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/

const bearer = (scene: PeopleScene) => ({ authorization: `Bearer ${scene.grant}` })
const railway = (scene: PeopleScene, query: string) =>
  call(`${scene.railway}/graphql/v2`, bearer(scene), { query })
const deleteVolume = (scene: PeopleScene) =>
  railway(scene, `mutation { volumeDelete(volumeId: "${RAILWAY_IDS.volume}") }`)
const redeploy = (scene: PeopleScene) =>
  railway(
    scene,
    `mutation { serviceInstanceRedeploy(environmentId: "${RAILWAY_IDS.staging}", serviceId: "${RAILWAY_IDS.web}") }`,
  )
const refund = (scene: PeopleScene) =>
  call(
    `${scene.stripe}/v1/refunds`,
    { ...bearer(scene), 'content-type': 'application/x-www-form-urlencoded' },
    `charge=${STRIPE_IDS.charge}&amount=18000`,
  )

/** What is seen where an operator's command didn't do its part: nothing that any step expects. */
function failed({ out }: Said): Answer {
  return { status: 0, headers: new Headers(), decision: null, receipt: null, words: out.trim(), body: null }
}

async function approvedBy(scene: PeopleScene, person: Person): Promise<Said> {
  const { words } = await refund(scene)
  return scene.approve(person, UUID.exec(words)?.[0] ?? '')
}

export const FREEZE: readonly Step<PeopleScene>[] = [
  {
    title: 'A code freeze begins. The agent has been told, and deletes all the same',
    act: async scene => {
      const frozen = await scene.operator('freeze', '--by', 'jo', '--because', 'the release is going out')
      return frozen.code === 0 ? deleteVolume(scene) : failed(frozen)
    },
    expect: refusedAs('frozen'),
  },
  {
    title: 'What was admitted before the freeze isn’t now',
    act: redeploy,
    expect: refusedAs('frozen'),
  },
  {
    title: 'Reading goes on',
    act: scene => railway(scene, `{ project(id: "${RAILWAY_IDS.project}") { name } }`),
    expect: allowed,
  },
  {
    title: 'The release is out, and whoever operates it ends the freeze with a signature',
    act: async scene => {
      const thawed = await scene.operator('thaw', '--by', 'jo', '--because', 'the release is out')
      return thawed.code === 0 ? redeploy(scene) : failed(thawed)
    },
    expect: allowed,
  },
]

export const REFUND: readonly Step<PeopleScene>[] = [
  {
    title: 'A refund of 180 euros is more than it may pay out by itself: two people have to agree',
    act: refund,
    expect: refusedAs('hold'),
  },
  {
    title: 'Maria, whom it works for, can’t agree to it',
    act: async scene => {
      const said = await approvedBy(scene, 'maria')
      return said.code !== 0 && said.out.includes('approver_is_owner') ? refund(scene) : failed(said)
    },
    expect: refusedAs('hold'),
  },
  {
    title: 'Jo agrees: that is one',
    act: async scene => {
      const said = await approvedBy(scene, 'jo')
      return said.code === 0 ? refund(scene) : failed(said)
    },
    expect: refusedAs('hold'),
  },
  {
    title: 'Sam agrees, and the very same call passes',
    act: async scene => {
      const said = await approvedBy(scene, 'sam')
      return said.code === 0 ? refund(scene) : failed(said)
    },
    expect: allowed,
  },
  {
    title: 'Once: to pay it out again they would have to agree again',
    act: refund,
    expect: refusedAs('hold'),
  },
]

export const HALT: readonly Step<PeopleScene>[] = [
  {
    title: 'It is halted, and goes on deleting',
    act: async scene => {
      const halted = await scene.operator(
        'halt',
        '--agent',
        'coder',
        '--by',
        'jo',
        '--because',
        'it goes on deleting',
      )
      if (halted.code !== 0) return failed(halted)
      const answers = [await deleteVolume(scene), await deleteVolume(scene), await deleteVolume(scene)]
      return answers.find(answer => !refusedAs('agent_halted')(answer)) ?? (answers[0] as Answer)
    },
    expect: answer => refusedAs('agent_halted')(answer) && answer.words.includes('it goes on deleting'),
  },
  {
    title: 'It gets no other grant',
    act: async scene => {
      const words = await scene.anotherGrant().then(
        () => 'it got one',
        (error: Error) => error.message,
      )
      return { status: 0, headers: new Headers(), decision: null, receipt: null, words, body: null }
    },
    expect: answer => answer.words.startsWith('grant_order_halted'),
  },
  {
    title: 'It is resumed with a signature, and what was revoked stays so',
    act: async scene => {
      const resumed = await scene.operator(
        'resume',
        '--agent',
        'coder',
        '--by',
        'jo',
        '--because',
        'a new task',
      )
      return resumed.code === 0 ? railway(scene, '{ projects { edges { node { id } } } }') : failed(resumed)
    },
    expect: refusedAs('grant_revoked'),
  },
]
