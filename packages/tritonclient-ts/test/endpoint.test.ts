import { expect, test } from 'bun:test'
import { parseEndpoint } from '../src/channel.ts'

test('addresses', () => {
  const read = (url: string) => {
    const { target, tls, local } = parseEndpoint(url)
    return [target, tls, local]
  }
  expect(read('grpc://gpu1:9001')).toEqual(['dns:gpu1:9001', false, false])
  expect(read('grpcs://gpu1.example')).toEqual(['dns:gpu1.example:8001', true, false])
  expect(read('grpc://127.0.0.1/')).toEqual(['dns:127.0.0.1:8001', false, true])
  expect(read('grpc://[::1]:8001')).toEqual(['dns:[::1]:8001', false, true])
  expect(read('unix:/run/triton.sock')).toEqual(['unix:/run/triton.sock', false, true])
  const bad = [
    '',
    'gpu1',
    'gpu1:8001',
    'http://gpu1:8000',
    'grpc://',
    'grpc://a:0',
    'grpc://a:70000',
    'grpc://a:x',
  ]
  for (const url of [...bad, 'grpc://user:secret@a', 'grpc://a/path', 'grpc://a b', 'unix:', 'grpc://a,b'])
    expect(() => parseEndpoint(url)).toThrow('is not the address of a gRPC server')
})
