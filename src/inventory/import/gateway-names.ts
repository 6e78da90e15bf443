/** What may be a name in an inventory: letters, digits, `_`, `.`, `-`, 64 characters (`thingName` of the schema). */
const LONGEST = 64;

/** A text of the cloud as a name; empty when nothing of it can stay. */
export const asName = (text: string): string =>
  text
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[^A-Za-z0-9_.]+/g, '-')
    .replaceAll(/^[.-]+|[.-]+$/g, '')
    .slice(0, LONGEST);

/** Gives each wish a name of its own: the first of several equal ones keeps it, the next is `NAME-2`. */
export function namer(): (wish: string, otherwise: string) => string {
  const taken = new Set(['__proto__']);
  return (wish, otherwise) => {
    const base = asName(wish) || asName(otherwise) || 'entry';
    for (let count = 1; ; count += 1) {
      const suffix = count === 1 ? '' : `-${count}`;
      const name = `${base.slice(0, LONGEST - suffix.length)}${suffix}`;
      if (taken.has(name)) continue;
      taken.add(name);
      return name;
    }
  };
}
