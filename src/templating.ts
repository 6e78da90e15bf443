import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import Handlebars from 'handlebars';
import { COMPILED, OPTIONS } from './compiled-templates.ts';
import { codeFrame } from './model/code-frame.ts';
import { isProvisionError, ProvisionError } from './model/error.ts';
import { Secret, secretOf, secretsIn } from './model/secret.ts';
import { quote } from './shell/quote.ts';

/** Renders a template by its id (`firewalld/zone.xml`); throws `template` errors with file, line and column. */
export type Render = (id: string, data: Readonly<Record<string, unknown>>) => string;

interface HandlebarsFailure {
  readonly message: string;
  readonly lineNumber?: number;
  readonly column?: number;
}

const XML_ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** Our helpers refuse undefined, which strict mode lets through as an argument of a helper. A secret stays one. */
function helpers(engine: typeof Handlebars): void {
  const textOf = (name: string, value: unknown): string => {
    if (typeof value === 'string' || typeof value === 'number') return String(value);
    throw new Error(`${name}: the value is not defined`);
  };
  const change = (name: string, how: (text: string) => string): void =>
    engine.registerHelper(name, (value: unknown) => {
      if (value instanceof Secret) return String(value.map(how));
      const text = textOf(name, value);
      return secretsIn(text).length > 0 ? String(secretOf(text).map(how)) : how(text);
    });
  change('xml', (text) => text.replaceAll(/[&<>"']/g, (c) => XML_ENTITIES[c] ?? c));
  change('sh', (text) => quote(text));
  engine.registerHelper('json', (value: unknown) => {
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) throw new Error('json: the value is not defined');
    return text;
  });
}

function place(file: string, failure: HandlebarsFailure) {
  // Parse errors carry their line in the text only; a missing value has it as "- line:column".
  const inText = / - (\d+):(\d+)$/.exec(failure.message) ?? /line (\d+)()/.exec(failure.message);
  const line = failure.lineNumber ?? (inText?.[1] ? Number(inText[1]) : undefined);
  const column = failure.column ?? (inText?.[2] ? Number(inText[2]) : undefined);
  return {
    file,
    ...(line === undefined ? {} : { line }),
    ...(column === undefined ? {} : { column: column + 1 }),
  };
}

/** Looks templates up in `directories`, first hit wins, and renders them strictly and without HTML escaping. */
export function templates(directories: readonly string[]): Render {
  const engine = Handlebars.create();
  helpers(engine);
  const compiled = new Map<string, { file: string; render: Handlebars.TemplateDelegate }>();

  const lookup = (id: string): string => {
    const file = directories
      .map((directory) => path.join(directory, `${id}.hbs`))
      .find((candidate) => existsSync(candidate));
    if (file) return file;
    throw new ProvisionError('template', `There is no template ${id}.hbs in ${directories.join(', ')}.`, {
      hint: `Put ${id}.hbs into one of these directories or give its directory by --templates DIR.`,
    });
  };

  return (id, data) => {
    let found = compiled.get(id);
    const file = found?.file ?? lookup(id);
    try {
      if (!found) {
        const text = readFileSync(file, 'utf8');
        const ready = COMPILED.get(text);
        const render = ready === undefined ? engine.compile(text, OPTIONS) : engine.template(ready);
        found = { file, render };
        compiled.set(id, found);
      }
      return found.render(data);
    } catch (error) {
      // A variable that cannot be evaluated says so itself.
      if (isProvisionError(error)) throw error;
      const failure = error as HandlebarsFailure;
      const where = place(file, failure);
      throw new ProvisionError(
        'template',
        `Template ${path.relative(process.cwd(), file) || file}: ${failure.message.split('\n')[0] ?? ''}`,
        {
          hint: 'Define the value in the inventory or mend the template.',
          place: where,
          frame:
            where.line === undefined
              ? undefined
              : codeFrame(readFileSync(file, 'utf8'), where.line, where.column),
          cause: error,
        },
      );
    }
  };
}
