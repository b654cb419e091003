# Does nothing, and exits as it is told.
. "${0%/*}/read_dotenv.sh"

message= exit_code=0
while next_param; do
  case $KEY in
    message) message=$VALUE ;;
    exit_code) exit_code=$VALUE ;;
  esac
done

case $exit_code in
  '' | *[!0-9]* | ????*) valid=no ;;
  *) [ "$exit_code" -le 255 ] && valid=yes || valid=no ;;
esac
if [ "$valid" = no ]; then
  printf 'exit_code must be a whole number from 0 to 255, not "%s"\n' "$exit_code" >&2
  exit 1
fi

[ -n "$message" ] && printf '[NOOP] %s\n' "$message"
printf 'No operation completed successfully\n'
exit "$exit_code"
