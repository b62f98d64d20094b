import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseDurationSeconds, parseUtcMs } from '../../src/policy/duration.js'
import { nearest } from '../../src/policy/finding.js'
import { globMatches, globMeetsName, globsMeet } from '../../src/policy/glob.js'
import { isPrivateHost, parseOrigin } from '../../src/policy/upstream.js'
import { isZone, windowTest } from '../../src/policy/window.js'

describe('a pattern', () => {
  it('matches whole texts, * any run of letters', () => {
    const yes: readonly (readonly [string, string])[] = [
      ['*', ''],
      ['*', 'a/b'],
      ['a*', 'a'],
      ['a*c', 'abc'],
      ['a*b*c', 'aXbYc'],
      ['*b', 'bb'],
      ['a.c', 'a.c'],
      ['a**b', 'ab'],
    ]
    const no: readonly (readonly [string, string])[] = [
      ['a', 'ab'],
      ['a*', 'ba'],
      ['a*a', 'a'],
      ['a.c', 'abc'],
      ['*ab', 'aba'],
      ['a*b*c', 'acb'],
      ['', 'a'],
      ['ab*ba', 'aba'],
    ]
    for (const [pattern, text] of yes) assert.ok(globMatches(pattern, text), `${pattern} ${text}`)
    for (const [pattern, text] of no) assert.ok(!globMatches(pattern, text), `${pattern} ${text}`)
  })

  it('means the same as the regular expression with .* for every star', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 6 })
    const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 })
    fc.assert(
      fc.property(letters, text, (pattern, sample) => {
        assert.equal(
          globMatches(pattern, sample),
          new RegExp(`^${pattern.replaceAll('*', '.*')}$`, 's').test(sample),
        )
      }),
      { numRuns: 500 },
    )
  })

  it('ATTACK: a text made to backtrack costs no more than another', () => {
    assert.equal(globMatches(`${'a*'.repeat(40)}b`, 'a'.repeat(100_000)), false)
  })

  it('meets another, or a name of which stars stand for no colon, exactly where a text matches both', () => {
    const texts = ['']
    for (const text of texts)
      if (text.length < 8) for (const letter of ['a', 'b', ':']) texts.push(text + letter)
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', ':', '*'), maxLength: 4 })
    const matching = (of: string, star: string): RegExp => new RegExp(`^${of.replaceAll('*', star)}$`)
    fc.assert(
      fc.property(pattern, pattern, (one, other) => {
        const first = texts.filter(text => matching(one, '.*').test(text))
        for (const [meet, star] of [
          [globsMeet, '.*'],
          [globMeetsName, '[^:]*'],
        ] as const)
          assert.equal(
            meet(one, other),
            first.some(text => matching(other, star).test(text)),
          )
      }),
      {
        numRuns: 300,
        examples: [
          [':ab', ':*'],
          ['a:b:a', 'a:*:a'],
          ['a::a', 'a:*:a'],
          ['a:b:a', 'a:*a'],
        ],
      },
    )
  })
})

describe('durations and times', () => {
  it('are read to the letter', () => {
    assert.deepEqual(
      ['90s', '30m', '8h', '7d', '366d'].map(parseDurationSeconds),
      [90, 1_800, 28_800, 604_800, 31_622_400],
    )
    assert.deepEqual(
      ['0s', '1.5h', '30', 'm', '-1h', '1 h', '367d', '1w', ''].map(parseDurationSeconds),
      Array(9).fill(null),
    )
    assert.equal(parseUtcMs('2027-02-01T00:00:00Z'), Date.UTC(2027, 1, 1))
    assert.deepEqual(
      ['2027-02-01', '2027-02-30T00:00:00Z', '2027-02-01T00:00:00+00:00', 'x'].map(parseUtcMs),
      [null, null, null, null],
    )
  })
})

describe('an upstream', () => {
  it('is an origin and nothing more', () => {
    for (const good of [
      'https://a.example',
      'http://127.0.0.1:7',
      'https://[::1]:8443',
      'https://a.example:443',
    ]) {
      assert.notEqual(parseOrigin(good), null, good)
    }
    for (const bad of [
      'https://a/',
      'https://a?x',
      'https://u@a',
      'ftp://a',
      'https://a#x',
      'https://a\\b',
      'https://a:99999',
      '//a',
      '',
    ]) {
      assert.equal(parseOrigin(bad), null, bad)
    }
  })

  it('is private by range or by name', () => {
    for (const host of [
      '127.0.0.1',
      '10.0.0.1',
      '172.16.0.1',
      '192.168.1.1',
      '169.254.169.254',
      '100.64.0.1',
      '[::1]',
      '[fd00::1]',
      '[fe80::1]',
      'localhost',
      'db',
      'x.internal',
      'a.default.svc',
      'a.svc.cluster.local',
    ]) {
      assert.ok(isPrivateHost(host), host)
    }
    for (const host of [
      '8.8.8.8',
      '172.32.0.1',
      '192.169.1.1',
      '[2606:4700::1]',
      'api.example.com',
      'internal.example.com',
    ]) {
      assert.ok(!isPrivateHost(host), host)
    }
  })
})

describe('a window', () => {
  it('in a zone without summer time is open for exactly its minutes', () => {
    const isOpen = windowTest({ from: 9 * 60, to: 17 * 60, zone: 'UTC' })
    const minutes = Array.from({ length: 1_440 }, (_, i) => isOpen(Date.UTC(2027, 0, 1, 0, i)))
    assert.equal(minutes.filter(Boolean).length, 480)
    assert.deepEqual([minutes[539], minutes[540], minutes[1019], minutes[1020]], [false, true, true, false])
  })

  it('across midnight is the complement of the window from its end to its start', () => {
    const night = windowTest({ from: 1_320, to: 360, zone: 'America/New_York' })
    const day = windowTest({ from: 360, to: 1_320, zone: 'America/New_York' })
    fc.assert(fc.property(fc.integer({ min: 0, max: 4e12 }), ms => night(ms) !== day(ms)))
  })

  it('knows zones by their IANA names', () => {
    assert.deepEqual(['Europe/Berlin', 'UTC', 'Europe/Bonn', '+01:00', ''].map(isZone), [
      true,
      true,
      false,
      false,
      false,
    ])
  })
})

describe('a suggestion', () => {
  it('is the nearest name, and none where nothing is near', () => {
    assert.equal(nearest('volumDelete', ['volumeCreate', 'volumeDelete']), 'volumeDelete')
    assert.equal(nearest('READ', ['read', 'update']), 'read')
    assert.equal(nearest('xyz', ['read', 'update']), null)
  })
})
