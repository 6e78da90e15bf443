#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { loadCompiled } from './compiled-code.ts';
import type * as program from './start.ts';

// All of provision is one file, beside which V8 keeps what it compiled of it: that is most of what a small run costs here.
const file = fileURLToPath(new URL('provision.cjs', import.meta.url));
const { exports, keep } = loadCompiled<typeof program>(file);
if (await exports.start(process.argv.slice(2))) keep();
