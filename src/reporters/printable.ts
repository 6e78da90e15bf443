/** Text from a host, safe for a terminal: control characters but newline and tab are shown, not sent. */
export const printable = (text: string): string =>
  text.replaceAll(
    /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
