import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** A fenced block, and the comment `<!-- MARK -->` right above it, if any. */
export interface Block {
  readonly file: string;
  readonly line: number;
  readonly language: string;
  readonly mark: string;
  readonly text: string;
}

/** Every page that people read, as paths from the root of the repository. */
export const pages = (): string[] => [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => path.join('docs', name))
    .sort(),
];

export const textOf = (page: string): string => readFileSync(page, 'utf8');

export function blocksOf(file: string, text = textOf(file)): Block[] {
  const blocks: Block[] = [];
  const lines = text.split('\n');
  for (let at = 0; at < lines.length; at += 1) {
    const fence = /^```(\w*)$/.exec(lines[at] ?? '');
    if (!fence) continue;
    const end = lines.indexOf('```', at + 1);
    const above = lines.slice(0, at).findLast((line) => line.trim() !== '') ?? '';
    blocks.push({
      file,
      line: at + 1,
      language: fence[1] ?? '',
      mark: /^<!-- (.+) -->$/.exec(above)?.[1] ?? '',
      text: `${lines.slice(at + 1, end).join('\n')}\n`,
    });
    at = end;
  }
  return blocks;
}

export const blocks = (language: string): Block[] =>
  pages()
    .flatMap((page) => blocksOf(page))
    .filter((block) => block.language === language);

/** The page without its fenced blocks. */
export const proseOf = (text: string): string => text.replaceAll(/^```[\s\S]*?^```$/gm, '');
