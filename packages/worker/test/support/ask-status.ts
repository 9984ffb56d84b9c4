import { createPool, type Pool } from '@gearman/pool';

/** The figures of one function, as a server tells them to anybody. */
export interface Figures {
  readonly total: number;
  readonly running: number;
  readonly workers: number;
}

/** Asks a server for `status` on a connection of its own. */
export class StatusReader {
  readonly #pool: Pool;

  constructor(server: string) {
    this.#pool = createPool({ servers: server });
  }

  async read(functionName: string): Promise<Figures> {
    const connection = await this.#pool.acquire();
    const lines = await new Promise<string[]>((resolve, reject) => {
      connection.command('status\n', 'list', { onLines: resolve, onReplyError: reject });
    });
    const row = lines.map((line) => line.split('\t')).find(([name]) => name === functionName);
    const [, total = '0', running = '0', workers = '0'] = row ?? [];
    return { total: Number(total), running: Number(running), workers: Number(workers) };
  }

  /** Asks until `isRight` holds. */
  async until(functionName: string, isRight: (figures: Figures) => boolean): Promise<Figures> {
    for (;;) {
      const figures = await this.read(functionName);
      if (isRight(figures)) return figures;
    }
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}
