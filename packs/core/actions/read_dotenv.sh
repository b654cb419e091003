# The parameters on standard input, one at a time. Each call of next_param sets
# KEY and VALUE, exactly as they were before they were written as dotenv
# (key='value', a quote inside as '\''), and fails at the end of the input.
# POSIX sh with builtins only.

next_param() {
  KEY= VALUE=
  IFS= read -r _line || [ -n "$_line" ] || return 1
  KEY=${_line%%=*}
  _line=${_line#*=\'}
  while :; do
    case $_line in
      *\'*) ;;
      *)
        # The value goes on in the next line.
        VALUE=$VALUE$_line$_newline
        IFS= read -r _line || [ -n "$_line" ] || return 0
        continue
        ;;
    esac
    VALUE=$VALUE${_line%%\'*}
    _line=${_line#*\'}
    case $_line in
      \\\'\'*)
        VALUE=$VALUE\'
        _line=${_line#\\\'\'}
        ;;
      *) return 0 ;;
    esac
  done
}

_newline='
'
