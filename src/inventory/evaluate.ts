import { dirname, resolve } from 'node:path';
import { MASK } from '../model/mask.ts';
import { Secret, secretsIn } from '../model/secret.ts';
import { Deferred, setValue, valueOf } from './deferred.ts';
import { closest } from './did-you-mean.ts';
import { findString, isMapping, pathText } from './document.ts';
import type { Path } from './document.ts';
import { hasJinja, parseJinja } from './jinja.ts';
import { kindOf } from './kind-of.ts';
import type { Problem } from './problems.ts';
import { combinedSecret, knownSecret } from './secrets/sealed.ts';
import { SealedText, Verbatim } from './special-values.ts';
import type { Definition, Definitions, HostEntry } from './tree.ts';

/** A host with its variables as they were written. */
export interface WrittenHost {
  readonly entry: HostEntry;
  /** Every group it is in, as Ansible orders them. */
  readonly groups: readonly string[];
  readonly definitions: Definitions;
}

/** Why a text cannot be evaluated. */
class Refusal extends Error {
  readonly hint: string;
  readonly missing: boolean;
  /** Set where the culprit is another variable. */
  readonly problem: Problem | undefined;

  constructor(message: string, hint: string, missing = false, problem?: Problem) {
    super(message);
    this.hint = hint;
    this.missing = missing;
    this.problem = problem;
  }
}

const plain = new WeakMap<Definition, boolean>();
function isPlain(definition: Definition): boolean {
  let known = plain.get(definition);
  if (known === undefined) {
    known = findString(definition.value, hasJinja) === undefined;
    plain.set(definition, known);
  }
  return known;
}

/**
 * Resolves plain references to other variables (`{{ name.key }}`), in all variables of all hosts; a value that is one
 * reference keeps its type. Whatever cannot be resolved becomes a `Deferred`.
 */
export class Evaluation {
  readonly hosts: ReadonlyMap<string, WrittenHost>;
  readonly groups: ReadonlyMap<string, readonly string[]>;
  private readonly done = new Map<string, unknown>();
  /** What is being resolved just now: `host variable`. */
  private readonly trail: string[] = [];

  constructor(hosts: ReadonlyMap<string, WrittenHost>, groups: ReadonlyMap<string, readonly string[]>) {
    this.hosts = hosts;
    this.groups = groups;
  }

  /** The variables of a host; a definition without references is the same one for all hosts. */
  definitionsOf(host: WrittenHost): Definitions {
    const result: Definitions = new Map();
    for (const [key, definition] of host.definitions)
      result.set(
        key,
        isPlain(definition) ? definition : { ...definition, value: this.variable(host, definition) },
      );
    return result;
  }

  private variable(host: WrittenHost, definition: Definition): unknown {
    if (isPlain(definition)) return definition.value;
    const id = `${host.entry.name} ${definition.key}`;
    if (this.done.has(id)) return this.done.get(id);
    if (this.trail.includes(id)) {
      const circle = [...this.trail.slice(this.trail.indexOf(id)), id].map((each) =>
        each.slice(each.indexOf(' ') + 1),
      );
      throw new Refusal(
        `variables refer to each other in a circle: ${circle.join(' > ')}`,
        'Write one of them out.',
      );
    }
    this.trail.push(id);
    const value = this.value(host, definition, definition.value, []);
    this.trail.pop();
    this.done.set(id, value);
    return value;
  }

  private value(host: WrittenHost, definition: Definition, value: unknown, path: Path): unknown {
    if (typeof value === 'string') return hasJinja(value) ? this.leaf(host, definition, value, path) : value;
    if (value instanceof Secret) return value;
    if (value instanceof Verbatim) return value.text;
    if (value instanceof SealedText) return this.leaf(host, definition, value.text, path, true);
    if (!Array.isArray(value) && !isMapping(value)) return value;
    const result: object = Array.isArray(value) ? [] : {};
    for (const [key, inner] of Array.isArray(value) ? value.entries() : Object.entries(value))
      setValue(result, key, this.value(host, definition, inner, [...path, key]));
    return result;
  }

  private leaf(
    host: WrittenHost,
    definition: Definition,
    text: string,
    path: Path,
    isSealed = false,
  ): unknown {
    try {
      return this.text(host, text, isSealed);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { key, origin } = definition;
      const problem = error.problem ?? {
        message: `${pathText([key, ...path])}: ${error.message}`,
        hint: error.hint,
        origin: { ...origin, path: [...origin.path, ...path] },
      };
      return new Deferred(isSealed ? MASK : text, problem, error.missing);
    }
  }

  private text(host: WrittenHost, text: string, isSealed: boolean): unknown {
    const parsed = parseJinja(text);
    if ('refused' in parsed)
      throw new Refusal(
        `${isSealed ? 'this' : parsed.refused} is more of Jinja than a reference to a variable, which is all that is evaluated here`,
        'Write the value out, or compute it in the playbook.',
      );
    const literal = (piece: string): unknown => (isSealed ? knownSecret(piece) : piece);
    const values = parsed.parts.map((part) =>
      'literal' in part ? literal(part.literal) : this.reference(host, part.name, part.path),
    );
    if (values.length === 1) return values[0];
    const whole = values.map((value, index) => inText(value, parsed.parts[index])).join('');
    return secretsIn(whole).length > 0 ? combinedSecret(whole) : whole;
  }

  private reference(host: WrittenHost, name: string, path: Path): unknown {
    const definition = host.definitions.get(name);
    if (definition) return inside(this.variable(host, definition), name, path);
    if (name === 'hostvars') {
      const [other, variable, ...rest] = path;
      const found = this.hosts.get(String(other));
      if (!found)
        throw new Refusal(`there is no host ${JSON.stringify(other)}`, 'Name a host of the inventory.', true);
      return this.reference(found, String(variable), rest);
    }
    const magic = this.magic(host).get(name);
    if (magic === undefined) throw this.unknown(host, name);
    return inside(magic(), name, path);
  }

  /** What Ansible sets for every host (HostVars, InventoryData). */
  private magic({ entry, groups }: WrittenHost): ReadonlyMap<string, () => unknown> {
    const file = resolve(entry.origin.document.file);
    return new Map<string, () => unknown>([
      ['inventory_hostname', () => entry.name],
      // An address has no short form.
      [
        'inventory_hostname_short',
        () => (/^[\d.]+$/.test(entry.name) ? entry.name : (entry.name.split('.')[0] ?? '')),
      ],
      ['group_names', () => groups.filter((group) => group !== 'all').sort()],
      ['groups', () => Object.fromEntries(this.groups)],
      ['inventory_file', () => file],
      ['inventory_dir', () => dirname(file)],
    ]);
  }

  private unknown({ definitions }: WrittenHost, name: string): Refusal {
    const near = closest(name, definitions.keys());
    const hint =
      near !== undefined
        ? `Did you mean "${near}"?`
        : name.startsWith('ansible_')
          ? 'Facts of Ansible are not gathered here: write the value out.'
          : 'Define it, or write the value out.';
    return new Refusal(`there is no variable ${JSON.stringify(name)}`, hint, true);
  }
}

function inside(value: unknown, name: string, path: Path): unknown {
  let inner = value;
  for (const [depth, step] of path.entries()) {
    refuseDeferred(inner);
    const key = Array.isArray(inner) && typeof step === 'number' && step < 0 ? inner.length + step : step;
    const property =
      typeof inner === 'object' && inner !== null ? Object.getOwnPropertyDescriptor(inner, key) : undefined;
    if (!property || key === 'length')
      throw new Refusal(
        `there is no ${String(step)} in ${pathText([name, ...path.slice(0, depth)])}`,
        'Mend the reference, or write the value out.',
        true,
      );
    inner = valueOf(property);
  }
  refuseDeferred(inner);
  return inner;
}

function refuseDeferred(value: unknown): void {
  if (value instanceof Deferred) throw new Refusal('', '', value.missing, value.problem);
}

function inText(value: unknown, part: unknown): string {
  if (typeof value === 'string' || value instanceof Secret) return String(value);
  // As Python writes them.
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const { text } = part as { text: string };
  throw new Refusal(
    `${text} is ${kindOf(value)}, and stands inside text`,
    'Refer to a text or a number in it.',
  );
}
