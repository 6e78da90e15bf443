const MASK = '•••';

/** A value of `-e` as it may be shown: `k=v` keeps its names, `@FILE` stays; a mapping is masked whole. */
export function maskedVars(value: string): string {
  if (value.startsWith('@')) return value;
  const names = [...value.matchAll(/(?:^|\s)([A-Za-z_]\w*)=/g)].map(([, name = '']) => `${name}=${MASK}`);
  return /^\s*[[{]/.test(value) || names.length === 0 ? MASK : names.join(' ');
}

/** The words of a command line as a report may hold them: values of `-e` can be secrets. */
export function shownArgv(words: readonly string[]): string[] {
  return words.map((word, index) => {
    const [, flag, value] = /^(-e|--extra-vars=)(.+)$/s.exec(word) ?? [];
    if (flag !== undefined && value !== undefined) return `${flag}${maskedVars(value)}`;
    const before = words[index - 1];
    return before === '-e' || before === '--extra-vars' ? maskedVars(word) : word;
  });
}
