import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';

/** Which folder may import which (design: an import points only downwards). The table is the documentation. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  cli: [
    'lab',
    'reporters',
    'engine',
    'transport',
    'inventory',
    'playbook',
    'templating.ts',
    'model',
    'index.ts',
  ],
  lab: ['inventory', 'model', 'shell'],
  reporters: ['model'],
  engine: ['templating.ts', 'model', 'shell'],
  transport: ['model', 'shell'],
  inventory: ['playbook', 'roles/variables', 'model'],
  playbook: ['model'],
  roles: ['checks', 'resources', 'model', 'shell'],
  checks: ['model', 'shell'],
  resources: ['model', 'shell'],
  'templating.ts': ['compiled-templates.ts', 'model', 'shell'],
  'compiled-templates.ts': [],
  'index.ts': ['playbook', 'roles', 'checks', 'resources', 'shell', 'model'],
  model: [],
  shell: [],
};

/** A library that stands for a layer is named only there. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  commander: ['cli'],
  listr2: ['reporters'],
  elkjs: ['reporters'],
  'node-ssh': ['transport'],
  ssh2: ['transport'],
  jiti: ['playbook'],
  'jsonc-parser': ['inventory'],
  handlebars: ['templating.ts'],
  yaml: ['inventory'],
  zod: ['inventory', 'roles'],
  zx: ['lab'],
};

const SRC = path.resolve('src');
const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

interface Import {
  readonly file: string;
  readonly from: string;
  readonly specifier: string;
}

function importsOf(file: string, text: string): Import[] {
  const folder = file.includes('/') ? (file.split('/')[0] ?? '') : file;
  const found = text.matchAll(
    /(?:^\s*(?:import|export)\b[^;'"]*?from\s*|^\s*import\s*|\bimport\()\s*['"]([^'"]+)['"]/gm,
  );
  return [...found].map((match) => ({ file, from: folder, specifier: match[1] ?? '' }));
}

/** The sentence that says what to mend; null when the import is allowed. */
function complaint({ file, from, specifier }: Import): string | null {
  if (!specifier.startsWith('.')) {
    const library = specifier.startsWith('@')
      ? specifier.split('/').slice(0, 2).join('/')
      : (specifier.split('/')[0] ?? '');
    const owners = OWNERS[library];
    return owners && !owners.includes(from)
      ? `${file} imports ${library}, which belongs to ${owners.join(', ')}`
      : null;
  }
  const target = path.relative(SRC, path.resolve(SRC, path.dirname(file), specifier));
  const to = target.includes('/') ? (target.split('/')[0] ?? '') : target;
  if (to === from) return null;
  const allowed = ARROWS[from] ?? [];
  const fits = allowed.some((arrow) => target === arrow || target.startsWith(`${arrow}/`));
  return fits
    ? null
    : `${file} imports ${target}: ${from} may import only ${allowed.join(', ') || 'nothing'}`;
}

describe('layers', () => {
  it('every folder of src has its row in the table', () => {
    const folders = new Set(files.map((file) => file.split('/')[0] ?? ''));
    expect([...folders].filter((folder) => !(folder in ARROWS))).toEqual([]);
  });

  it('an import points only downwards, and libraries stay in their layer', () => {
    const complaints = files
      .flatMap((file) => importsOf(file, readFileSync(path.join(SRC, file), 'utf8')).map(complaint))
      .filter(Boolean);
    expect(complaints).toEqual([]);
  });

  it('control: an arrow that points up, and a library in the wrong layer, are seen', () => {
    const text =
      "import { run } from '../engine/run.ts';\nimport { z } from 'zod';\nconst x = await import('../cli/main.ts');";
    expect(importsOf('resources/x.ts', text).map(complaint)).toEqual([
      'resources/x.ts imports engine/run.ts: resources may import only model, shell',
      'resources/x.ts imports zod, which belongs to inventory, roles',
      'resources/x.ts imports cli/main.ts: resources may import only model, shell',
    ]);
  });
});
