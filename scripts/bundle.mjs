#!/usr/bin/env node
/** Bundles the commands of @gearman/cli. Says nothing when there is nothing to do. */
import { bundleCommands } from './lib/bundle.mjs';

const written = await bundleCommands();
if (written.length > 0) process.stdout.write(`bundled ${written.length} files\n`);
