/** Called before a worker offers its functions; may take its time. */
export type Setup = () => void | Promise<void>;

/** What has to happen once before a worker starts. */
export class Setups {
  #left: Setup[];
  #running: Promise<void> | undefined;

  constructor(first: Setup | undefined) {
    this.#left = first === undefined ? [] : [first];
  }

  /** True while something is left to do. */
  get pending(): boolean {
    return this.#left.length > 0;
  }

  add(setup: Setup): void {
    this.#left.push(setup);
  }

  /** Runs them in order, each once, also when one throws and this is called again. Rejects with what one throws. */
  async run(): Promise<void> {
    this.#running ??= this.#runAll();
    try {
      await this.#running;
    } finally {
      this.#running = undefined;
    }
  }

  async #runAll(): Promise<void> {
    for (const setup of [...this.#left]) {
      await setup();
      this.#left = this.#left.filter((other) => other !== setup);
    }
  }
}
