#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { runProgram } from './program.ts';

// Nothing but commander is loaded before a command is known: `--version` and `--help` answer at once.
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

await runProgram(version, process.argv.slice(2));
