/** How templates are compiled: a value that is missing is an error, and nothing is escaped for HTML. */
export const OPTIONS = { strict: true, noEscape: true };

/** Our own templates by their text, compiled when `dist/` is built: build.mjs fills this in, where src/ runs there are none. */
export const COMPILED: ReadonlyMap<string, TemplateSpecification> = new Map();
