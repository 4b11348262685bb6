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

export const handleOf: (owner: Owner) => number = Owner.handleOf

/** An object of a class without fields of its own that owns this handle, past the class's constructor. */
export function adopt<T extends Owner>(Class: { readonly prototype: T }, handle: number): T {
  return Reflect.construct(Owner, [handle], Class as unknown as typeof Owner) as T
}
