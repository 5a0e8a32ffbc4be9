import { extname } from 'node:path'
import { DataError } from '../system/errors.ts'
import { parseJson } from '../system/json.ts'
import { messageOf } from '../system/problems.ts'
import { MOST_BYTES, readText, readWithin } from '../system/read-within.ts'
import { sha256File } from '../system/sha256.ts'
import { openSafetensors, verifyTorchFile } from '../torchfile/index.ts'
import type { Digest } from './remote-file.ts'

/**
 * Compares a file with the digest that was published, or, where none was, with what it says of itself: the checksums inside
 * a PyTorch file, sizes in a safetensors file, the form of JSON.
 *
 * @param target - the name it will have
 * @returns what is wrong, in words
 */
export async function faultOf(
  path: string,
  target: string,
  digest: Digest | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (digest === undefined) return await ownFault(path, extname(target))
  const found = digest.kind === 'sha256' ? await sha256File(path, signal) : await gitDigest(path)
  return found === digest.hex
    ? undefined
    : `its ${digest.kind === 'git' ? 'SHA-1 in git' : 'SHA-256'} is ${found}, but ${digest.hex} was published`
}

async function ownFault(path: string, kind: string): Promise<string | undefined> {
  try {
    switch (kind) {
      case '.safetensors':
        await (await openSafetensors(path)).close()
        break
      case '.json':
        parseJson(await readText(path, MOST_BYTES.state))
        break
      default:
        await verifyTorchFile(path)
    }
    return undefined
  } catch (error) {
    if (error instanceof DataError && error.kind !== 'badData') throw error
    return messageOf(error).replace(`${path}: `, '')
  }
}

/** What git calls a file. Small ones only: it is read whole. */
async function gitDigest(path: string): Promise<string> {
  const content = await readWithin(path, MOST_BYTES.state)
  return new Bun.CryptoHasher('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
}
