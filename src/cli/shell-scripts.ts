// What makes a shell ask this program: each script calls it with the words of the line up to the cursor. complete.ts describes what is answered.

const bash = `# bash completion of virnucpro
_virnucpro() {
  local line kind= tab=$'\\t'
  COMPREPLY=()
  while IFS= read -r line; do
    if [ -z "$kind" ]; then kind=$line; else COMPREPLY+=("\${line%%"$tab"*}"); fi
  done < <(virnucpro __complete bash "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  case $kind in
    files) compopt -o default -o bashdefault ;;
    folders) compopt -o plusdirs ;;
  esac 2>/dev/null
}
complete -F _virnucpro virnucpro
`

const zsh = `#compdef virnucpro
_virnucpro() {
  local line kind=
  local -a values
  while IFS= read -r line; do
    if [[ -z $kind ]]; then kind=$line; else values+=("$line"); fi
  done < <(virnucpro __complete zsh "\${(@)words[2,CURRENT]}" 2>/dev/null)
  compset -P '--*='
  (( $#values )) && _describe virnucpro values
  case $kind in
    files) _files ;;
    folders) _files -/ ;;
  esac
}
if [[ \${funcstack[1]} == _virnucpro ]]; then _virnucpro; else compdef _virnucpro virnucpro; fi
`

const fish = `# fish completion of virnucpro
function __virnucpro_complete
    set -l typed (commandline -ct)
    set -l answer (virnucpro __complete fish (commandline -opc)[2..-1] "$typed" 2>/dev/null)
    set -l prefix (string match -r -- '^--[^=]+=' "$typed")
    set -l rest (string replace -r -- '^--[^=]+=' '' "$typed")
    switch "$answer[1]"
        case files
            printf '%s\\n' "$prefix"(__fish_complete_path "$rest")
        case folders
            printf '%s\\n' "$prefix"(__fish_complete_directories "$rest" '')
    end
    if set -q answer[2]
        printf '%s\\n' "$prefix"$answer[2..-1]
    end
end
complete -c virnucpro -f -a '(__virnucpro_complete)'
`

export const SCRIPTS = { bash, zsh, fish } as const
