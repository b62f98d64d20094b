import { malformed, readList, readMap, readMembers, readText } from '../document-shape.js'
import type { AwsAddition, AwsDocument } from './document.js'
import { readHttpTemplate } from './http-template.js'
import { readClasses } from './operation.js'

/** `aws`, `aws-cn`, `aws-us-gov` and those to come. */
const PARTITION = /^aws(?:-[a-z]+)*$/
const REGION = /^[a-z]{2,3}(?:-[a-z]+)+-[0-9]{1,2}$/
const OPERATION = /^[A-Za-z][A-Za-z0-9_]{0,127}$/

/**
 * Checks the body of a catalog of AWS whole, but for the services' texts; throws `catalog_malformed`. What it gives
 * can't change any more, at any depth.
 */
export function readAwsDocument(body: unknown): AwsDocument {
  const it = readMembers(body, 'body', ['partition', 'account', 'regions', 'services', 'more'])
  const services = Object.freeze(readMap(it.services, 'body.services', readText))
  return Object.freeze({
    partition: readMatching(it.partition, 'body.partition', PARTITION),
    account: readMatching(it.account, 'body.account', /^[0-9]{12}$/),
    regions: Object.freeze(
      readList(it.regions, 'body.regions', (region, at) => readMatching(region, at, REGION)),
    ),
    services,
    more: Object.freeze(
      readList(it.more, 'body.more', (value, where) => readAddition(value, where, services)),
    ),
  })
}

/** Region names as AWS gives them: they become part of a host. */
export function isRegion(text: string): boolean {
  return REGION.test(text)
}

function readAddition(
  value: unknown,
  where: string,
  services: Readonly<Record<string, string>>,
): AwsAddition {
  const it = readMembers(value, where, ['service', 'name', 'http', 'classes'])
  const service = readText(it.service, `${where}.service`)
  if (!Object.hasOwn(services, service)) throw malformed(`${where}.service`, 'a service of the catalog')
  const http = it.http === null ? null : readText(it.http, `${where}.http`)
  if (http !== null) readHttpTemplate(http, [], `${where}.http`)
  return Object.freeze({
    service,
    name: readMatching(it.name, `${where}.name`, OPERATION),
    http,
    classes: Object.freeze(readClasses(it.classes, `${where}.classes`)),
  })
}

function readMatching(value: unknown, where: string, form: RegExp): string {
  const text = readText(value, where)
  if (!form.test(text)) throw malformed(where, 'another form')
  return text
}
