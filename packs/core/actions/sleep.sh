# Waits for the given number of seconds, 0 to 3600.
. "${0%/*}/read_dotenv.sh"

message= seconds=1
while next_param; do
  case $KEY in
    message) message=$VALUE ;;
    seconds) seconds=$VALUE ;;
  esac
done

case $seconds in
  '' | *[!0-9]* | ?????*) valid=no ;;
  *) [ "$seconds" -le 3600 ] && valid=yes || valid=no ;;
esac
if [ "$valid" = no ]; then
  printf 'seconds must be a whole number from 0 to 3600, not "%s"\n' "$seconds" >&2
  exit 1
fi

[ -n "$message" ] && printf '%s\n' "$message"
sleep "$seconds"
printf 'Slept for %s seconds\n' "$seconds"
