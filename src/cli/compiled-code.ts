import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import path from 'node:path';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';
import { cacheDirectory } from '../playbook/cache-directory.ts';

export interface Compiled<T> {
  readonly exports: T;
  /** Keeps what V8 has compiled by now, for the next start. Does nothing when it was taken from there, or cannot be kept. */
  readonly keep: () => void;
}

/** Of other versions of Node or of provision: so many are left beside the newest. */
const OTHERS = 3;

/**
 * V8 itself compares its own version, its flags and the length of the text (`SerializedCodeData::SanityCheck` of
 * V8's src/snapshot/code-serializer.cc), not the text: the name says which text it was, by the hash in its first line, and by
 * its time for one that was edited since.
 */
function nameOf(file: string, text: string): string {
  const [build = ''] = /[0-9a-f]{16,}/.exec(text.slice(0, 80)) ?? [];
  return [process.version, process.arch, build, Math.trunc(statSync(file).mtimeMs)].join('-');
}

/** The sum of the bytes stands behind them: V8 checks none. Undefined when there is nothing, or nothing whole. */
function read(place: string): Buffer | undefined {
  try {
    const bytes = readFileSync(place);
    const code = bytes.subarray(0, -4);
    return bytes.length > 4 && crc32(code) === bytes.readUInt32LE(bytes.length - 4) ? code : undefined;
  } catch {
    return undefined;
  }
}

function write(place: string, code: Buffer): void {
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(crc32(code));
  try {
    // Whole or not there: other runs may start just now.
    const next = `${place}.${process.pid}`;
    writeFileSync(next, Buffer.concat([code, sum]), { mode: 0o600, flag: 'wx' });
    renameSync(next, place);
    const directory = path.dirname(place);
    const age = (name: string) => Date.now() - statSync(path.join(directory, name)).mtimeMs;
    readdirSync(directory)
      .filter((name) => name !== path.basename(place))
      .toSorted((a, b) => age(a) - age(b))
      .slice(OTHERS)
      .forEach((name) => rmSync(path.join(directory, name), { force: true }));
  } catch {
    // A full disk, or a directory that may not be written: the next start compiles again.
  }
}

/**
 * Runs a CommonJS file of ASCII text, by what V8 compiled of it before if there is that. Afterwards `require` and
 * `import` of the file give the same instance.
 */
export function loadCompiled<T>(file: string, directory = cacheDirectory('code')): Compiled<T> {
  const text = readFileSync(file, 'latin1');
  // Flags of V8 are a part of what it compiles: those that ask for something special compile for themselves.
  const usual = process.execArgv.length === 0 && process.env['NODE_OPTIONS'] === undefined;
  const place = directory === false || !usual ? undefined : path.join(directory, nameOf(file, text));
  const cachedData = place === undefined ? undefined : read(place);
  const script = new Script(Module.wrap(text), {
    filename: file,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
  const require = createRequire(file);
  const module = new Module(file);
  require.cache[file] = module;
  const body = script.runInThisContext() as (...scope: unknown[]) => void;
  body.call(module.exports, module.exports, require, module, file, path.dirname(file));
  module.loaded = true;
  const taken = cachedData !== undefined && script.cachedDataRejected !== true;
  return {
    exports: module.exports as T,
    keep: () => {
      if (place !== undefined && !taken) write(place, script.createCachedData());
    },
  };
}
