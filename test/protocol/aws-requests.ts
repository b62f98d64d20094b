import type { Header, RawRequest } from '../../src/protocol/index.js'
import { signedFor } from './aws-fixture.js'
import { FORM, request } from './requests.js'

/** A call of a query service. */
export function form(
  service: string,
  body: string,
  options: { readonly target?: string; readonly region?: string } = {},
): RawRequest {
  const { target = '/', region = 'eu-west-1' } = options
  return request('POST', target, { headers: [...signedFor(service, { region }), FORM], body })
}

/** A call of a JSON service. */
export function json(
  service: string,
  target: string,
  body: string,
  more: readonly Header[] = [],
): RawRequest {
  const headers: readonly Header[] = [
    ...signedFor(service),
    ['x-amz-target', target],
    ['content-type', 'application/x-amz-json-1.0'],
    ...more,
  ]
  return request('POST', '/', { headers, body })
}

/** A call of S3 whose payload isn't signed unless told. */
export function s3(
  method: string,
  target: string,
  options: { readonly headers?: readonly Header[]; readonly body?: string } = {},
): RawRequest {
  const { headers = [], body } = options
  const named = headers.some(([name]) => name === 'x-amz-content-sha256')
  const payload: readonly Header[] = named ? [] : [['x-amz-content-sha256', 'UNSIGNED-PAYLOAD']]
  const all = [...signedFor('s3'), ...payload, ...headers]
  return request(method, target, body === undefined ? { headers: all } : { headers: all, body })
}
