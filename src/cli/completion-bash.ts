import type { Kind, TypedCommand } from './completion-words.ts';

interface Row {
  readonly path: string;
  readonly command: TypedCommand;
}

/** Every command by what is typed before it, the root first: `provision inventory list`. */
function rows(command: TypedCommand, above = ''): Row[] {
  const path = `${above}${command.name}`;
  return [{ path, command }, ...command.commands.flatMap((each) => rows(each, `${path} `))];
}

/** The root takes the flags and places of the command that runs when none is named. */
const whole = ({ flags, places, fallback }: TypedCommand): Pick<TypedCommand, 'flags' | 'places'> => ({
  flags: [
    ...flags,
    ...(fallback?.flags ?? []).filter(({ names }) => !flags.some((own) => own.names[0] === names[0])),
  ],
  places: fallback === undefined ? places : fallback.places,
});

/** Shell text that offers what a value can be. */
function offer(kind: Kind): string {
  if (typeof kind === 'object') return `_provision_words '${kind.words.join(' ')}'`;
  if (kind === 'other') return ':';
  return `_provision_files ${kind === 'directory' ? '-d' : '-f'}`;
}

function wordsOf({ path, command }: Row): string {
  const { flags } = whole(command);
  const names = flags.flatMap((flag) => flag.names);
  const valued = flags.filter(({ value }) => value !== null).flatMap((flag) => flag.names);
  return `    '${path}') flags='${names.join(' ')}' valued='${valued.join(' ')}' commands='${command.commands.map(({ name }) => name).join(' ')}' ;;`;
}

function valuesOf({ path, command }: Row): string[] {
  return whole(command).flags.flatMap(({ names, value }) =>
    value === null ? [] : [`    ${names.map((name) => `'${path} ${name}'`).join(' | ')}) ${offer(value)} ;;`],
  );
}

const placesOf = ({ path, command }: Row): string[] =>
  whole(command).places.map((kind, index) => `    '${path} ${index}') ${offer(kind)} ;;`);

/** A script for bash 3.2 and later that needs no other package: `source <(provision completion bash)`. */
export function completionScript(root: TypedCommand): string {
  const all = rows(root);
  return `# bash completion of provision; printed by: provision completion bash

_provision_words() { COMPREPLY+=($(compgen -W "$1" -- "$cur")); }

_provision_files() {
  local IFS=$'\\n'
  compopt -o filenames 2>/dev/null
  COMPREPLY+=($(compgen "$1" -- "$cur"))
}

# What the command in $path takes.
_provision_command() {
  case $path in
${all.map(wordsOf).join('\n')}
  esac
}

_provision() {
  local cur=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]}
  local path=${root.name} place=0 index=1 word flags valued commands
  COMPREPLY=()
  # bash takes --flag=value apart at the sign.
  if [[ $before == '=' ]]; then before=\${COMP_WORDS[COMP_CWORD-2]}
  elif [[ $cur == '=' ]]; then cur=''
  fi
  _provision_command
  while ((index < COMP_CWORD)); do
    word=\${COMP_WORDS[index]}
    if [[ $word == -* ]]; then
      if [[ " $valued " == *" $word "* ]]; then
        [[ \${COMP_WORDS[index+1]} == '=' ]] && ((index++))
        ((index++))
      fi
    elif ((place == 0)) && [[ " $commands " == *" $word "* ]]; then
      path+=" $word"
      _provision_command
    else
      ((place++))
    fi
    ((index++))
  done
  if [[ $before == -* && " $valued " == *" $before "* ]]; then
    case "$path $before" in
${all.flatMap(valuesOf).join('\n')}
    esac
  elif [[ $cur == -* ]]; then
    _provision_words "$flags"
  else
    ((place == 0)) && _provision_words "$commands"
    case "$path $place" in
${all.flatMap(placesOf).join('\n')}
    esac
  fi
}

complete -F _provision ${root.name}
`;
}
