const ARMOR = '-----BEGIN AGE ENCRYPTED FILE-----';
const BINARY = 'age-encryption.org/v1\n';

export const isAgeText = (text: string): boolean => text.trimStart().startsWith(ARMOR);

/** Whether these bytes are a file of age(1), armored or not. */
export const isAgeFile = (bytes: Buffer): boolean =>
  bytes.subarray(0, BINARY.length).toString('latin1') === BINARY ||
  isAgeText(bytes.subarray(0, 200).toString('latin1'));

/** The identities in the text of a key file, as age-keygen(1) writes it. Throws RangeError for anything else. */
export function parseIdentities(text: string): string[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const identities = lines.filter((line) => line !== '' && !line.startsWith('#'));
  if (identities.length === 0) throw new RangeError('it holds no identity');
  if (!identities.every((line) => /^AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]+$/.test(line)))
    throw new RangeError('it holds something else than AGE-SECRET-KEY-1… identities');
  return identities;
}

/**
 * Opens a file of age. Undefined = none of the identities is one that it was made for. Throws RangeError for bytes that
 * are no such file, or not whole.
 */
export async function openAge(bytes: Buffer, identities: readonly string[]): Promise<Buffer | undefined> {
  const { armor, Decrypter } = await import('age-encryption');
  try {
    const decrypter = new Decrypter();
    identities.forEach((identity) => decrypter.addIdentity(identity));
    const text = bytes.toString('latin1');
    const file = isAgeText(text) ? armor.decode(text.trim()) : bytes;
    return Buffer.from(await decrypter.decrypt(file));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (/no identity matched/i.test(message)) return undefined;
    throw new RangeError(message);
  }
}
