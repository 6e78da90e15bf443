import type { Kind, TypedCommand, TypedFlag } from './completion-words.ts';

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
/** Signs that _arguments and _describe read themselves. */
const plain = (text: string): string => text.replaceAll(/[\\[\]:]/g, (sign) => `\\${sign}`);

function action(kind: Kind): string {
  if (typeof kind === 'object') return `(${kind.words.join(' ')})`;
  if (kind === 'other') return '';
  return kind === 'directory' ? '_files -/' : '_files';
}

/** One flag for _arguments (zshcompsys(1)): `-i x`, `-ix`, `--inventory x` and `--inventory=x`. */
function flagSpec({ names, description, value, placeholder, repeats }: TypedFlag): string {
  const takes = value === null ? '' : `:${plain(placeholder)}:${action(value)}`;
  const said = quoted(`[${plain(description)}]${takes}`);
  const forms = names.map((name) => (value === null ? name : `${name}${name.startsWith('--') ? '=' : '+'}`));
  const once = repeats ? quoted('*') : quoted(`(${names.join(' ')})`);
  return `${once}${forms.length > 1 ? `{${forms.join(',')}}` : forms.join('')}${said}`;
}

const functionName = (path: readonly string[]): string => `_${path.join('_')}`;

/** Lines of `_arguments -C …`, one specification each. */
const argumentsCall = (specs: readonly string[]): string =>
  ['  _arguments -C -s', ...specs.map((spec) => `    ${spec}`)].join(' \\\n');

function leaf(path: readonly string[], { flags, places }: TypedCommand): string {
  const specs = [
    ...flags.map(flagSpec),
    ...places.map((kind, index) => quoted(`${index + 1}: :${action(kind)}`)),
  ];
  return `${functionName(path)}() {\n  local curcontext=$curcontext state line\n${argumentsCall(specs)}\n}`;
}

function branch(path: readonly string[], { flags, commands, fallback }: TypedCommand): string {
  const own = new Set(flags.flatMap(({ names }) => names));
  const more = (fallback?.flags ?? []).filter(({ names }) => !names.some((name) => own.has(name)));
  const specs = [...[...flags, ...more].map(flagSpec), quoted('1: :->first'), quoted('*:: :->rest')];
  const described = commands.map(({ name, summary }) => `        ${quoted(`${name}:${plain(summary)}`)}`);
  const cases = commands.map(({ name }) => `        ${name}) ${functionName([...path, name])} ;;`);
  return `${functionName(path)}() {
  local curcontext=$curcontext state line
${argumentsCall(specs)}
  case $state in
    first)
      local -a commands=(
${described.join('\n')}
      )
      _describe -t commands command commands${fallback === undefined ? '' : '\n      _files'}
      ;;
    rest)
      case $words[1] in
${cases.join('\n')}${fallback === undefined ? '' : `\n        *) ${functionName([...path, fallback.name])} ;;`}
      esac
      ;;
  esac
}`;
}

function functions(path: readonly string[], command: TypedCommand): string[] {
  const { commands, fallback } = command;
  if (commands.length === 0) return [leaf(path, command)];
  const after = fallback === undefined ? [] : [leaf([...path, fallback.name], { ...fallback, places: [] })];
  return [
    branch(path, command),
    ...after,
    ...commands.flatMap((each) => functions([...path, each.name], each)),
  ];
}

/** A script for zsh, for a directory of $fpath or to be sourced after compinit. */
export function completionScript(root: TypedCommand): string {
  return `#compdef ${root.name}
# zsh completion of provision; printed by: provision completion zsh

${functions([root.name], root).join('\n\n')}

# Called by the completion system as a file of $fpath; sourced, it registers itself.
if [[ $funcstack[1] == _${root.name} ]]; then
  _${root.name} "$@"
else
  compdef _${root.name} ${root.name}
fi
`;
}
