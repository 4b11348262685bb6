import native = require('../native.js')

const registry = new FinalizationRegistry<number>(native.free)

/** Frees the native object when its owner is collected. */
export function freeWith(owner: object, handle: number): void {
  registry.register(owner, handle)
}

/** The owner of one native object. */
export abstract class Owner {
  readonly #handle: number

  protected constructor(handle: number) {
    this.#handle = handle
    freeWith(this, handle)
  }

  /** @internal */
  static handleOf(owner: Owner): number {
    return owner.#handle
  }
}

export const handleOf = Owner.handleOf
