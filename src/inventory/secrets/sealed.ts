import { isMapping } from '../document.ts';
import { hasJinja } from '../jinja.ts';
import { openSecrets, Secret, secretOf, secretsIn } from '../../model/secret.ts';
import { countAsEncrypted, isEncryptedValue } from './references.ts';
import { SealedText, Verbatim } from '../special-values.ts';

/** What secrets of encrypted files stand for, with its type: they were read together with their file. */
const plainValues = new WeakMap<Secret, string | number>();

/** A secret whose value was known when the inventory was loaded. */
export function knownSecret(value: string | number): Secret {
  const secret = new Secret(String(value));
  plainValues.set(secret, value);
  return secret;
}

/** From now on this secret, which has been read, may stand where provision reads the value. */
export const makeKnown = (secret: Secret): void => void plainValues.set(secret, secret.reveal());

/** A text with secrets in it as one secret: in JSON, for one, its value is escaped as a whole. */
export function combinedSecret(text: string): Secret {
  const parts = secretsIn(text);
  if (parts.every((secret) => plainValues.has(secret))) return knownSecret(openSecrets(text));
  const whole = secretOf(text);
  if (parts.every((secret) => plainValues.has(secret) || isEncryptedValue(secret))) countAsEncrypted(whole);
  return whole;
}

/** The values of an encrypted file of variables: each text and number is a secret, keys and true and false are not. */
export function sealed(value: unknown): unknown {
  if (typeof value === 'string') return hasJinja(value) ? new SealedText(value) : knownSecret(value);
  if (typeof value === 'number') return knownSecret(value);
  if (value instanceof Verbatim) return knownSecret(value.text);
  if (value instanceof Secret) return value;
  if (Array.isArray(value)) return value.map(sealed);
  if (!isMapping(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, sealed(inner)]));
}

/** The same with the plain values of known secrets; others stay what they are. */
export function unsealed(value: unknown): unknown {
  if (value instanceof Secret) return plainValues.get(value) ?? value;
  if (secretsIn(value).length === 0) return value;
  if (Array.isArray(value)) return value.map(unsealed);
  if (!isMapping(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unsealed(inner)]));
}
