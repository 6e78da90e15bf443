/**
 * One word for a POSIX shell (dash, bash, ash): single quotes hold everything but a single quote
 * (POSIX.1-2017 XCU 2.2.2). NUL cannot be in an argument at all.
 */
export function quote(value: string | number): string {
  const text = String(value);
  if (text.includes('\0')) throw new RangeError('a NUL byte cannot be passed to a shell');
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Shell text in which every interpolated value is one quoted word; lists become several words. */
export function sh(
  strings: TemplateStringsArray,
  ...values: readonly (string | number | readonly (string | number)[])[]
): string {
  let text = strings[0] ?? '';
  values.forEach((value, index) => {
    const words = Array.isArray(value) ? value : [value];
    text += words.map((word: string | number) => quote(word)).join(' ') + (strings[index + 1] ?? '');
  });
  return text;
}
