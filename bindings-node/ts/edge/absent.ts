import { errorOf } from '../errors.js'

/** A class of the Node build that this build can not have. */
export function absent(name: string): new (...args: never[]) => never {
  return class {
    constructor() {
      throw errorOf(
        'invalid_config',
        `${name} is not in the edge build of hookseal, which signs and verifies only: a runtime without native addons has no sockets to deliver with. ` +
        'Send from a Node process, or sign here with Signer and post with fetch()',
      )
    }
  } as never
}
