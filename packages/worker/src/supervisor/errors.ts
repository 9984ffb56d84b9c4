import { GearmanError } from '@gearman/protocol';

/** A process could not load its module, or ended before it had; `cause` is what the module threw, as far as it travels. */
export class ModuleError extends GearmanError {
  override readonly name = 'ModuleError';
  readonly code = 'ERR_GEARMAN_MODULE';
  /** The module, or the folder of modules. */
  readonly module: string;

  constructor(module: string, reason: string, options?: ErrorOptions) {
    super(`${module}: ${reason}`, options);
    this.module = module;
  }
}
