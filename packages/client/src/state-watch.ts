/** Looks at something, and settles a promise once it has seen what it waits for. */
type Look<T> = (resolve: (value: T) => void, reject: (error: Error) => void) => boolean;

/** Promises of what somebody's state will be. Made when asked for; looked at after every change. */
export class StateWatch {
  #waiting: readonly (() => boolean)[] = [];

  until<T>(look: Look<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!look(resolve, reject)) this.#waiting = [...this.#waiting, () => look(resolve, reject)];
    });
  }

  /** The state has changed. */
  look(): void {
    this.#waiting = this.#waiting.filter((isSettled) => !isSettled());
  }
}
