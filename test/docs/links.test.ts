import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { pages, proseOf, textOf } from './pages.ts';

/** The anchor that a heading gets: lower case, punctuation gone, blanks to hyphens. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/g, '-');

const anchorsIn = (page: string): string[] =>
  [...proseOf(textOf(page)).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading));

interface Link {
  readonly page: string;
  readonly target: string;
}

const linksIn = (page: string, text: string): Link[] =>
  [...proseOf(text).matchAll(/\[[^\]]*\]\(([^)\s]+)\)/g)].map(([, target = '']) => ({ page, target }));

const isOutside = ({ target }: Link): boolean => /^[a-z]+:/.test(target);

/** Why a link leads nowhere; null = it does not. docs/inventory-head.md is read as a part of docs/inventory.md. */
function obstacle({ page, target }: Link): string | null {
  const [file = '', anchor] = target.split('#');
  const base = page === 'docs/inventory-head.md' ? 'docs/inventory.md' : page;
  const to = file === '' ? base : path.join(path.dirname(page), file);
  if (!existsSync(to)) return `${page}: ${to} does not exist`;
  if (anchor === undefined || statSync(to).isDirectory()) return null;
  return anchorsIn(to).includes(anchor) ? null : `${page}: ${to} has no heading #${anchor}`;
}

const FOLDERS = /^(?:src|test|docs|playbooks|templates|inventory|\.github|\.ci)\//;

/** Files and folders of this repository that a page names in code. */
const namedIn = (page: string): { page: string; file: string }[] =>
  [...proseOf(textOf(page)).matchAll(/`([\w./-]+)`/g)]
    .map(([, file = '']) => ({ page, file }))
    .filter(({ file }) => FOLDERS.test(file) && !/\b[A-Z]+\b/.test(file.replace(/\.md$/, '')));

describe('links of the documentation', () => {
  const links = pages().flatMap((page) => linksIn(page, textOf(page)));

  it('lead to files and headings that exist', () => {
    expect(links.length).toBeGreaterThan(40);
    expect(
      links
        .filter((link) => !isOutside(link))
        .map(obstacle)
        .filter(Boolean),
    ).toEqual([]);
  });

  it('to other places are https', () => {
    expect(links.filter(isOutside).filter(({ target }) => !target.startsWith('https://'))).toEqual([]);
  });

  it('control: a link to nowhere is seen', () => {
    const [file, heading] = linksIn('docs/cli.md', '[a](nowhere.md) [b](cli.md#nothing)').map(obstacle);
    expect(file).toContain('does not exist');
    expect(heading).toContain('no heading');
  });
});

it('files that pages name exist', () => {
  const named = pages().flatMap(namedIn);
  expect(named.length).toBeGreaterThan(40);
  expect(named.filter(({ file }) => !existsSync(file))).toEqual([]);
});

it('pages name no place of one machine', () => {
  const found = pages().filter((page) => /(?:^|[\s`(])\/(?:work|home|root|Users|tmp)\b/.test(textOf(page)));
  expect(found.filter((page) => !page.startsWith('docs/adr/'))).toEqual([]);
});
