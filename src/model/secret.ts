import { inspect } from 'node:util';

const MASK = '•••';

/** A value that never shows itself: text, JSON and inspection print three dots. `reveal` is called where it is used. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}
