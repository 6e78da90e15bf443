import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { ProvisionError } from '../model/error.ts';

export interface FileToWrite {
  /** Relative to the directory: `gw1/etc/sysctl.d/…`. */
  readonly path: string;
  readonly text: string;
}

/** Lists what render has written: only that is ever taken away again. */
export const LIST = '.provision-render';

const refuse = (message: string): never => {
  throw new ProvisionError('usage', message, { hint: 'Give --out a new directory.' });
};

/** The paths of the list, none of which leads out of the directory. */
function listed(directory: string): string[] {
  const lines = readFileSync(path.join(directory, LIST), 'utf8').split('\n');
  return lines.filter(
    (line) => line !== '' && !path.isAbsolute(line) && !path.normalize(line).startsWith('..'),
  );
}

/** `gw1`, `gw1/etc`: what lies above `gw1/etc/x`. */
function foldersOf(file: string): string[] {
  const words = path.dirname(file).split(path.sep);
  return words.map((_word, index) => words.slice(0, index + 1).join(path.sep));
}

/** A link that somebody put into the directory may lead anywhere: nothing is written or removed behind one. */
const behindLink = (directory: string, file: string): boolean =>
  foldersOf(file).some((folder) =>
    lstatSync(path.join(directory, folder), { throwIfNoEntry: false })?.isSymbolicLink(),
  );

function removeEarlier(directory: string): void {
  for (const file of listed(directory).filter((each) => !behindLink(directory, each))) {
    rmSync(path.join(directory, file), { force: true });
    for (const folder of foldersOf(file).toReversed()) {
      const whole = path.join(directory, folder);
      if (existsSync(whole) && readdirSync(whole).length === 0) rmdirSync(whole);
    }
  }
}

/**
 * Writes files below a directory that is new, empty, or was written by render before; of the latter, what render
 * wrote is replaced and anything else is left. Returns the paths written. Throws `usage` for any other directory.
 */
export function renderDirectory(directory: string, files: readonly FileToWrite[]): string[] {
  try {
    mkdirSync(directory, { recursive: true });
    const found = readdirSync(directory);
    if (found.includes(LIST)) removeEarlier(directory);
    else if (found.length > 0) refuse(`${directory} is not empty, and render did not write it.`);
    writeFileSync(path.join(directory, LIST), files.map((file) => `${file.path}\n`).join(''));
    return files.map((file) => {
      const target = path.join(directory, file.path);
      if (behindLink(directory, file.path)) refuse(`${target} lies behind a symbolic link.`);
      mkdirSync(path.dirname(target), { recursive: true });
      rmSync(target, { force: true });
      writeFileSync(target, file.text);
      return target;
    });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined || !/^E[A-Z]+$/.test(code)) throw error;
    return refuse(`${directory} cannot be written: ${message}.`);
  }
}
