import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { imageTagFor, LEAST_GLIBC, NVIDIA_INDEX, PINS, pinFor } from '../../../src/server/runtime/pins.ts'
import { machineProblem } from '../../../src/server/runtime/private.ts'
import { bytes } from '../../../src/text/numbers.ts'

const pinned = (...capabilities: string[]) => pinFor(capabilities)?.tensorrt

test('each GPU gets a TensorRT that supports it, and several get one for all', () => {
  expect(pinned()).toBe('10.6.0')
  for (const capability of ['7.5', '8.0', '8.6', '8.9', '9.0']) expect(pinned(capability)).toBe('10.6.0')
  for (const capability of ['10.0', '12.0']) expect(pinned(capability)).toBe('10.13.3.9')
  expect(pinned('7.5', '10.0', '9.0')).toBe('10.13.3.9')
  for (const capability of ['6.1', '7.0']) expect(pinned('9.0', capability)).toBeUndefined()
})

test('the oldest driver chooses the image', () => {
  expect(imageTagFor([])).toBe('26.09-py3')
  expect(imageTagFor([{}])).toBe('26.09-py3')
  expect(imageTagFor([{ driver: '580.159.04' }])).toBe('26.09-py3')
  expect(imageTagFor([{ driver: '580.159.04' }, { driver: '570.86.15' }])).toBe('25.03-py3')
})

test('the documentation has the same versions, packages and sizes', () => {
  const text = readFileSync(resolve(import.meta.dir, '../../../docs/reference/servers.md'), 'utf8')
  for (const { name, tensorrt, server, packages, products, downloadBytes, diskBytes } of PINS) {
    for (const each of [server, ...packages, ...(products ? [products.name] : [])])
      expect(text).toContain(each)
    expect(text).toContain(`TensorRT ${tensorrt}`)
    if (tensorrt === '10.6.0') expect(text).toContain(name)
    const sizes = [
      downloadBytes,
      diskBytes,
      ...(products ? [products.downloadBytes, products.diskBytes] : []),
    ]
    for (const size of sizes) expect(text).toContain(bytes(size))
  }
  for (const tag of ['26.09-py3', '25.03-py3']) expect(text).toContain(`\`${tag}\``)
  expect(text).toContain(`--extra-index-url ${NVIDIA_INDEX} `)
  expect(text).toContain(`glibc ${LEAST_GLIBC} or later`)
})

test('a system whose C library is too old is shown the way to a container', () => {
  const linux = { os: 'linux', arch: 'x64' }
  for (const glibc of ['2.35', '2.36', '3.0']) expect(machineProblem({ ...linux, glibc })).toBeUndefined()
  for (const glibc of ['2.28', '2.34'])
    expect(machineProblem({ ...linux, glibc })).toMatch(/RHEL 8 and 9.*Apptainer/)
  expect(machineProblem(linux)).toMatch(/another C library.*Apptainer/)
  expect(machineProblem({ os: 'linux', arch: 'arm64', glibc: '2.36' })).toMatch(/Linux on x86-64/)
  expect(machineProblem({ os: 'darwin', arch: 'x64' })).toMatch(/Linux on x86-64/)
})
