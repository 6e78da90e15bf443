import type { ScalarTag } from 'yaml';

// What a plain word of YAML means to Ansible: PyYAML's resolver.py and constructor.py (YAML 1.1).
const NULL = /^(?:~|null|Null|NULL|)$/;
const TRUE = /^(?:yes|Yes|YES|true|True|TRUE|on|On|ON)$/;
const FALSE = /^(?:no|No|NO|false|False|FALSE|off|Off|OFF)$/;
const INT =
  /^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/;
const FLOAT =
  /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;
const TIMESTAMP =
  /^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?$/;

// The core schema of YAML 1.2 (chapter 10.3).
const CORE_INT = /^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$/;
const CORE_FLOAT =
  /^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;

type Plain = string | number | boolean | null;

const sexagesimal = (digits: string): number =>
  digits.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);

function numberIn(text: string): number {
  const digits = text.replaceAll('_', '').replace(/^[-+]/, '');
  const sign = text.startsWith('-') ? -1 : 1;
  if (/^\.(?:inf)$/i.test(digits)) return sign * Infinity;
  if (/^\.nan$/i.test(digits)) return NaN;
  if (digits.includes(':')) return sign * sexagesimal(digits);
  if (/^0[0-7]+$/.test(digits)) return sign * parseInt(digits, 8);
  return sign * Number(digits);
}

/** A plain word as Ansible reads it. A whole number that JavaScript would round stays text, digit by digit. */
export function ansibleReading(text: string): Plain {
  if (NULL.test(text)) return null;
  if (TRUE.test(text)) return true;
  if (FALSE.test(text)) return false;
  if (INT.test(text)) {
    const number = numberIn(text);
    return Number.isSafeInteger(number) ? number + 0 : text;
  }
  return FLOAT.test(text) ? numberIn(text) : text;
}

/** The same word as YAML 1.2 reads it. */
export function coreReading(text: string): Plain {
  if (NULL.test(text)) return null;
  if (/^(?:true|True|TRUE|false|False|FALSE)$/.test(text)) return text.toLowerCase() === 'true';
  if (CORE_INT.test(text)) {
    const number = Number(text.replace(/^\+/, ''));
    return Number.isSafeInteger(number) ? number + 0 : text;
  }
  return CORE_FLOAT.test(text) ? numberIn(text) : text;
}

/** A time of day on a date is one to Ansible, and text here. */
export const isTimestamp = (text: string): boolean => TIMESTAMP.test(text);

const tag = (name: string, test: RegExp, identify: (value: unknown) => boolean): ScalarTag => ({
  default: true,
  tag: `tag:yaml.org,2002:${name}`,
  test,
  identify,
  resolve: ansibleReading,
});

/** Tags for the parser, which make it read plain words as Ansible does. */
export const ANSIBLE_SCALARS: readonly ScalarTag[] = [
  tag('null', NULL, (value) => value === null),
  tag('bool', new RegExp(`${TRUE.source}|${FALSE.source}`), (value) => typeof value === 'boolean'),
  tag('int', INT, (value) => Number.isInteger(value)),
  tag('float', FLOAT, (value) => typeof value === 'number'),
];
